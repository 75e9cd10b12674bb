"""Every real page: the same decision, for the same reason, with the same text and counts."""

from pathlib import Path

import pytest
from datatrove.pipeline.filters.gopher_repetition_filter import (
    find_all_duplicate,
    find_duplicates,
    find_top_duplicate,
    get_n_grams,
)
from datatrove.utils.text import split_into_sentences, split_into_words

from filters.catalog import text_signals
from filters.ngrams import DUP_SIZES, TOP_SIZES
from filters.segment import segmenter
from filters.text import Text
from tests.parity.compare import difference
from tests.parity.conftest import EVERYTHING, extract_texts

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("oracle")]


def differences(oracle, ours, texts: list[str]) -> list[str]:
    found = []
    for text in texts:
        what, expected = difference(oracle, ours, text, gate=True)
        found.append(what)
        if expected.reason == "language":
            found.append(difference(oracle, ours, text, gate=False)[0])
    return [what for what in found if what]


def test_sample_crawl_is_judged_alike(oracle, ours, sample_texts, compared):
    found = differences(oracle, ours, sample_texts)
    compared.append(f"{len(sample_texts)} pages of the sample crawl, {len(found)} differences")
    assert len(sample_texts) > 900
    assert found == []


def test_third_party_crawl_is_judged_alike(oracle, ours, test_data: Path, compared):
    step = 1 if EVERYTHING else 4
    texts = extract_texts(test_data / "crawl", step)
    found = differences(oracle, ours, texts)
    compared.append(f"{len(texts)} pages of CUVEE_TEST_DATA, {len(found)} differences")
    assert len(texts) > 900 // step
    assert found == []


def test_words_and_sentences_of_every_text(sample_texts):
    english = segmenter("en")
    for text in sample_texts:
        assert english.words(text) == split_into_words(text)
        assert english.sentence_count(text) == len(split_into_sentences(text))


def test_repetition_counts_of_every_text(sample_texts):
    signals = text_signals()
    for raw in sample_texts:
        text = Text(raw, segmenter("en"))
        words = split_into_words(raw)
        for n in TOP_SIZES:
            grams = get_n_grams(words, n)
            expected = find_top_duplicate(grams) if grams else 0
            assert signals[f"top_{n}gram_chars"].measure(text) == expected
        for n in DUP_SIZES:
            assert signals[f"dup_{n}gram_chars"].measure(text) == find_all_duplicate(words, n)
        for kind, parts in (("line", text.line_runs), ("paragraph", text.paragraphs)):
            counts = tuple(signals[f"dup_{kind}{what}"].measure(text) for what in ("s", "_chars"))
            assert counts == find_duplicates(parts)
