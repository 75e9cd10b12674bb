"""Importance weights: which n-grams are counted where, and what is made of the counts."""

import math

import numpy as np
import pytest

from filters.importance import (
    ImportanceScorer,
    count_ngrams,
    log_ratios,
    ngram_buckets,
    word_count,
)
from filters.signal import NoValueError

WHOLE = 1 << 32


def crc32_bit_by_bit(data: bytes) -> int:
    """Return the checksum as its standard has it: reversed polynomial, ones before and after."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def test_the_hash_is_that_of_its_standard():
    assert ngram_buckets("123456789", WHOLE) == [0xCBF43926]  # the check value of CRC-32
    assert ngram_buckets("a", WHOLE) == [0xE8B7BE43]


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("one", ["one"]),
        ("one two\n\n three", ["one", "two", "three", "one two", "two three"]),
        ("don't…?", ["don", "'", "t", "…?", "don '", "' t", "t …?"]),
        ("été 東京", ["été", "東京", "été 東京"]),
        ("a a a", ["a", "a", "a", "a a", "a a"]),
        ("\udcff a", ["?", "a", "? a"]),
        (" \n\u2003", []),
    ],
)
def test_words_and_pairs_are_counted_in_the_bucket_of_their_hash(text, grams):
    hashes = [crc32_bit_by_bit(gram.encode()) for gram in grams]
    assert ngram_buckets(text, WHOLE) == hashes
    assert ngram_buckets(text, 7) == [each % 7 for each in hashes]
    counts = count_ngrams([text, text], 7)
    assert counts == [2 * sum(each % 7 == bucket for each in hashes) for bucket in range(7)]


@pytest.mark.parametrize(
    ("target", "source", "ratio"),
    [
        (3, 2, 0.4054651014),  # ln 1.5, and 1e-8 (1/0.75 - 1/0.5)
        (1, 2, -0.6931471606),  # ln 0.5, and 1e-8 (1/0.25 - 1/0.5)
        (2, 2, 0.0),
        (0, 2, -17.7275335834),  # ln 1e-8 - ln (0.5 + 1e-8)
        (4, 0, 18.4206807540),  # ln (1 + 1e-8) - ln 1e-8
        (0, 0, 0.0),
    ],
)
def test_a_ratio_is_that_of_shares_to_which_a_little_was_added(target, source, ratio):
    found = log_ratios((target, 4 - target), (source, 4 - source))
    assert found[0] == pytest.approx(ratio, abs=1e-10)


def test_a_score_is_the_sum_over_words_and_pairs():
    # Of eight buckets a has 3 (0xE8B7BE43), b has 1 (0x71BEEFF9), "a b" 3 (0x806C3CD3), too.
    score = ImportanceScorer((1.0, 0.5, -9.0, 0.25, 1.0, 1.0, 1.0, 1.0))
    assert score("a") == 0.25
    assert score("b") == 0.5
    assert score("a b") == score("\na\r\n b ") == 0.25 + 0.5 + 0.25
    assert word_count("a b") == 2


def test_a_score_is_the_inner_product_of_counts_and_ratios():
    liked = ["the river and the house", "a river, a house"]
    other = ["buy now, buy cheap", "cheap house now"]
    buckets = 50
    target, source = count_ngrams(liked, buckets), count_ngrams(other, buckets)
    score = ImportanceScorer(log_ratios(target, source))
    shares = [np.array(counts) / sum(counts) + 1e-8 for counts in (target, source)]
    ratios = np.log(shares[0]) - np.log(shares[1])
    for text in (*liked, *other, "neither, nor", "¿"):
        expected = np.inner(count_ngrams([text], buckets), ratios)
        assert score(text) == pytest.approx(float(expected), abs=1e-9)
    assert score("the river") > 0 > score("buy cheap")


def test_the_sum_is_rounded_once_so_that_no_order_shows():
    score = ImportanceScorer((1e16, 1.0, -1e16, 0.25))
    found = [score.log_ratios[bucket] for bucket in ngram_buckets("d a b c", 4)]
    assert score("d a b c") == math.fsum(found) == math.fsum(reversed(found))


@pytest.mark.parametrize("text", ["", " ", "\n\t\u2028"])
def test_a_text_without_words_has_no_score(text):
    with pytest.raises(NoValueError, match="no words"):
        ImportanceScorer((1.0,))(text)
