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
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from filters.signal import Signal, register
from filters.text import Integers, Text, Words

Hashes: TypeAlias = NDArray[np.uint64]

TOP_SIZES = (2, 3, 4)
DUP_SIZES = (5, 6, 7, 8, 9, 10)

_FACTOR = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""

_TABLES = (1 << 16, 1 << 20)
"""Powers that are made once, and once more for a longer text; for one longer still, each time."""


def top_ngram_chars(words: Words) -> dict[int, int]:
    """Return for each n of `TOP_SIZES` the length of the commonest n-gram times its occurrences.

    n-grams are joined with one space; 0 where there are fewer than n words.
    """
    if " " in "".join(words.distinct):
        return {n: _top_chars(words.all, n) for n in TOP_SIZES}
    numbers, size = words.numbers, len(words.all)
    starts = _starts(words.lengths[numbers] + 1)
    places, grams = np.arange(size), numbers
    result = {}
    for n in TOP_SIZES:
        # Equal n-grams have equal beginnings, so only places of repeated ones are still there.
        fits = places <= size - n
        places, grams = places[fits], grams[fits]
        order, counts = _grouped(grams * len(words.distinct) + numbers[places + (n - 1)])
        places, most = places[order], int(counts.max(initial=1))
        first = int(places[np.repeat(counts == most, counts)].min()) if most > 1 else 0
        result[n] = most * int(starts[first + n] - starts[first] - 1) if size >= n else 0
        repeated = np.repeat(counts > 1, counts)
        places, grams = places[repeated], np.repeat(np.arange(len(counts)), counts)[repeated]
    return result


def _starts(lengths: Integers) -> Integers:
    """Return where each of some parts begins, and where the last ends."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _grouped(keys: NDArray[Any]) -> tuple[Integers, Integers]:
    """Return an order in which equal keys are neighbours, and how many of each there are."""
    order = np.argsort(keys)
    ordered = keys[order]
    lasts = np.flatnonzero(ordered[1:] != ordered[:-1])
    return order, np.diff(np.concatenate(([-1], lasts, [len(keys) - 1]))) if len(keys) else order


def _top_chars(words: list[str], n: int) -> int:
    """Return the same for one n, where words hold spaces: `a b|c` equals `a|b c`."""
    counts = Counter(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
    if not counts:
        return 0
    gram, most = max(counts.items(), key=itemgetter(1))  # the first of equally common ones
    return most * len(gram)


def _repeated(hashes: Hashes) -> bool:
    ordered = np.sort(hashes)
    return bool((ordered[1:] == ordered[:-1]).any())


def dup_ngram_chars(words: Words) -> dict[int, int]:
    """Return for each n of `DUP_SIZES` the characters in duplicate n-grams.

    An n-gram is a duplicate if it equals an earlier one of the scan, all of them joined
    without separators; the scan steps over a duplicate as a whole.
    """
    starts = _starts(words.lengths[words.numbers])
    hashes = _hasher("".join(words.all))
    # Equal n-grams of these sizes begin alike, for the length of the shortest of 5 words at least.
    begins = starts[: -DUP_SIZES[0]]
    shortest = (starts[DUP_SIZES[0] :] - begins).min(initial=len(starts))
    if not _repeated(hashes(begins, begins + shortest)):
        return dict.fromkeys(DUP_SIZES, 0)
    return {n: _dup_chars(words.all, starts, hashes(starts[:-n], starts[n:]), n) for n in DUP_SIZES}


def _hasher(joined: str) -> Callable[[Integers, Integers], Hashes]:
    """Return what gives hashes of stretches, from where they begin and end.

    The hash of a stretch is the sum of character times factor^place, modulo 2^64, over
    factor^(its beginning) (Karp and Rabin 1987, "Efficient randomized pattern-matching").
    """
    characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    sums = np.zeros(len(joined) + 1, np.uint64)
    np.cumsum(characters * _powers(_FACTOR, len(joined)), out=sums[1:])
    inverses = _powers(pow(_FACTOR, -1, 1 << 64), len(joined) + 1)
    return lambda begins, ends: (sums[ends] - sums[begins]) * inverses[begins]


def _powers(factor: int, count: int) -> Hashes:
    size = next((size for size in _TABLES if size >= count), None)
    return _table(factor, size)[:count] if size else _table.__wrapped__(factor, count)


@cache
def _table(factor: int, count: int) -> Hashes:
    powers = np.full(count, factor, np.uint64)
    powers[:1] = 1
    found: Hashes = np.multiply.accumulate(powers)
    return found


def _dup_chars(words: list[str], starts: Integers, hashes: Hashes, n: int) -> int:
    """Scan for duplicates of one size, from the hash at each place.

    Equal n-grams have equal hashes: one whose hash is unique equals no other and need not
    be looked at. What the scan takes for a duplicate is compared with the n-gram itself.
    """
    if not _repeated(hashes):  # sorting alone is much faster than to find out what goes where
        return 0
    end, following = len(hashes), _following(hashes, n).data
    found, bounds = hashes.data, starts.data  # views, of which an item is taken faster
    seen: dict[int, int] = {}
    chars, place = 0, following[0]
    while place < end:
        first = seen.setdefault(found[place], place)
        if first == place:
            place = following[place + 1]
            continue
        if not _equal(words[first : first + n], words[place : place + n]):
            return _dup_chars_plainly(words, n)
        chars += bounds[place + n] - bounds[place]
        place = following[place + n]
    return chars


def _following(hashes: Hashes, n: int) -> Integers:
    """Return the first place not before each whose hash is not unique; the end if there is none."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    alike = np.flatnonzero(ordered[1:] == ordered[:-1])
    following = np.full(len(hashes) + n + 1, len(hashes))
    following[order[alike]] = order[alike]
    following[order[alike + 1]] = order[alike + 1]
    return np.ascontiguousarray(np.minimum.accumulate(following[::-1])[::-1])


def _equal(gram: list[str], other: list[str]) -> bool:
    return gram == other or "".join(gram) == "".join(other)


def _dup_chars_plainly(words: list[str], n: int) -> int:
    """Return the same without hashes, of which two different n-grams had the same."""
    seen: set[str] = set()
    chars = free = 0
    for place in range(len(words) - n + 1):
        if place >= free:
            gram = "".join(words[place : place + n])
            if gram in seen:
                chars += len(gram)
                free = place + n
            seen.add(gram)
    return chars


def _top(text: Text) -> dict[int, int]:
    return top_ngram_chars(text.numbered_words)


def _dup(text: Text) -> dict[int, int]:
    return dup_ngram_chars(text.numbered_words)


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
