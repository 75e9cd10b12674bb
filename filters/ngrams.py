"""Repeated word n-grams of Gopher (appendix A1, table A1), counted as datatrove 0.10.1 counts them.

Two accidents of datatrove's code are part of the measurement. The commonest n-gram is
taken among n-grams joined with spaces, and of several equally common ones the first in
the text counts. Duplicate n-grams are compared *joined without anything between*, so
that `a|bc` equals `ab|c`; after a duplicate the search goes on behind it.
"""

import ctypes
from collections import Counter
from collections.abc import Callable
from functools import partial
from operator import itemgetter

from filters.native import kernels
from filters.signal import Signal, register
from filters.text import Text
from filters.words import Words

TOP_SIZES = (2, 3, 4)
DUP_SIZES = (5, 6, 7, 8, 9, 10)

_TopCounts = ctypes.c_int64 * len(TOP_SIZES)
_DupCounts = ctypes.c_int64 * len(DUP_SIZES)


def top_ngram_chars(words: Words) -> dict[int, int]:
    """Return for each n of `TOP_SIZES` the length of the commonest n-gram times its occurrences.

    n-grams are joined with one space; 0 where there are fewer than n words.
    """
    library = kernels()
    if library is None or b" " in words.listing:  # then n-grams of other words may be the same
        return {n: _top_chars(words.all, n) for n in TOP_SIZES}
    found = _TopCounts()
    numbers, lengths = words.numbers.ctypes.data, words.lengths.ctypes.data
    if library.ngrams_top(numbers, len(words), lengths, TOP_SIZES[-1], found) < 0:
        raise MemoryError
    return dict(zip(TOP_SIZES, found, strict=True))


def _top_chars(words: list[str], n: int) -> int:
    """Return the same for one n."""
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
    library = kernels()
    if library is None or words.broken:
        return {n: _dup_chars(words.all, n) for n in DUP_SIZES}
    found = _DupCounts()
    numbers, lengths = words.numbers.ctypes.data, words.lengths.ctypes.data
    listing, sizes = words.listing, (DUP_SIZES[0], DUP_SIZES[-1])
    if library.ngrams_duplicate(
        numbers, len(words), lengths, listing, len(listing), *sizes, found
    ) < 0:  # fmt: skip
        raise MemoryError
    return dict(zip(DUP_SIZES, found, strict=True))


def _dup_chars(words: list[str], n: int) -> int:
    """Return the same for one n."""
    seen: set[str] = set()
    at = found = 0
    while at + n <= len(words):
        gram = "".join(words[at : at + n])
        if gram in seen:
            found += len(gram)
            at += n
        else:
            seen.add(gram)
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
