"""Repeated word n-grams of Gopher (appendix A1, table A1), counted as datatrove 0.10.1 counts them.

Two accidents of datatrove's code are part of the measurement. The commonest n-gram is
taken among n-grams joined with spaces, and of several equally common ones the first in
the text counts. Duplicate n-grams are compared *joined without anything between*, so
that `a|bc` equals `ab|c`; after a duplicate the search goes on behind it.

Both are exact but never look at an n-gram that cannot be repeated: most cannot.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from operator import itemgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from filters.signal import Signal, register
from filters.text import Text

Hashes: TypeAlias = NDArray[np.uint64]

TOP_SIZES = (2, 3, 4)
DUP_SIZES = (5, 6, 7, 8, 9, 10)

_FACTOR = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""

_TABLE = 1 << 16
"""Powers that are made once; for a longer text more are made each time."""


def top_ngram_chars(words: list[str]) -> dict[int, int]:
    """Return for each n of `TOP_SIZES` the length of the commonest n-gram times its occurrences.

    n-grams are joined with one space; 0 where there are fewer than n words.
    """
    if any(" " in word for word in set(words)):
        return {n: _top_chars(words, n) for n in TOP_SIZES}
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    ids = np.fromiter(map(numbers.__getitem__, words), np.int64, len(words))
    starts = np.concatenate(([0], np.cumsum([len(word) + 1 for word in words])))
    places, grams = np.arange(len(words)), ids
    result = {}
    for n in TOP_SIZES:
        # Equal n-grams have equal beginnings, so only places of repeated ones are still there.
        last = int(np.searchsorted(places, len(words) - n, side="right"))
        places, grams = places[:last], grams[:last]
        keys = grams * len(numbers) + ids[places + (n - 1)]
        _, firsts, grams, counts = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        most = int(counts.max()) if last else 1
        first = int(places[firsts[counts == most].min()]) if most > 1 else 0
        result[n] = most * int(starts[first + n] - starts[first] - 1) if len(words) >= n else 0
        repeated = counts[grams] > 1
        places, grams = places[repeated], grams[repeated]
    return result


def _top_chars(words: list[str], n: int) -> int:
    """Return the same for one n, where words hold spaces: `a b|c` equals `a|b c`."""
    counts = Counter(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
    if not counts:
        return 0
    gram, most = max(counts.items(), key=itemgetter(1))  # the first of equally common ones
    return most * len(gram)


def dup_ngram_chars(words: list[str]) -> dict[int, int]:
    """Return for each n of `DUP_SIZES` the characters in duplicate n-grams.

    An n-gram is a duplicate if it equals an earlier one of the scan, all of them joined
    without separators; the scan steps over a duplicate as a whole.
    """
    joined = "".join(words)
    starts = np.concatenate(([0], np.cumsum([len(word) for word in words], dtype=np.int64)))
    sums, inverses = _prefix_sums(joined)
    return {n: _dup_chars(joined, starts, sums, inverses, n) for n in DUP_SIZES}


def _prefix_sums(joined: str) -> tuple[Hashes, Hashes]:
    """Return sums from which the hash of any stretch follows, and what takes its place out.

    The hash of a stretch is the sum of character times factor^place, modulo 2^64, over
    factor^(its beginning) (Karp and Rabin 1987, "Efficient randomized pattern-matching").
    """
    characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    sums = np.zeros(len(joined) + 1, np.uint64)
    np.cumsum(characters * _powers(_FACTOR, len(joined)), out=sums[1:])
    return sums, _powers(pow(_FACTOR, -1, 1 << 64), len(joined))


def _powers(factor: int, count: int) -> Hashes:
    return _table(factor, _TABLE)[:count] if count <= _TABLE else _table.__wrapped__(factor, count)


@cache
def _table(factor: int, count: int) -> Hashes:
    powers = np.full(count, factor, np.uint64)
    powers[:1] = 1
    found: Hashes = np.multiply.accumulate(powers)
    return found


def _dup_chars(
    joined: str, starts: NDArray[np.int64], sums: Hashes, inverses: Hashes, n: int
) -> int:
    """Scan for duplicates of one size.

    Equal n-grams have equal hashes: one whose hash is unique equals no other and need not
    be looked at. Where hashes are equal, the n-grams themselves are compared.
    """
    begins, ends = starts[:-n], starts[n:]
    hashes = (sums[ends] - sums[begins]) * inverses[begins]
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return 0
    places = np.flatnonzero(np.isin(hashes, twice)).tolist()
    seen: set[str] = set()
    chars = free = 0
    for place in places:
        if place < free:
            continue
        gram = joined[starts[place] : starts[place + n]]
        if gram in seen:
            chars += len(gram)
            free = place + n
        else:
            seen.add(gram)
    return chars


def _top(text: Text) -> dict[int, int]:
    return top_ngram_chars(text.words)


def _dup(text: Text) -> dict[int, int]:
    return dup_ngram_chars(text.words)


def _measure(family: Callable[[Text], dict[int, int]], n: int, text: Text) -> int:
    return text.share(family)[n]


def _signals() -> list[Signal]:
    top = [
        Signal(
            name=f"top_{n}gram_chars",
            kind=int,
            summary=f"Count characters of the commonest {n}-gram, times its occurrences.",
            module=__name__,
            settings={"n": n},
            measure=partial(_measure, _top, n),
        )
        for n in TOP_SIZES
    ]
    dup = [
        Signal(
            name=f"dup_{n}gram_chars",
            kind=int,
            summary=f"Count characters in {n}-grams that repeat an earlier one.",
            module=__name__,
            settings={"n": n},
            measure=partial(_measure, _dup, n),
        )
        for n in DUP_SIZES
    ]
    return top + dup


for _signal in _signals():
    register(_signal)
