"""n-grams of words that occur more than once, size by size."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

Places: TypeAlias = list[int]
"""Where an n-gram begins, in the order of the text."""


def repeated_grams(words: Sequence[str], most: int) -> Iterator[tuple[int, list[Places]]]:
    """Yield each size from 2 to `most` with the places of every n-gram that occurs again.

    n-grams come in the order of their first occurrence. A longer one can only repeat where a
    shorter one does, so few places are left to look at.
    """
    known: dict[str, int] = {}
    numbers = [known.setdefault(word, len(known)) for word in words]
    starts: Iterable[int] = range(len(numbers))
    for n in range(2, most + 1):
        last = len(numbers) - n
        grams: dict[tuple[int, ...], Places] = {}
        for start in starts:
            if start <= last:
                grams.setdefault(tuple(numbers[start : start + n]), []).append(start)
        again = [places for places in grams.values() if len(places) > 1]
        yield n, again
        starts = sorted(place for places in again for place in places)
