"""The memoised segmenter equals datatrove's for any text, and stays within its bounds."""

import random
import re
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from string import ascii_letters

import pytest
from datatrove.utils.text import split_into_sentences, split_into_words
from datatrove.utils.word_tokenizers import load_tokenizer_assignments
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from filters import chunks
from filters.chunks import LINE_END
from filters.errors import UsageError
from filters.segment import ChunkSegmenter, DatatroveSegmenter, segmenter
from filters.straddle import Straddling, runs, special_pairs
from tests.filters.golden import rows

LOST = "IS_ALPHA"
MARKS = st.sampled_from([*".!?…,;:'\"()[]{}-_/*#•’“”。！ \n\t\xa0\u2028\x1c", "  "])


def special_cases() -> list[str]:
    english = segmenter("en")
    assert isinstance(english, ChunkSegmenter)
    return sorted(english.splitter.nlp.tokenizer.rules)


def pieces() -> st.SearchStrategy[str]:
    known = special_cases()
    halves = sorted(
        {part for pair in special_pairs(segmenter("en").splitter.nlp.tokenizer) for part in pair}
    )
    return st.one_of(MARKS, st.sampled_from(known), st.sampled_from(halves), st.text(max_size=4))


@pytest.fixture(scope="module")
def texts() -> st.SearchStrategy[str]:
    return st.lists(pieces(), max_size=12).map("".join) | st.lists(pieces(), max_size=12).map(
        " ".join
    )


@settings(max_examples=800, deadline=None)
@given(data=st.data())
def test_words_and_sentences_equal_datatroves(texts, data):
    text = data.draw(texts)
    assume(LOST not in text)
    assert segmenter("en").words(text) == split_into_words(text)
    assert segmenter("en").sentence_count(text) == len(split_into_sentences(text))


@settings(max_examples=300, deadline=None)
@given(st.text())
@example("\x00")
@example("\ud7ff \U0010ffff")
@example(" . . ")
def test_any_text_at_all(text):
    assume(LOST not in text)
    assert segmenter("en").words(text) == split_into_words(text)
    assert segmenter("en").sentence_count(text) == len(split_into_sentences(text))


@pytest.mark.parametrize(
    "row", [r for r in rows("segment") if LOST not in r["text"]], ids=lambda r: r["what"]
)
def test_golden_rows_are_datatroves(row):
    assert split_into_words(row["text"]) == row["words"]
    assert len(split_into_sentences(row["text"])) == row["sentences"]


def test_datatrove_cuts_the_lost_word_out_from_the_second_text_on():
    program = f"""
from datatrove.utils.text import split_into_words
for text in ("one {LOST} two", "three {LOST} four", "five x{LOST} six"):
    print(*split_into_words(text))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    first, second, third = done.stdout.splitlines()
    assert first == f"one {LOST} two"
    assert second == "three four"
    assert third == f"five x{LOST} six"
    assert segmenter("en").words(f"one {LOST} two") == ["one", "two"]


def test_another_memo_gives_the_same(monkeypatch):
    text = "Don't stop at 5km, (see :3 below)! " * 3
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 6)
    monkeypatch.setattr(chunks, "LONGEST_CHUNK", 4)
    reader = chunks.MemoReader(segmenter("en").splitter)
    assert reader.words(text) == split_into_words(text)
    assert 0 < len(reader._words) <= 3
    assert 0 < len(reader._words._older) <= 3
    assert all(len(chunk) <= 4 for chunk in reader._words)


def test_straddled_spaces():
    spaces = Straddling({(":", ")"), ("a", ".")}).spaces
    assert spaces("x: )y a .b") == {2, 7}
    assert spaces("x:  ) a\n. a y") == set()
    assert spaces(" ) .") == set()
    assert Straddling(set()).spaces("a b") == set()


def test_runs_join_what_is_straddled():
    assert (runs(" a: )b .\n c", {3, 6})) == ["a: )b .", "c"]
    assert (runs("a b", set())) == ["a", "b"]
    assert (runs(" ", set())) == []


@pytest.mark.parametrize("language", ["deu", "fra", "spa", "rus", "ell", "bg"])
def test_other_languages(language):
    text = "z. B. и др. Das ist, c'est-à-dire (EE. UU.), gut! Μ. Ασία ¿Qué? : ) Ende.  "
    found = segmenter(language)
    assert isinstance(found, ChunkSegmenter)
    assert found.words(text) == split_into_words(text, language)
    assert found.sentence_count(text) == len(split_into_sentences(text, language))


def test_a_language_with_a_tokenizer_of_its_own_goes_to_datatrove():
    language = next(
        name
        for name, make in load_tokenizer_assignments().items()
        if make.args[0] == "WhitespaceTokenizer"
    )
    found = segmenter(language)
    assert isinstance(found, DatatroveSegmenter)
    assert found.words("One two. Three!") == split_into_words("One two. Three!", language)
    assert found.sentence_count("One two. Three!") == 2
    assert found.sentence_count("") == 1
    assert found.fingerprint.endswith(f":{language}")


def test_an_unknown_language_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'en"):
        segmenter("eng_")
    with pytest.raises(UsageError, match="no tokenizer is assigned to language 'klingon'"):
        segmenter("klingon")


def test_a_missing_package_is_named():
    with pytest.raises(UsageError, match="pythainlp"):
        segmenter("tha")
    if find_spec("sudachipy") is None:  # which datatrove looks for at the first word
        with pytest.raises(UsageError, match="'jpn_Jpan' needs a package"):
            segmenter("jpn_Jpan")


def test_one_segmenter_per_process_with_the_version_in_its_fingerprint():
    assert segmenter("en") is segmenter("en")
    assert segmenter("en").fingerprint.startswith("spacy-3.")
    assert segmenter("en").fingerprint == segmenter("eng").fingerprint


def test_spacy_is_not_imported_with_the_module():
    program = "import sys, filters.catalog; print('spacy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("language", ["en", "deu", "rus"])
def test_chunks_are_split_as_spacy_splits_them(language):
    """Special cases between marks, and anything made of marks, letters and digits."""
    found = segmenter(language)
    assert isinstance(found, ChunkSegmenter)
    nlp = found.splitter.nlp
    chance = random.Random(language)
    known = [rule for rule in sorted(nlp.tokenizer.rules) if not any(map(str.isspace, rule))]
    marks = [*"\"'([$-.,;:!?)]%…’“é—#@/*_=+", "'s", "...", "n't", "re-", "km", "http://a.b"]
    letters = [*"abcXYZ019", "word", "U.S", "Ω", "İ"]
    chunks = [
        "".join(chance.choices([*marks, *letters, chance.choice(known)], k=chance.randint(1, 7)))
        for _ in range(4000)
    ]
    answered = 0
    with nlp.vocab.memory_zone():
        for chunk in chunks:
            split = found.splitter.affixes.split(chunk)
            answered += split is not None
            assert split is None or split == [token.text for token in nlp.tokenizer(chunk)], chunk
    assert answered > len(chunks) / 2


def test_framed_words_are_split_as_spacy_splits_them():
    """Words between marks, for which no pattern of spaCy is asked."""
    english = segmenter("en")
    assert isinstance(english, ChunkSegmenter)
    nlp, splitter = english.splitter.nlp, english.splitter.affixes
    assert splitter.splits_framed  # else spaCy's patterns are new: look, then note them
    chance = random.Random("framed")
    known = sorted({found for rule in special_cases() for found in re.findall(r"\w+", rule)})
    cores = ["word", "AM", "A", "s", "re-s", "x–Y", "and/or", "U-S", "12", "1,000.5", "10:30", "9",
             "5km", "a1", "10:30Great", "3.5in", "v1.2b3", "7T", "0a", "12pm"]  # fmt: skip
    genitives = ["'s", "’s", "'S", "’S", *[""] * 4]
    chunks = ["".join(letters) for n in (1, 2) for letters in product(ascii_letters, repeat=n)]
    for _ in range(16000):
        before = "".join(chance.choices("\"'([$#“‘—", k=chance.randrange(3)))
        after = "".join(chance.choices([*",;:!?)]\"'”’.", "...", ".."], k=chance.randrange(4)))
        core = chance.choice([*cores, chance.choice(known)])
        chunks.append(f"{before}{core}{chance.choice(genitives)}{after}")
    with nlp.vocab.memory_zone():
        for chunk in chunks:
            split = splitter.split(chunk)
            assert split is None or split == [token.text for token in nlp.tokenizer(chunk)], chunk


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_counts_of_lines_equal_datatroves(texts, data):
    lines = data.draw(st.lists(texts, min_size=1, max_size=6))
    lines = [part for line in lines for part in line.splitlines()]
    assume(lines and LOST not in "".join(lines))
    words, sentences = segmenter("en").line_counts(lines)
    assert words in (None, len(split_into_words("\n".join(lines))))
    assert sentences == sum(len(split_into_sentences(line)) for line in lines)


def test_lines_are_counted_at_once_where_nothing_is_odd():
    english = segmenter("en")
    assert english.line_counts(["One two.", "Three! Four", "", "(five)"]) == (9, 5)
    assert english.line_counts(["One.  …", "Two.\t(three", "four)"]) == (9, 5)
    assert english.line_counts(["One two.  ", "three."]) == (None, 3)
    assert english.line_counts(["One", LOST, "Two. Three."]) == (None, 4)
    assert english.line_counts([f"One {LINE_END}", "Two."]) == (None, 2)
    assert english.line_counts([]) == (None, 0)


def test_a_run_of_marks_and_space_takes_no_longer_the_longer_it_is():
    for piece in ("\n", " ", "-\n", ".\n", "\n.", " \n- "):
        text = f"a.{piece * 20_000}a"
        assert segmenter("en").sentence_count(text) == len(split_into_sentences(text))
