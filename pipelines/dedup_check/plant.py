"""Near-duplicates of known similarity, made from a real document by changing words.

What is known is not the number of changed words but the similarity itself: it is counted on
the sets of n-grams that the hasher makes of both texts, and words are changed until it is
close to the one that is wanted.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from filters.jaccard import Hashes, HashSets, similarities
from filters.minhash import MinHasher
from filters.segment import segmenter

TOLERANCE = 0.01
"""How far a planted similarity may be from the one that is wanted."""
_MOST_REFINED = 8


@dataclass(frozen=True, slots=True)
class Planted:
    """A near-duplicate and the real similarity to its original."""

    text: str
    similarity: float


class Nursery:
    """Makes near-duplicates of one document, each with other words changed."""

    def __init__(self, hasher: MinHasher, text: str, words: Sequence[str]) -> None:
        self._hasher = hasher
        self._text = text
        self._words = words
        self._spans = list(word_spans(hasher, text))
        self._shingles = np.unique(hasher.shingles(text))
        self._changed: Sequence[str] = ()

    def plant(self, wanted: float, generator: random.Random) -> Planted | None:
        """Return a copy whose similarity is within TOLERANCE of the wanted one; None if none is.

        Words are changed at random places: more of them make a copy less similar, so their
        number is found between two bounds. Where one more is too many, as it changes as many
        n-grams as an n-gram has words, words beside changed ones follow: each changes one.
        """
        order = generator.sample(range(len(self._spans)), len(self._spans))
        self._changed = generator.choices(self._words, k=len(self._spans))
        least, most, count = 0, len(order), self._guess(wanted)
        while least < most:
            copy = self._copy(order[:count])
            if abs(copy.similarity - wanted) <= TOLERANCE:
                return copy
            least, most = (count, most) if copy.similarity > wanted else (least, count - 1)
            count = (least + most + 1) // 2
        return self._refine(order[:least], wanted)

    def _refine(self, chosen: Sequence[int], wanted: float) -> Planted | None:
        """Change words beside the chosen ones, or the first ones, until the copy is as wanted."""
        beside = {at + step for at in [-1, *chosen] for step in range(1, self._hasher.ngram)}
        extra = sorted(beside.intersection(range(len(self._spans))) - set(chosen))
        for count in range(min(len(extra), _MOST_REFINED) + 1):
            copy = self._copy([*chosen, *extra[:count]])
            if abs(copy.similarity - wanted) <= TOLERANCE:
                return copy
        return None

    def _guess(self, wanted: float) -> int:
        """Return how many words are to be changed if no n-gram came twice."""
        changed = (1 - wanted) / (1 + wanted)
        share: float = 1 - (1 - changed) ** (1 / self._hasher.ngram)
        return min(max(round(share * len(self._spans)), 1), len(self._spans))

    def _copy(self, chosen: Sequence[int]) -> Planted:
        pieces, at = [], 0
        for place in sorted(chosen):
            start, end = self._spans[place]
            pieces += [self._text[at:start], self._changed[place]]
            at = end
        text = "".join([*pieces, self._text[at:]])
        return Planted(text, similarity(self._shingles, np.unique(self._hasher.shingles(text))))


def similarity(left: Hashes, right: Hashes) -> float:
    """Return the Jaccard similarity of two sets of hashes, each sorted and without repeats."""
    one, other = (HashSets(one, np.array([0, len(one)])) for one in (left, right))
    return float(similarities(one, other, np.array([[0, 0]]))[0])


def word_spans(hasher: MinHasher, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the words of a text begin and end, as the hasher's language splits them."""
    at = 0
    for word in segmenter(hasher.words).words(text):
        start = text.find(word, at)
        if start >= 0 and word.isalnum():
            yield start, start + len(word)
            at = start + len(word)
