"""The quick way to a text's language against fastText itself."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.fasttext_file import read_fasttext
from filters.fasttext_lines import QuickPredictor, quick_predictor
from filters.language import LanguageIdentifier
from pipelines.assets import load_language_identifier, model_file

_BUCKETS, _OUTPUT = 8 + 8 * 4, -8 * (1 + 2 * 16)
"""Where the file says how many buckets there are, and near its end."""


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return load_language_identifier("lid.176.ftz")


@pytest.fixture(scope="module")
def quick(identifier) -> QuickPredictor:
    assert identifier.quick is not None
    return identifier.quick


@pytest.fixture(scope="module")
def file() -> bytes:
    return model_file("lid.176.ftz").read_bytes()


def _told(identifier: LanguageIdentifier, text: str) -> tuple[str, float]:
    """Return what fastText says, by way of its wrapper."""
    labels, scores = identifier.model.predict(text.replace("\n", " "))
    return labels[0].removeprefix("__label__"), float(scores[0])


def _lines(words: list[str], seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    spaces = " \n\t\r\x0b\x0c\x00\x1c\x85\u00a0\u3000"
    lines = []
    for _ in range(count):
        chosen = rng.choices(words, k=rng.randrange(1, 60))
        rng.shuffle(chosen)
        lines.append("".join(word + rng.choice(spaces) for word in chosen))
    return lines


def test_words_of_the_vocabulary_in_any_mixture(identifier, quick):
    words = [word[: end or None] for word in identifier.model.get_words() for end in (0, 1, -1)]
    left = 0
    for text in _lines(words, seed=5, count=1500):
        assert identifier.identify(text) == _told(identifier, text)
        left += quick.predict(text) is None
    assert left < 50


def test_the_kernels_find_the_same_label_and_score(identifier, quick):
    assert quick._kernel is not None
    words = identifier.model.get_words()
    texts = ["x", "<", "日本語 한국어", "\U0001f600é\x7f \x1c", *_lines(words, seed=6, count=300)]
    texts.append(" ".join(words))  # many more n-grams than are looked up at once
    unclear = 0
    for text in texts:
        line = text.encode().replace(b"\0", b" ")
        plain = quick._likeliest(line)
        unclear += plain is None
        assert plain in (None, quick._kernel(line))
    assert unclear < 10


@settings(max_examples=600, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text(identifier, text):
    assert identifier.identify(text) == _told(identifier, text)


@pytest.mark.parametrize(
    "text",
    ["", " \n\0", "a </s> das ist gut", "</s>", "__label__en das", "x__label__en das", "a" * 2**21],
)
def test_what_fasttext_reads_otherwise_is_left_to_it(identifier, quick, text):
    assert quick.predict(text) is None
    assert identifier.identify(text) == _told(identifier, text)


@pytest.mark.parametrize(
    "text", ["\U00010ffff < > <a> é\u07ff\u0800\uffff", "ß" * 5000, "日本 " * 99]
)
def test_characters_of_every_length(identifier, quick, text):
    assert quick.predict(text) is not None
    assert identifier.identify(text) == _told(identifier, text)


def test_lone_surrogates_are_refused_as_fasttext_refuses_them(identifier):
    with pytest.raises((TypeError, UnicodeError)):
        identifier.model.predict("a \ud800")
    with pytest.raises((TypeError, UnicodeError)):
        identifier.identify("a \ud800")


def test_a_model_that_is_not_the_files_is_noticed(identifier, file):
    other = bytearray(file)
    other[_OUTPUT:] = bytes(-_OUTPUT)
    read_fasttext(bytes(other))
    assert quick_predictor(identifier.model, bytes(other)) is None
    assert quick_predictor(identifier.model, file) is not None


@pytest.mark.parametrize("buckets", [0, -1, 1000, 2**31 - 1])
def test_another_number_of_buckets_is_refused(file, buckets):
    damaged = file[:_BUCKETS] + struct.pack("<i", buckets) + file[_BUCKETS + 4 :]
    with pytest.raises(ValueError, match="no quantised fastText classifier"):
        read_fasttext(damaged)


def test_damaged_files_are_refused(identifier, file):
    rng = random.Random(7)
    for size in (0, 7, 64, 91, *rng.choices(range(len(file)), k=20)):
        with pytest.raises(ValueError, match=r"fastText|substring|subsection|buffer"):
            read_fasttext(file[:size])
    for _ in range(30):
        at, value = rng.randrange(92), rng.randrange(1, 256)
        damaged = bytearray(file)
        damaged[at] ^= value
        quick_predictor(identifier.model, bytes(damaged))  # None, or what matters not is damaged


def test_more_words_than_are_remembered_change_nothing(identifier, quick):
    rng = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyzäöüéèжщыяабвгде"
    known = "This is a sentence that is written in English. Das ist ein Satz."
    for _ in range(300):  # 150,000 words, several times what fits
        words = ["".join(rng.choices(letters, k=rng.randrange(3, 15))) for _ in range(500)]
        text = " ".join([*words, known, *words[:20], "x" * 100])
        assert quick.predict(text) is not None
        assert identifier.identify(text) == _told(identifier, text)
        assert identifier.identify(known) == _told(identifier, known)
