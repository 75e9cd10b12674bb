"""Words of a list in a text: golden counts, and the expression of datatrove's and C4's own code."""

import random
import re

import pytest

from filters.redpajama_lists import NormalWords, RawWords
from filters.segment import segmenter
from filters.text import Text
from filters.word_list import WordList
from tests.filters.golden import rows


def text(raw: str) -> Text:
    return Text(raw, segmenter("en"))


def theirs(words: list[str], *, anywhere: bool) -> re.Pattern[str]:
    """The expression that C4's code asks, with the words in lower case as ours are."""
    either = "|".join(re.escape(word.lower()) for word in words)
    return re.compile(either if anywhere else rf"(?:\W|^)({either})(?:\W|$)")


@pytest.mark.parametrize("row", rows("word_list"), ids=lambda row: row["what"])
@pytest.mark.parametrize("how", ["flanked", "anywhere"])
def test_golden(row, how):
    words = WordList(row["list"], anywhere=how == "anywhere")
    made = text(row["text"])
    assert words.count(made) == row[how]
    found = theirs(row["list"], anywhere=how == "anywhere").search(row["text"].lower())
    assert (row[how] > 0) == (found is not None)
    lowered = {word.lower() for word in row["list"]}
    assert len(spans := words.spans(made)) == row[how]
    assert all(row["text"][span.start : span.end].lower() in lowered for span in spans)
    assert spans == sorted(spans, key=lambda span: (span.start, span.end))


@pytest.mark.parametrize("anywhere", [False, True])
def test_whether_there_is_one_is_what_the_expression_says(anywhere):
    draw = random.Random(1910)
    seen = set()
    for _ in range(3000):
        letters = draw.choice(["ab ", "aB_-\n", "aé1 İ.", "abc"])
        lengths = [draw.randint(1, 3) for _ in range(draw.randint(1, 4))]
        words = ["".join(draw.choices(letters, k=n)).strip() for n in lengths]
        if not (words := [word for word in words if word]):
            continue
        raw = "".join(draw.choices(letters, k=draw.randint(0, 12)))
        expected = theirs(words, anywhere=anywhere).search(raw.lower()) is not None
        assert (WordList(words, anywhere=anywhere).count(text(raw)) > 0) == expected, (words, raw)
        seen.add(expected)
    assert seen == {True, False}


def test_a_word_that_is_listed_twice_is_one_and_an_empty_list_is_none():
    words = WordList(["plum", "Plum ", "", " pear"])
    assert len(words) == 2
    assert words.count(text("plum, pear")) == 2
    with pytest.raises(ValueError, match="without words"):
        WordList(["", " "])


@pytest.mark.parametrize("row", rows("redpajama_lists"), ids=lambda row: row["what"])
@pytest.mark.parametrize(("how", "kind"), [("normal", NormalWords), ("raw", RawWords)])
def test_golden_among_words(row, how, kind):
    words, made = kind(row["list"]), text(row["text"])
    spans = words.spans(made)
    assert words.count(made) == row[how] == len(spans)
    assert spans == sorted(spans, key=lambda span: (span.start, span.end))
    for span in spans:
        marked = made.raw[span.start : span.end]
        again = text(marked)
        assert words.count(again) >= 1, marked
        assert marked == marked.strip()


@pytest.mark.parametrize("kind", [NormalWords, RawWords])
def test_an_empty_list_is_none_among_words(kind):
    with pytest.raises(ValueError, match="without words"):
        kind(["", " "])
