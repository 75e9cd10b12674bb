"""Repeated word n-grams of Gopher (appendix A1, table A1), counted as datatrove 0.10.1 counts them.

Two accidents of datatrove's code are part of the measurement. The commonest n-gram is
taken among n-grams joined with spaces, and of several equally common ones the first in
the text counts. Duplicate n-grams are compared *joined without anything between*, so
that `a|bc` equals `ab|c`; after a duplicate the search goes on behind it.

Both are exact but never look at an n-gram that cannot be repeated: most cannot.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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

_INVERSE = pow(_FACTOR, -1, 1 << 64)

_TABLES = (1 << 16, 1 << 20)
"""Powers that are made once, and once more for a longer text; for one longer still, each time."""

_BITS = 64

_FEW = 200
"""Up to so many places, to go through them all is faster than to make tables."""


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
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits < _BITS:  # as it is but for a million words
        ordered = np.sort(keys << bits | np.arange(len(keys)))
        order, ordered = ordered & ((1 << bits) - 1), ordered >> bits
    else:
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


def dup_ngram_chars(words: Words) -> dict[int, int]:
    """Return for each n of `DUP_SIZES` the characters in duplicate n-grams.

    An n-gram is a duplicate if it equals an earlier one of the scan, all of them joined
    without separators; the scan steps over a duplicate as a whole.
    """
    size, found = len(words.all), dict.fromkeys(DUP_SIZES, 0)
    if size <= DUP_SIZES[0]:
        return found
    starts = _starts(words.lengths[words.numbers])
    sums, inverses = _hash_tables("".join(words.all))
    # Equal n-grams of these sizes begin alike, for the length of the shortest of 5 words at least.
    begins = starts[: -DUP_SIZES[0]]
    shortest = (starts[DUP_SIZES[0] :] - begins).min()
    later, heads = _alike((sums[begins + shortest] - sums[begins]) * inverses[begins])
    if len(later):
        places = _marked(size, later, heads)
        scan = _scan_few if len(places) <= _FEW else _scan_many
        for n, duplicates in scan(words, places, sums[starts], inverses[starts]):
            found[n] = int((starts[duplicates + n] - starts[duplicates]).sum())
    return found


def _hash_tables(joined: str) -> tuple[Hashes, Hashes]:
    """Return tables of what the hash of any stretch of a text is made from.

    The hash is the sum of character times factor^place, modulo 2^64, over factor^(the
    stretch's beginning) (Karp and Rabin 1987, "Efficient randomized pattern-matching"): a
    difference of the first table, times an item of the second. Places count from 1, so that
    the upper bits tell the first characters apart, too.
    """
    characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    sums = np.zeros(len(joined) + 1, np.uint64)
    np.cumsum(characters * _powers(_FACTOR, len(joined) + 1)[1:], out=sums[1:])
    return sums, _powers(_INVERSE, len(joined) + 1)


def _powers(factor: int, count: int) -> Hashes:
    size = next((size for size in _TABLES if size >= count), None)
    return _table(factor, size)[:count] if size else _table.__wrapped__(factor, count)


@cache
def _table(factor: int, count: int) -> Hashes:
    powers = np.full(count, factor, np.uint64)
    powers[:1] = 1
    found: Hashes = np.multiply.accumulate(powers)
    return found


def _alike(hashes: Hashes) -> tuple[Integers, Integers]:
    """Return which hashes repeat an earlier one, and for each of them the first like it.

    A hash's lower bits give way to its index: what is sorted then tells where it was, and
    sorting is three times faster than to find out an order. Hashes that differ in these bits
    alone are taken for the same, as any two n-grams may be that have the same hash.
    """
    bits = len(hashes).bit_length()
    lower = np.uint64((1 << bits) - 1)
    ordered = np.sort(hashes & ~lower | np.arange(len(hashes), dtype=np.uint64))
    upper = ordered >> np.uint64(bits)
    before = np.flatnonzero(upper[1:] == upper[:-1])
    heads = before.copy()
    heads[1:][before[1:] == before[:-1] + 1] = 0
    np.maximum.accumulate(heads, out=heads)
    indices = (ordered & lower).view(np.int64)
    return indices[before + 1], indices[heads]


def _marked(size: int, *places: Integers) -> Integers:
    """Return some of the places below `size`, each once and in order."""
    marks = np.zeros(size, np.bool_)
    for some in places:
        marks[some] = True
    return np.flatnonzero(marks)


def _scan_few(
    words: Words, places: Integers, sums: Hashes, inverses: Hashes
) -> Iterator[tuple[int, Integers]]:
    """Yield each n with the places of its duplicates, which are among the places, if any."""
    size = len(words.all)
    ends = np.minimum(places[:, None] + DUP_SIZES, size)
    table = ((sums[ends] - sums[places, None]) * inverses[places, None]).T.tolist()
    candidates = places.tolist()
    for n, grams in zip(DUP_SIZES, table, strict=True):
        del grams[bisect_right(candidates, size - n) :]
        if len(set(grams)) < len(grams):
            found = _scan_plainly(words.all, candidates, grams, n)
            if found:
                yield n, np.array(found)


def _scan_plainly(
    words: list[str], places: Sequence[int], grams: Sequence[int | str], n: int
) -> list[int]:
    """Return the places of duplicates."""
    seen: dict[int | str, int] = {}
    found, free = [], 0
    for place, gram in zip(places, grams, strict=False):
        if place >= free and (first := seen.setdefault(gram, place)) != place:
            if not _equal(words, first, place, n):
                return _scan_plainly(words, *_every_gram(words, n), n)
            found.append(place)
            free = place + n
    return found


def _every_gram(words: list[str], n: int) -> tuple[range, list[str]]:
    """Return all places and their n-grams, where two different ones had the same hash."""
    places = range(len(words) - n + 1)
    return places, ["".join(words[at : at + n]) for at in places]


def _equal(words: list[str], first: int, other: int, n: int) -> bool:
    gram, same = words[first : first + n], words[other : other + n]
    return gram == same or "".join(gram) == "".join(same)


def _scan_many(
    words: Words, places: Integers, sums: Hashes, inverses: Hashes
) -> Iterator[tuple[int, Integers]]:
    """Yield the same, from tables of what is alike and of where to go on after a duplicate."""
    for n in DUP_SIZES:
        places = places[: np.searchsorted(places, len(words.all) - n, side="right")]
        later, heads = _alike((sums[places + n] - sums[places]) * inverses[places])
        if not len(later):
            continue
        if not _all_equal(words, places[later], places[heads], n):
            grams = _every_gram(words.all, n)
            yield n, np.array(_scan_plainly(words.all, *grams, n), np.int64)
            continue
        group = np.empty(len(places), np.int64)
        group[later] = group[heads] = heads
        alike = _marked(len(places), later, heads)
        where = places[alike]
        reached = np.zeros(where[-1] + n, np.int64)
        reached[where] = 1
        behind = np.cumsum(reached)[where + (n - 1)]
        yield n, where[_walk(group[alike], behind)]


def _all_equal(words: Words, some: Integers, others: Integers, n: int) -> bool:
    """Whether the n-grams at some places are those at others, joined without separators."""
    same = np.ones(len(some), np.bool_)
    for step in range(n):
        same &= words.numbers[some + step] == words.numbers[others + step]
    return all(_equal(words.all, some[at], others[at], n) for at in np.flatnonzero(~same))


def _walk(groups: Integers, behind: Integers) -> list[int]:
    """Return which are duplicates: those whose group was met before by who steps over them.

    `behind` is where to go on after each.
    """
    of, after = groups.data, behind.data  # views, of which an item is taken faster
    seen: set[int] = set()
    found, at, end = [], 0, len(groups)
    while at < end:
        group = of[at]
        if group in seen:
            found.append(at)
            at = after[at]
        else:
            seen.add(group)
            at += 1
    return found


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
