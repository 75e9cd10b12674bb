"""Importance weights: how much likelier a text's words are in a target than in a source.

Xie et al. 2023, "Data Selection for Language Models via Importance Resampling" (DSIR),
https://arxiv.org/abs/2302.03169; as RedPajama-v2 has them
(togethercomputer/RedPajama-Data at 855a8e0, `app/src/core/quality_signals/importance_weights.py`,
`utils/dsir.py`, `app/src/artifacts/hash_dist.py`). Words are RedPajama's raw words
(`filters/redpajama.py`), n-grams they and their pairs, each counted in the bucket of its hash; the
score is the sum over a text's n-grams of the logarithm of what share of the target's n-grams their
bucket has, less that of the source's. So it grows with the text: `score / redpajama_raw_words`
does not.

The hash is CRC-32 (ISO 3309, `zlib.crc32`) of the n-gram in UTF-8, a space between two words,
modulo the buckets. RedPajama-v2 takes CPython's own hash under PYTHONHASHSEED=42, which is one of a
version and a platform: log ratios of the one say nothing to the other.

Its length correction is left out: it adds the log ratio of two Poisson probabilities of the text's
length in characters, whose means are lengths in words, and next to nothing changes with words in
both places (docs/classifiers.md).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from zlib import crc32

from filters.redpajama import RAW_WORD
from filters.signal import NoValueError
from filters.text import without_surrogates

BUCKETS = 10_000
"""As many as the paper has."""
HASH = "crc32"
_SMALL = 1e-8
"""Added to each share, so that a bucket without n-grams has a logarithm; RedPajama-v2's."""


def ngram_buckets(text: str, buckets: int) -> list[int]:
    """Return the bucket of each word and then of each pair of neighbours; none of a blank text."""
    words = [word.encode() for word in RAW_WORD.findall(without_surrogates(text))]
    single = list(map(crc32, words))
    # The checksum of `a b` is that of ` b`, begun with that of `a`.
    pairs = map(crc32, (b" " + word for word in words[1:]), single)
    return [checksum % buckets for checksum in chain(single, pairs)]


def word_count(text: str) -> int:
    """Return the number of words."""
    return len(RAW_WORD.findall(text))


def count_ngrams(texts: Iterable[str], buckets: int) -> list[int]:
    """Return how many n-grams of the texts fall into each bucket."""
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(ngram_buckets(text, buckets))
    return [counts[bucket] for bucket in range(buckets)]


def log_ratios(target: Sequence[int], source: Sequence[int]) -> tuple[float, ...]:
    """Return of each bucket the logarithm of its share in the target, less that in the source.

    Natural logarithms, from counts that are not all 0.
    """
    all_target, all_source = sum(target), sum(source)
    return tuple(
        math.log(ours / all_target + _SMALL) - math.log(theirs / all_source + _SMALL)
        for ours, theirs in zip(target, source, strict=True)
    )


@dataclass(frozen=True, slots=True)
class ImportanceScorer:
    """Scores texts by the log ratios of buckets; any number of them."""

    log_ratios: tuple[float, ...]

    def __call__(self, text: str) -> float:
        """Return the sum over the n-grams, in nats; NoValueError for a text without words.

        The sum is exact before it is rounded, so it does not depend on an order.
        """
        found = ngram_buckets(text, len(self.log_ratios))
        if not found:
            raise NoValueError("no words")
        return math.fsum(map(self.log_ratios.__getitem__, found))
