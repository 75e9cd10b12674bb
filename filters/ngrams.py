"""Repeated word n-grams of Gopher (appendix A1, table A1), counted as datatrove 0.10.1 counts them.

Two accidents of datatrove's code are part of the measurement. The commonest n-gram is
taken among n-grams joined with spaces, and of several equally common ones the first in
the text counts. Duplicate n-grams are compared *joined without anything between*, so
that `a|bc` equals `ab|c`; after a duplicate the search goes on behind it.

Both are exact but never look at an n-gram that cannot be repeated: most cannot.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import accumulate

from filters.signal import Signal, register
from filters.text import Text

TOP_SIZES = (2, 3, 4)
DUP_SIZES = (5, 6, 7, 8, 9, 10)

_PREFIX = 16
"""Characters by which n-grams are told apart first; any number gives the same counts."""


def top_ngram_chars(words: list[str]) -> dict[int, int]:
    """Return for each n of `TOP_SIZES` the length of the commonest n-gram times its occurrences.

    n-grams are joined with one space; 0 where there are fewer than n words.
    """
    joined = " ".join(words)
    starts = [0, *accumulate(len(word) + 1 for word in words)]
    # Only while no word holds a space do equal n-grams have equal beginnings.
    prunes = joined.count(" ") == len(words) - 1
    places = list(range(len(words)))
    result = {}
    for n in TOP_SIZES:
        last = len(words) - n
        if last < 0:
            result[n] = 0
            continue
        places = [place for place in places if place <= last]
        grams = [joined[starts[place] : starts[place + n] - 1] for place in places]
        counts = Counter(grams)
        most = max(counts.values(), default=1)
        if most == 1:
            result[n] = starts[n] - 1
        else:
            result[n] = most * len(next(gram for gram, count in counts.items() if count == most))
        if prunes:
            places = [p for p, gram in zip(places, grams, strict=True) if counts[gram] > 1]
    return result


def dup_ngram_chars(words: list[str]) -> dict[int, int]:
    """Return for each n of `DUP_SIZES` the characters in duplicate n-grams.

    An n-gram is a duplicate if it equals an earlier one of the scan, all of them joined
    without separators; the scan steps over a duplicate as a whole.
    """
    joined = "".join(words)
    starts = [0, *accumulate(map(len, words))]
    prefixes = [joined[start : start + _PREFIX] for start in starts[:-1]]
    counts = Counter(prefixes)
    repeated = [counts[prefix] > 1 for prefix in prefixes]
    return {n: _dup_chars(joined, starts, repeated, n) for n in DUP_SIZES}


def _dup_chars(joined: str, starts: list[int], repeated: list[bool], n: int) -> int:
    """Scan for duplicates of one size.

    Equal n-grams of at least `_PREFIX` characters have equal prefixes, so one whose
    prefix is unique equals no other and need not be remembered. Shorter ones are kept.
    """
    seen: set[str] = set()
    chars = free = 0
    for place, (start, end) in enumerate(zip(starts, starts[n:], strict=False)):
        if place < free or not (repeated[place] or end - start < _PREFIX):
            continue
        gram = joined[start:end]
        if gram in seen:
            chars += end - start
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
