"""Real similarity and who joins whom by it, against brute force."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.jaccard import HashSets, at_least, join_by_leaders, similarities

Pair = tuple[int, int]


def hash_sets(sets: Sequence[set[int]]) -> HashSets:
    values = [value for some in sets for value in sorted(some)]
    starts = np.cumsum([0, *map(len, sets)])
    return HashSets(np.array(values, dtype=np.uint64), starts.astype(np.int64))


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


some_sets = st.lists(st.sets(st.integers(0, 9) | st.integers(2**64 - 4, 2**64 - 1)), min_size=1)


@given(some_sets, some_sets, st.floats(0.05, 1))
@example([set()], [set()], 0.5)
@example([{0}], [{2**64 - 1}, {0}], 1.0)
def test_similarities_against_brute_force(left, right, threshold):
    pairs = [(one, other) for one in range(len(left)) for other in range(len(right))]
    wanted = [jaccard(left[one], right[other]) for one, other in pairs]
    columns = np.array(pairs)
    assert similarities(hash_sets(left), hash_sets(right), columns).tolist() == wanted
    verdicts = at_least(hash_sets(left), hash_sets(right), columns, threshold)
    assert verdicts.tolist() == [value >= threshold for value in wanted]


@pytest.mark.parametrize(("shared", "holds"), [(76, True), (75, True), (74, False)])
def test_the_threshold_itself_is_enough(shared: int, holds: bool):
    """Of 100 together: 74, 75 and 76 shared ones."""
    ours = set(range(100))
    theirs = set(range(shared))
    verdicts = at_least(hash_sets([ours]), hash_sets([theirs]), np.array([[0, 0]]), 0.75)
    assert verdicts.tolist() == [holds]


def join(
    rows: Sequence[tuple[int, int]], alike: Callable[[Pair], bool], **options: int
) -> tuple[list[Pair], int]:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 2)
    asked: list[Pair] = []

    def is_similar(pairs: np.ndarray) -> np.ndarray:
        asked.extend(map(tuple, pairs.tolist()))
        return np.array([alike(pair) for pair in map(tuple, pairs.tolist())], dtype=bool)

    joined = join_by_leaders(columns[:, 0].astype(np.uint64), columns[:, 1], is_similar, **options)
    assert joined.compared == len(asked)
    assert all(low < high for low, high in asked)
    return [(low, high) for low, high in joined.edges.tolist()], joined.unplaced


def greedily(rows: Sequence[tuple[int, int]], alike: Callable[[Pair], bool]) -> list[Pair]:
    """Follow the definition, one document after another."""
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for key, doc in rows:
        groups[key].add(doc)
    edges = set()
    for group in groups.values():
        leaders: list[int] = []
        for doc in sorted(group):
            leader = next((leader for leader in leaders if alike((leader, doc))), None)
            if leader is None:
                leaders.append(doc)
            else:
                edges.add((leader, doc))
    return sorted(edges)


some_rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)))


@given(some_rows, st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12))))
def test_leaders_against_the_definition(rows, alike):
    edges, unplaced = join(rows, alike.__contains__)
    assert edges == greedily(rows, alike.__contains__)
    assert set(edges) <= alike
    assert unplaced == 0


def test_two_that_are_alike_join_although_the_smallest_is_unlike_both():
    rows = [(7, doc) for doc in (1, 2, 3, 4)]
    assert join(rows, {(2, 4)}.__contains__) == ([(2, 4)], 0)


def test_nothing_joins_what_shares_no_key():
    assert join([(1, 1), (2, 2), (2, 2)], lambda _: True) == ([], 0)


def test_a_key_of_unlike_documents_costs_a_bounded_number_of_comparisons():
    rows = [(5, doc) for doc in range(1000)]
    edges, unplaced = join(rows, lambda pair: pair == (998, 999), most_leaders=3)
    assert edges == []
    assert unplaced == 1000 - 3, "nobody is joined unseen"
