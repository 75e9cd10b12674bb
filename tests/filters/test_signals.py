"""Promises that every signal keeps, and counts that no golden row can exhaust."""

import itertools
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from datatrove.pipeline.filters.gopher_repetition_filter import (
    find_all_duplicate,
    find_duplicates,
    find_top_duplicate,
    get_n_grams,
)
from datatrove.utils.text import PUNCTUATION_SET
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import minhash, ngrams
from filters.catalog import text_signals
from filters.gopher import duplicates, stop_word_signal
from filters.minhash import MinHasher
from filters.native import kernels
from filters.ngrams import DUP_SIZES, TOP_SIZES, dup_ngram_chars, top_ngram_chars
from filters.repeated_grams import repeated_grams
from filters.rule import parse_rule
from filters.segment import segmenter
from filters.signal import NoValueError
from filters.text import Text
from filters.words import Words, numbered

LINES = st.text(alphabet=st.sampled_from("ab.#-•…\n \u2028\x85{1é"), max_size=120)
# Few letters, so that n-grams repeat, also joined without their separators.
WORDS = st.lists(st.text(alphabet="ab", min_size=1, max_size=3), max_size=60)
LONG_WORDS = st.lists(
    st.sampled_from(["a" * 15, "a" * 16, "a" * 17, "a", "b" * 16, "ab" * 8]), max_size=40
)


def measured(raw: str) -> dict[str, int]:
    text = Text(raw, segmenter("en"))
    counts = {name: item for name, item in text_signals().items() if item.kind is int}
    return {name: item.measure(text) for name, item in counts.items() if item.measure}


@settings(max_examples=300, deadline=None)
@given(st.text() | LINES)
def test_signals_are_counts_within_the_length(raw):
    values = measured(raw)
    assert all(type(value) is int and value >= 0 for value in values.values())
    # Commonest n-grams overlap and are joined with spaces that the text need not have.
    free = {f"top_{n}gram_chars" for n in TOP_SIZES} | {"sentences", "paragraphs", "line_runs"}
    # Dolma's count a line where there is no text, and halves; RedPajama's the characters of NFD.
    free |= {name for name in values if name.startswith(("dolma_", "redpajama_"))}
    assert all(values[name] <= len(raw) for name in values if name not in free)
    for part, whole in (
        ("dup_lines", "line_runs"), ("dup_paragraphs", "paragraphs"), ("lexical_words", "words"),
        ("bullet_lines", "lines"), ("ellipsis_lines", "lines"), ("alpha_words", "words"),
        ("short_lines", "nonblank_lines"), ("terminal_lines", "nonblank_lines"),
    ):  # fmt: skip
        assert values[part] <= values[whole]


def normalised(line: str) -> str:
    """Return a line as RedPajama-v2 normalises it, one step after the other."""
    bare = "".join(char for char in line if char not in string.punctuation).lower().strip()
    return unicodedata.normalize("NFD", re.sub(r"\s+", " ", bare))


ODD = st.text(
    alphabet=st.sampled_from("aB1.-#\n\r \x1c\u2000\u2028Σσİ\u0301\u0327½三"), max_size=60
)


@settings(max_examples=300, deadline=None)
@given(st.text() | ODD)
def test_lines_normalised_together_are_those_normalised_alone(raw):
    lines = [normalised(line) for line in raw.removesuffix("\n").split("\n")] if raw else []
    words = [line.split() for line in lines]
    values = measured(raw)
    assert values["redpajama_lines"] == len(lines)
    assert values["redpajama_words"] == sum(map(len, words)) == len(normalised(raw).split())
    assert values["redpajama_normal_chars"] == len(normalised(raw))
    assert values["redpajama_one_word_lines"] == sum(len(each) == 1 for each in words)
    assert values["redpajama_wordless_lines"] == sum(not each for each in words)
    assert values["redpajama_numeral_lines"] == sum(map(str.isnumeric, lines))
    assert values["redpajama_numerals"] == sum(map(str.isnumeric, "".join(lines)))
    measure = text_signals()["redpajama_numerical_shares"].measure
    assert measure is not None
    expected = [sum(map(str.isnumeric, line)) / len(line) for line in lines if line]
    assert measure(Text(raw, segmenter("en"))) == pytest.approx(sum(expected), abs=1e-9)


def test_there_is_no_entropy_without_words():
    measure = text_signals()["redpajama_unigram_entropy"].measure
    assert measure is not None
    with pytest.raises(NoValueError, match="no words"):
        measure(Text(" - \n", segmenter("en")))


@given(st.text())
def test_signals_measure_the_same_twice(raw):
    assert measured(raw) == measured(raw)


@pytest.mark.parametrize("library", [kernels(), None], ids=["compiled", "python"])
def test_ngrams_equal_datatroves(library, monkeypatch):
    monkeypatch.setattr(ngrams, "kernels", lambda: library)
    settings(max_examples=600, deadline=None)(given(WORDS | LONG_WORDS)(check_ngrams))()


def check_ngrams(words):
    for n, chars in top_ngram_chars(numbered(words)).items():
        grams = get_n_grams(words, n)
        assert chars == (find_top_duplicate(grams) if grams else 0)
    assert dup_ngram_chars(numbered(words)) == {n: find_all_duplicate(words, n) for n in DUP_SIZES}


@settings(max_examples=300, deadline=None)
@given(WORDS)
def test_repeated_grams_are_those_that_occur_again(words):
    for n, again in repeated_grams(words, 10):
        grams: dict[tuple[str, ...], list[int]] = {}
        for start in range(len(words) - n + 1):
            grams.setdefault(tuple(words[start : start + n]), []).append(start)
        assert again == [places for places in grams.values() if len(places) > 1]


class AtSpaces:
    """Splits at spaces alone, so that a line break may lie inside a word, as in Hindi."""

    fingerprint = "spaces"

    def words(self, text: str) -> list[str]:
        return text.split(" ")

    def numbered(self, text: str) -> Words:
        return numbered(self.words(text))

    def sentence_count(self, text: str) -> int:
        return text.count(".")

    def line_counts(self, lines: Sequence[str]) -> tuple[int | None, int]:
        return None, len(lines)


@pytest.mark.parametrize("library", [kernels(), None])
def test_words_with_line_breaks_inside(library, monkeypatch):
    monkeypatch.setattr(ngrams, "kernels", lambda: library)
    monkeypatch.setattr(minhash, "kernels", lambda: library)
    raw = " ".join([*["हम", "दिल्ली", "गए", "खाया\nऔर", "12\n13", ".", "सोए"] * 9, "और"])
    text = Text(raw, AtSpaces())
    words = raw.split(" ")
    assert text.numbered_words.all == words
    assert not text.numbered_words.holds("खाया")
    assert text.numbered_words.holds("और")
    signals = text_signals()
    measured = {name: signals[name].measure(text) for name in ("alpha_words", "lexical_words")}
    assert measured == {"alpha_words": 46, "lexical_words": 55}
    assert dup_ngram_chars(text.numbered_words) == {
        n: find_all_duplicate(words, n) for n in DUP_SIZES
    }
    assert stop_word_signal(["खाया", "और", "13"]).measure(text) == 1
    hasher = MinHasher(ngram=2)
    monkeypatch.setattr(minhash, "segmenter", lambda _: AtSpaces())
    monkeypatch.setattr(minhash, "simplify", lambda text: text)
    assert hasher.shingles(raw).tolist() == hasher._shingles(words).tolist()


def test_ngrams_of_words_with_spaces_inside():
    # Some languages have such words; then a repeated 3-gram need not hold a repeated 2-gram.
    words = ["a", "b c", "d", "a b", "c", "d", "e", "a b c"]
    for n, chars in top_ngram_chars(numbered(words)).items():
        assert chars == find_top_duplicate(get_n_grams(words, n))


@given(st.lists(st.text(alphabet="ab", max_size=2)))
def test_duplicates_equal_datatroves(parts):
    assert duplicates(parts) == find_duplicates(parts)


def test_no_letter_is_among_the_marks():
    assert not [mark for mark in PUNCTUATION_SET if mark.isalpha()]


def test_lexical_means_equal_numpys():
    text = Text("An average of these (words): 1/3, é … !!", segmenter("en"))
    lexical = [w for w in text.words if any(c not in PUNCTUATION_SET for c in w)]
    values = measured(text.raw)
    assert values["lexical_word_chars"] / values["lexical_words"] == np.mean(
        [len(w) for w in lexical]
    )


def test_shared_work_is_done_once():
    calls = Counter()

    def work(text: Text) -> int:
        calls["work"] += 1
        return text.chars

    text = Text("abc", segmenter("en"))
    assert (text.share(work), text.share(work), calls["work"]) == (3, 3, 1)


def test_division_by_zero_is_undefined():
    rule = parse_rule("gopher_below_avg_threshold", "lexical_word_chars / lexical_words < 3")
    assert rule.fires(measured("... !!!")) is None
    assert rule.fires({"lexical_word_chars": 3}) is None


@pytest.mark.parametrize("store", [np.float32, lambda ratio: round(ratio, 5)])
def test_counts_decide_where_stored_ratios_would_decide_otherwise(store):
    rule = parse_rule("r", "a / b > 0.2")
    flipped = 0
    small = ((a, b) for b in range(1, 200) for a in range(b))
    large = ((b // 5 + 1, b) for b in range(400_000, 401_000))
    for a, b in itertools.chain(small, large):
        fires = rule.fires({"a": a, "b": b})
        assert fires is (5 * a > b)
        flipped += fires is not bool(float(store(a / b)) > 0.2)
    assert flipped > 0
