"""n-grams of words that occur more than once, size by size."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TypeAlias

Places: TypeAlias = list[int]
"""Where an n-gram begins, in the order of the text."""


def repeated_grams(words: Sequence[str], most: int) -> Iterator[tuple[int, list[Places]]]:
    """Yield each size from 2 to `most` with the places of every n-gram that occurs again.

    n-grams come in the order of their first occurrence. A longer one can only repeat where a
    shorter one does, so each n-gram's places are parted by the word behind it, which leaves few.
    """
    known: dict[str, int] = {}
    numbers = [known.setdefault(word, len(known)) for word in words]
    pairs = list(pairwise(numbers))
    counts = Counter(pairs)
    grams: dict[tuple[int, int], Places] = {pair: [] for pair, n in counts.items() if n > 1}
    for start, pair in enumerate(pairs):
        if pair in grams:
            grams[pair].append(start)
    again = list(grams.values())
    yield 2, again
    numbers.extend(range(-most, 0))  # behind the last word nothing is the same
    for n in range(3, most + 1):
        parted = (part for places in again for part in _parted(places, numbers, n - 1))
        again = sorted(parted, key=itemgetter(0))
        yield n, again


def _parted(places: Places, numbers: Sequence[int], distance: int) -> Iterable[Places]:
    """Return those of the places that have the same word at a distance, together."""
    if len(places) == 2:  # noqa: PLR2004  the commonest case, and the quickest
        first, second = places
        return (places,) if numbers[first + distance] == numbers[second + distance] else ()
    by_word: dict[int, Places] = {}
    for place in places:
        by_word.setdefault(numbers[place + distance], []).append(place)
    return [part for part in by_word.values() if len(part) > 1]
