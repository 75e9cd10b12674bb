"""Clustering: sorting and union-find against brute force, three ways alike, odd input, resuming."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.dedup.exchange import EDGES, NumbersWriter, partition_of
from pipelines.dedup.forest import spanning_stars
from pipelines.dedup.numbers import distinct, document_number, number_densely, sort_keys
from pipelines.dedup.parts import Part
from pipelines.execute import InlineEngine, Task, perform
from pipelines.stages.clustering import Clustering, Clusters, Group, cluster, join
from pipelines.storage import Attempt, CommitLog
from tests.pipelines.clusters import bare_run, given_keys, label_components, labels_of, source

Pairs = list[tuple[int, int]]
TINY = 6_400
"""Bytes: 50 rows, 80 nodes."""

numbers = st.lists(
    st.integers(0, 2**64 - 1) | st.integers(0, 3) | st.sampled_from([2**63, 2**64 - 1, 2**40])
)


@given(numbers)
@example([])
@example([5, 5, 5, 5])
@example([2**40 + 3, 2**40 + 1, 2**40 + 2, 2**40 + 1])
def test_keys_are_sorted_by_all_their_bits_and_then_by_position(plain):
    keys = np.array(plain, dtype=np.uint64)
    order, begins = sort_keys(keys)
    assert order.tolist() == sorted(range(len(plain)), key=lambda at: (plain[at], at))
    found = keys[order].tolist()
    assert begins.tolist() == [at == 0 or found[at] != found[at - 1] for at in range(len(found))]


documents = st.builds(
    document_number,
    st.integers(-5, 5) | st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**32 - 1),
)


@given(st.lists(documents | st.integers(0, 9)))
@example([])
@example([-(2**63), 2**63 - 1])
def test_document_numbers_get_their_place_among_all(plain):
    found, place = number_densely(np.array(plain, dtype=np.int64))
    assert found.tolist() == distinct(np.array(plain, dtype=np.int64)).tolist() == sorted({*plain})
    assert found[place].tolist() == plain


def test_partitions_are_even_for_numbers_in_a_row():
    records = document_number(7, np.arange(40_000))
    files = document_number(np.arange(40_000), 3)
    for docs in (records, files, -records):
        counts = np.bincount(partition_of(docs, 4), minlength=16)
        assert counts.min() > 2_200
        assert counts.max() < 2_800
    assert partition_of(records, 0).max() == 0


def components_of(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    """Return for each node its component; joined one by one."""
    found: dict[int, set[int]] = {}
    for one, other in pairs:
        joined = found.get(one, {one}) | found.get(other, {other})
        found.update(dict.fromkeys(joined, joined))
    return found


def chain(length: int) -> Pairs:
    return [(number, number + 1) for number in range(length)]


def shuffled(pairs: Pairs, seed: int) -> Pairs:
    """Return the same graph with other numbers for its nodes, in another order."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(max(map(max, pairs)) + 1)
    return [tuple(names[list(pair)].tolist()) for pair in rng.permutation(pairs)]


STAR = [(0, other) for other in range(1, 100)]
CLIQUE = [(one, other) for one in range(14) for other in range(one + 1, 14)]
CATERPILLAR = [*chain(25), *((at, 100 + 25 * leaf + at) for at in range(25) for leaf in range(3))]
SHAPES = {"chain": chain(100), "star": STAR, "clique": CLIQUE, "caterpillar": CATERPILLAR}


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))))
@example([])
@example(chain(200))
@example(chain(200)[::-1])
@example([(number + 1, number) for number in range(100)])
@example([(29, other) for other in range(29)])
@example(shuffled(chain(300), 1))
@example(shuffled(CLIQUE, 2))
def test_components_against_brute_force(pairs):
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    edges = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    wanted = components_of(pairs)
    docs, clusters, sizes = label_components(edges)
    assert docs.tolist() == sorted(wanted)
    assert clusters.tolist() == [min(wanted[doc]) for doc in sorted(wanted)]
    assert sizes.tolist() == [len(wanted[doc]) for doc in sorted(wanted)]
    low, high = spanning_stars(edges[:, 0], edges[:, 1])
    assert len(low) == len(wanted) - len({min(group) for group in wanted.values()})
    assert all(smallest == min(wanted[doc]) for smallest, doc in zip(low, high, strict=True))


def edge_files(root: Path, pairs: Pairs, files: int) -> list[Part]:
    """Write a graph's edges to some files of one unit."""

    def work(attempt: Attempt, shares: list[Pairs]) -> dict[str, int]:
        for number, some in enumerate(shares):
            low, high = np.sort(np.array(some, dtype=np.int64).reshape(-1, 2), axis=1).T
            with NumbersWriter(attempt, f"stages/given/{number:05d}.parquet", EDGES) as writer:
                writer.write(low, high)
        return {}

    shares = [pairs[number::files] for number in range(files)]
    done = perform(root, Task("given", "all", "f", work, shares))
    return [Part(root / item.path, item.sha256, item.rows) for item in done.files if item.rows]


def groups_at(*starts: int) -> list[Group]:
    nothing = Part(Path(), "", 0)
    return [Group(f"{at:05d}", 1, start, nothing) for at, start in enumerate(starts)]


def check_ways(root: Path, pairs: Pairs) -> None:
    """Join a graph by one union-find, by a tree of forests and by star rounds."""
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    plain = label_components(np.array(pairs, dtype=np.int64).reshape(-1, 2))
    wanted = np.stack(plain, axis=1).tolist()
    groups = groups_at(0, 17, 100)
    # The tree is of more files than one task takes.
    for name, way, files, memory in (
        ("tree", "memory", 18, 1 << 30),
        ("rounds", "rounds", 3, TINY),
    ):
        parts = edge_files(root / name, pairs, files)
        found = join(bare_run(root / name), "any", parts, groups, way=way, memory=memory)
        assert labels_of(found).tolist() == wanted
        assert found.documents == len(wanted)
        check_counts(found, wanted)


def check_counts(found: Clusters, labels: list[list[int]]) -> None:
    sizes = {label: size for _, label, size in labels}
    assert found.clusters == len(sizes)
    largest = min(((-size, label) for label, size in sizes.items()), default=(0, 0))
    assert found.largest == (largest[1], -largest[0])
    histogram: defaultdict[int, int] = defaultdict(int)
    for size in sizes.values():
        histogram[1 << (size.bit_length() - 1)] += 1
    assert found.histogram == histogram


@settings(max_examples=3, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), max_size=60))
def test_three_ways_label_random_graphs_alike(tmp_path_factory, pairs):
    check_ways(tmp_path_factory.mktemp("random"), pairs)


@pytest.mark.parametrize("shape", SHAPES)
def test_three_ways_label_chains_stars_and_cliques_alike(tmp_path, shape):
    check_ways(tmp_path, shuffled(SHAPES[shape], 4))


def clustered(root: Path, sources: list, memory: int = 1 << 30, **options) -> Clusters:
    found = cluster(
        bare_run(root), "any", sources, options=Clustering(given_keys, memory=memory, **options)
    )
    check_counts(found, labels_of(found).tolist())
    return found


def test_a_document_that_has_a_key_twice_is_no_cluster(tmp_path):
    found = clustered(tmp_path, [source(0, ([7, 7, 9], [1, 1, 2]), ([7], [2**40]))])
    assert labels_of(found).tolist() == [[1, 1, 2], [2**40, 1, 2]]


def test_sources_without_documents(tmp_path):
    sources = [source(0), source(1, ([], [])), source(2, ([4, 4], [5, 6])), source(3)]
    found = clustered(tmp_path, sources)
    assert labels_of(found).tolist() == [[5, 5, 2], [6, 5, 2]]
    assert [group.documents for group in found.groups] == [0, 0, 2, 0]
    assert {unit: part.rows for unit, part in found.labels.items()} == {
        "00000": 0, "00001": 0, "00002": 2, "00003": 0,
    }  # fmt: skip


def random_rows(documents: int, keys: int, seed: int, first: int = 0) -> tuple:
    """Return keys, evenly spread, of some documents; two of each."""
    rng = np.random.default_rng(seed)
    known = np.random.default_rng(0).integers(0, 2**64, keys, dtype=np.uint64)
    docs = np.repeat(np.arange(first, first + documents), 2)
    return rng.choice(known, len(docs)), docs


def brute_force(*rows: tuple) -> list[list[int]]:
    by_key: dict[int, int] = {}
    pairs = []
    for keys, docs in rows:
        for key, doc in zip(keys.tolist(), docs.tolist(), strict=True):
            if by_key.setdefault(key, doc) != doc:
                pairs.append((by_key[key], doc))
    found = components_of(pairs)
    return [[doc, min(found[doc]), len(found[doc])] for doc in sorted(found)]


def test_keys_from_many_sources_whatever_fits_at_once(tmp_path):
    """With little memory runs come in batches, keys in partitions, and rounds do the rest."""
    rows = [random_rows(150, 1500, seed, first=document_number(seed, 0)) for seed in range(4)]
    sources = [source(number, pair) for number, pair in enumerate(rows)]
    wanted = brute_force(*rows)
    assert len({size for _, _, size in wanted}) > 5
    for name, memory in (("much", 1 << 30), ("little", 24_000)):
        assert labels_of(clustered(tmp_path / name, sources, memory)).tolist() == wanted
    assert len(CommitLog(tmp_path / "little").commits("edges_any")) > 4
    assert CommitLog(tmp_path / "little").commits("members_any")
    assert len(CommitLog(tmp_path / "much").commits("edges_any")) == 1


def test_a_partition_that_holds_too_much_is_split(tmp_path):
    """Keys that all begin alike are in one of the partitions: it is worked on in slices."""
    keys, docs = random_rows(1_500, 2_500, 3)
    keys >>= np.uint64(20)
    found = clustered(tmp_path, [source(0, (keys, docs))], memory=40_000, way="memory")
    assert labels_of(found).tolist() == brute_force((keys, docs))
    facts = [commit.facts for commit in CommitLog(tmp_path).commits("edges_any").values()]
    assert sum(fact["rows"] for fact in facts) == found.groups[0].run.rows
    assert max(fact["slices"] for fact in facts) >= 4


def identical_pages(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the 14 keys of each of some pages, all alike, 50,000 pages at a time."""
    keys = np.random.default_rng(2).integers(0, 2**64, 14, dtype=np.uint64)
    for start in range(0, count, 50_000):
        docs = np.arange(start, min(start + 50_000, count))
        yield np.tile(keys, len(docs)), np.repeat(docs, 14)


def test_a_million_identical_pages_in_one_unit(tmp_path):
    """A run has them once per batch; what is written is one edge and one label for each."""
    count = 1_000_000
    sources = [source(0)]
    object.__setattr__(sources[0], "argument", count)
    run = bare_run(tmp_path)
    found = cluster(run, "any", sources, options=Clustering(identical_pages))
    assert found.largest == (0, count)
    assert found.groups[0].run.rows <= 14 * 10
    pairs = tmp_path / "stages/runs_any/pairs/00000.parquet"
    assert pq.read_metadata(pairs).num_rows < count
    assert labels_of(found)[[0, -1]].tolist() == [[0, 0, count], [count - 1, 0, count]]


def test_half_of_all_documents_with_one_key(tmp_path):
    """However many have it, it is one row of a run: no partition grows by it."""
    sources, rows = [], []
    for number in range(3):
        keys, docs = random_rows(400, 10_000, number, first=document_number(number, 0))
        keys[::4] = 2**63 + 1
        rows.append((keys, docs))
        sources.append(source(number, rows[-1]))
    found = clustered(tmp_path, sources, memory=50_000)
    assert labels_of(found).tolist() == brute_force(*rows)
    assert found.largest[1] > 600
    for group in found.groups:
        keys = pq.read_table(group.run.path)["key"].to_numpy()
        assert (keys == 2**63 + 1).sum() <= 3  # one per batch
    done = CommitLog(tmp_path).commits("edges_any").values()
    assert max(commit.facts["rows"] for commit in done) < 3 * min(
        commit.facts["rows"] for commit in done
    )


def test_earlier_documents_come_first_and_get_no_labels(tmp_path):
    earlier = clustered(tmp_path / "old", [source(0, random_rows(50, 300, 5))])
    part = earlier.groups[0].run
    keys, docs = random_rows(200, 300, 6)
    shift = -(1 << 63)
    options = {"earlier": [Part(part.path, part.content, part.rows, shift)]}
    found = clustered_with_earlier(tmp_path / "new", [source(0, (keys, docs))], options)
    old_keys = pq.read_table(part.path)
    before = (old_keys["key"].to_numpy(), old_keys["doc"].to_numpy() + shift)
    both = brute_force(before, (keys, docs))
    own = {label for doc, label, _ in both if doc >= 0}
    joined = {doc: label for doc, label, _ in both if doc >= 0 and label in own}
    assert {doc: label for doc, label, _ in labels_of(found).tolist()} == joined
    assert min(joined.values()) < 0 <= max(joined.values())


def clustered_with_earlier(root: Path, sources: list, options: dict) -> Clusters:
    return cluster(bare_run(root), "any", sources, options=Clustering(given_keys, **options))


class Stopping(InlineEngine):
    """Performs so many units and then dies, as a machine does."""

    def __init__(self, units: int) -> None:
        self.left = units

    def run(self, root, tasks):
        for done in super().run(root, tasks):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield done


def test_rounds_go_on_where_they_were_interrupted(tmp_path):
    """Whatever was committed is not done again, though the files of earlier rounds are gone."""
    pairs = shuffled(chain(100), 6)
    groups = groups_at(0)
    whole = tmp_path / "whole"
    options = {"way": "rounds", "memory": TINY}
    wanted = join(run := bare_run(whole), "any", edge_files(whole, pairs, 3), groups, **options)
    units, rounds = len(run.observer.done), sum("star_" in stage for stage in run.commits)
    assert rounds >= 6
    root = tmp_path / "cut"
    parts = edge_files(root, pairs, 3)
    done, tries = [], 0
    while True:
        tries += 1
        run = bare_run(root, Stopping(units=11))
        try:
            found = join(run, "any", parts, groups, **options)
        except KeyboardInterrupt:
            done += run.observer.done
            continue
        done += run.observer.done
        break
    assert tries > 3
    assert len(done) <= units + tries  # the unit at which it stops is committed, but not heard of
    assert labels_of(found).tolist() == labels_of(wanted).tolist()
    kept = {path.parent.name for path in (root / "stages").rglob("*star_*/*.parquet")}
    assert not kept

    again = bare_run(root)
    join(again, "any", parts, groups, **options)
    assert again.observer.done == []
    assert again.commits.keys() == run.commits.keys()


def test_rounds_begin_again_where_the_files_they_need_are_gone(tmp_path):
    pairs = shuffled(chain(40), 7)
    parts, groups = edge_files(tmp_path, pairs, 2), groups_at(0)
    options = {"way": "rounds", "memory": TINY}
    wanted = labels_of(join(bare_run(tmp_path), "any", parts, groups, **options)).tolist()
    for path in [
        *(tmp_path / "stages/members_any").iterdir(),
        *(tmp_path / "stages/labels_any").iterdir(),
    ]:
        path.unlink()
    run = bare_run(tmp_path)
    assert labels_of(join(run, "any", parts, groups, **options)).tolist() == wanted
    assert "spread_any" in run.observer.done
