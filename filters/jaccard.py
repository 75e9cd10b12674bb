"""Real Jaccard similarity of many pairs of sets at once, and who joins whom by it.

Broder 1997, "On the resemblance and containment of documents": of two sets the size of
what they share, divided by the size of what they are together. MinHash only estimates it;
here it is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint64]
Similarities: TypeAlias = NDArray[np.float64]
Verdicts: TypeAlias = NDArray[np.bool_]

MOST_LEADERS = 32
"""Leaders that a document of one key is compared with, at most."""


@dataclass(frozen=True, slots=True)
class HashSets:
    """Sets of 64-bit hashes one after another: `values[starts[i]:starts[i + 1]]` is the i-th.

    `starts` has one entry more than there are sets. Each set is sorted and has no value twice.
    """

    values: Hashes
    starts: Numbers

    @property
    def sizes(self) -> Numbers:
        """How many values each set has."""
        return np.diff(self.starts)


@dataclass(frozen=True, slots=True)
class Joined:
    """Pairs that join two documents."""

    edges: Numbers
    """Shape (n, 2): leader and member, sorted, each pair once."""
    compared: int
    """Pairs whose similarity was asked for."""
    unplaced: int
    """Documents of a key that were like none of as many leaders as are allowed; a document
    counts once for each key."""


def similarities(left: HashSets, right: HashSets, pairs: Numbers) -> Similarities:
    """Return the Jaccard similarity of each pair of sets, shape (n,); 0 where both are empty.

    `pairs`, shape (n, 2), holds positions: of a set in `left` and of one in `right`. The
    quotient of two counts in float64, so it is the same on every machine.
    """
    ones, others = pairs[:, 0], pairs[:, 1]
    bounds = zip(
        left.starts[ones].tolist(),
        left.starts[ones + 1].tolist(),
        right.starts[others].tolist(),
        right.starts[others + 1].tolist(),
        strict=True,
    )
    each = (
        _shared(left.values[start:end], right.values[other:other_end])
        for start, end, other, other_end in bounds
    )
    shared = np.fromiter(each, np.int64, len(pairs))
    together = left.sizes[ones] + right.sizes[others] - shared
    found: Similarities = np.zeros(len(pairs))
    np.divide(shared, together, out=found, where=together > 0)
    return found


def _shared(one: Hashes, other: Hashes) -> int:
    """Return how many values two sets share.

    One small sort for each pair: ten times faster than numbering all values so that all
    pairs can be sorted together, because a pair stays in a core's own cache.
    """
    both = np.concatenate([one, other])
    both.sort()
    return int(np.count_nonzero(both[1:] == both[:-1]))


def at_least(left: HashSets, right: HashSets, pairs: Numbers, threshold: float) -> Verdicts:
    """Return of each pair of sets whether its similarity is at least the threshold, shape (n,).

    As `similarities`; sets whose sizes alone rule it out are not compared.
    """
    sizes = np.sort(np.stack([left.sizes[pairs[:, 0]], right.sizes[pairs[:, 1]]]), axis=0)
    verdicts: Verdicts = sizes[0] >= threshold * sizes[1]
    possible = np.flatnonzero(verdicts)
    verdicts[possible] = similarities(left, right, pairs[possible]) >= threshold
    return verdicts


def join_by_leaders(
    keys: Hashes,
    docs: Numbers,
    is_similar: Callable[[Numbers], Verdicts],
    most_leaders: int = MOST_LEADERS,
) -> Joined:
    """Join documents that share a key and are similar: greedy leader clustering inside each key.

    `keys` and `docs` are rows, shape (n,), in any order. `is_similar` says of pairs of documents,
    shape (n, 2), whether they may join. A key's documents are taken in ascending order. Each joins
    the first of the key's leaders that it is similar to; one that is similar to none becomes a
    leader itself (Hartigan 1975, "Clustering Algorithms", chapter 3).

    What is promised: both ends of every edge are similar. A document is alone in a key only if
    it was compared with each of the key's leaders before it, up to `most_leaders` of them, and
    no later document joined it: so two documents that are like each other, but not like the
    smallest one, are still joined. What is not: a document that has joined a leader is compared
    with no other member; where that member is like it but not like the leader, the two are
    joined by another key that they share, or not at all.
    """
    order = np.lexsort((docs, keys))
    keys, docs = keys[order], docs[order]
    found, compared = [np.empty((0, 2), dtype=np.int64)], 0
    for _ in range(most_leaders):
        leader = _leaders(keys)
        is_member = docs != docs[leader]  # a document may have the same key twice
        pairs, of = _distinct(np.stack([docs[leader], docs], axis=1)[is_member])
        holds = is_similar(pairs)
        compared += len(pairs)
        found.append(pairs[holds])
        keys, docs = keys[is_member][~holds[of]], docs[is_member][~holds[of]]
        if not len(keys):
            break
    edges, _ = _distinct(np.concatenate(found))
    return Joined(edges, compared, len(keys))


def _leaders(keys: Hashes) -> Numbers:
    """Return for each row the position of its key's first row."""
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = keys[1:] != keys[:-1]
    return np.maximum.accumulate(np.where(is_first, np.arange(len(keys)), 0))


def _distinct(pairs: Numbers) -> tuple[Numbers, Numbers]:
    """Return the distinct pairs, sorted, and for each pair its place among them."""
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs = pairs[order]
    is_new = np.ones(len(pairs), dtype=bool)
    is_new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    place = np.empty(len(pairs), dtype=np.int64)
    place[order] = np.cumsum(is_new) - 1
    return pairs[is_new], place
