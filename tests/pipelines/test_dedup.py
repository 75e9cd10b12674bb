"""Near-duplicates: small parts against brute force, the whole against datatrove."""

import random
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from datatrove.data import Document
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.utils.hashing import HashConfig
from hypothesis import example, given
from hypothesis import strategies as st

from filters.minhash import MinHasher
from pipelines import dedup
from pipelines.crawl import Page, find_inputs, read_pages
from pipelines.crawl.archive.decode import decode_page
from pipelines.curate import signature_schema
from pipelines.dedup import document_number, label_components, star_edges
from pipelines.execute import Task, perform
from pipelines.extract import make_extractor
from pipelines.ledger import CANDIDATES
from pipelines.storage import Attempt, Commit
from pipelines.tables import TableWriter, read_rows

Doc = tuple[int, int]
"""Ordinal of a file, ordinal of a record in it."""
Rows = list[tuple[int, int, int]]
"""Band, key, document number."""
Files = Sequence[Sequence[tuple[str, str]]]
"""Record id and text by file and record."""


def test_document_numbers_follow_the_input_order():
    docs = [(0, 0), (0, 1), (0, 2**32 - 1), (1, 0), (2, 7), (2**31 - 1, 2**32 - 1)]
    numbers = [document_number(*doc) for doc in docs]
    assert numbers == sorted(set(numbers))
    assert max(numbers) == 2**63 - 1
    records = np.array([0, 5], dtype=np.int64)
    assert document_number(3, records).tolist() == [document_number(3, r) for r in (0, 5)]


def groups_of(rows: Rows) -> list[set[int]]:
    groups: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for band, key, doc in rows:
        groups[band, key].add(doc)
    return list(groups.values())


def components_of(groups: Iterable[Iterable[int]]) -> set[frozenset[int]]:
    """Join sets that share a member, one by one."""
    joined: list[set[int]] = []
    for group in map(set, groups):
        touching = [item for item in joined if item & group]
        joined = [item for item in joined if not item & group]
        joined.append(group.union(*touching))
    return {frozenset(item) for item in joined if len(item) > 1}


def edges_of(rows: Rows) -> np.ndarray:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    bands, keys, docs = columns.T
    return star_edges(bands.astype(np.int16), keys.astype(np.uint64), docs)


some_rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 25)))


@given(some_rows)
@example([])
@example([(0, 0, 5)])
@example([(0, 0, 5), (0, 0, 5)])
@example([(0, 1, doc) for doc in range(9, 0, -1)])
@example([(0, 1, 3), (1, 1, 4), (0, 1, 5), (1, 1, 2)])
def test_star_edges_against_brute_force(rows):
    wanted = {(min(group), doc) for group in groups_of(rows) for doc in group - {min(group)}}
    found = edges_of(rows)
    assert found.dtype == np.int64
    assert [tuple(edge) for edge in found.tolist()] == sorted(wanted)


def chain(length: int) -> list[Doc]:
    return [(number, number + 1) for number in range(length)]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
@example([])
@example(chain(200))
@example(chain(200)[::-1])
@example([(number + 1, number) for number in range(100)])
@example([(7, other) for other in range(20) if other != 7])
@example([(19, other) for other in range(19)])
@example([(one, other) for one in range(8) for other in range(one + 1, 8)])
@example([(0, 2), (1, 3), (4, 5), (3, 4)])
def test_components_against_brute_force(pairs):
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    docs, clusters, sizes = label_components(np.array(pairs, dtype=np.int64).reshape(-1, 2))
    wanted = {doc: group for group in components_of(pairs) for doc in group}
    assert docs.tolist() == sorted(wanted)
    assert clusters.tolist() == [min(wanted[doc]) for doc in sorted(wanted)]
    assert sizes.tolist() == [len(wanted[doc]) for doc in sorted(wanted)]


@given(some_rows)
def test_stars_join_what_shares_a_key(rows):
    docs, clusters, _ = label_components(edges_of(rows))
    found: defaultdict[int, set[int]] = defaultdict(set)
    for doc, cluster in zip(docs.tolist(), clusters.tolist(), strict=True):
        found[cluster].add(doc)
    assert set(map(frozenset, found.values())) == components_of(groups_of(rows))


@dataclass
class Found:
    """What deduplication says, with document numbers as pairs again."""

    repeats: Mapping[Doc, Doc]
    labels: Mapping[Doc, tuple[Doc, int]]

    @property
    def clusters(self) -> set[frozenset[Doc]]:
        members: defaultdict[Doc, set[Doc]] = defaultdict(set)
        for doc, (cluster, _) in self.labels.items():
            members[cluster].add(doc)
        return set(map(frozenset, members.values()))


def pair(number: int) -> Doc:
    return divmod(number, 2**32)


HASHER = MinHasher()


def write_curated(root: Path, files: Files) -> None:
    """Write what curation leaves for deduplication: candidates and signatures by file."""

    def work(attempt: Attempt, argument: tuple[int, Sequence[tuple[str, str]]]) -> dict[str, int]:
        ordinal, rows = argument
        schema = signature_schema(HASHER)
        with (
            TableWriter(attempt, f"candidates/{ordinal}.parquet", CANDIDATES) as candidates,
            TableWriter(attempt, f"signatures/{ordinal}.parquet", schema) as signatures,
        ):
            for record, (record_id, text) in enumerate(rows):
                candidates.add({"record": record, "id": record_id, "text": text})
                signature = HASHER.signature(text)
                if signature is not None:
                    signatures.add({"record": record, "signature": signature})
        return {}

    for argument in enumerate(files):
        perform(root, Task("curate", str(argument[0]), "f", work, argument))


def find(root: Path, count: int, *, group: int = 2, partitions: int = 1) -> Found:
    """Run the stages over `count` curated files, with run files of `group` files each."""
    print_ = f"{group} {partitions}"

    def at(folder: str, commits: Iterable[Commit]) -> tuple[Path, ...]:
        return tuple(root / commit.file(folder).path for commit in commits)

    runs = []
    for number, start in enumerate(range(0, count, group)):
        chosen = range(start, min(start + group, count))
        job = dedup.RunsJob(
            unit=f"{number:05d}",
            candidates=tuple((i, root / f"candidates/{i}.parquet") for i in chosen),
            signatures=tuple((i, root / f"signatures/{i}.parquet") for i in chosen),
            hasher=HASHER,
            partitions=partitions,
        )
        runs.append(perform(root, Task("runs", job.unit, print_, dedup.write_runs, job)))
    repeats, edges = [], []
    for part in range(partitions):
        job_ids = dedup.PartitionJob(f"{part:05d}", part, at("stages/runs/ids", runs))
        task = Task("repeats", job_ids.unit, print_, dedup.find_repeats, job_ids)
        repeats.append(perform(root, task))
    paths = at("stages/repeats", repeats)
    for part in range(partitions):
        job_bands = dedup.PartitionJob(f"{part:05d}", part, at("stages/runs/bands", runs), paths)
        task = Task("edges", job_bands.unit, print_, dedup.find_edges, job_bands)
        edges.append(perform(root, task))
    join = dedup.ComponentsJob(at("stages/edges", edges))
    joined = perform(root, Task("components", "all", print_, dedup.join_components, join))
    rows = [row for path in paths for row in read_rows(path)]
    labels = read_rows(*at("stages/components", [joined]))
    return Found(
        {pair(row["doc"]): pair(row["first"]) for row in rows},
        {pair(row["doc"]): (pair(row["cluster"]), row["size"]) for row in labels},
    )


ALIKE = "the same long sentence about a river and a house that every page here repeats word by word"


def unlike(seed: int) -> str:
    letters = random.Random(seed).choices("abcdefghij", k=120)
    return " ".join("".join(letters[at : at + 4]) for at in range(0, 120, 4))


def test_of_records_with_the_same_id_the_first_stays(tmp_path):
    files = [
        [("a", unlike(1)), ("b", unlike(2)), ("a", unlike(3))],
        [("c", unlike(4)), ("b", unlike(5)), ("a", unlike(6))],
        [],
        [("d", unlike(7)), ("c", unlike(8))],
    ]
    write_curated(tmp_path, files)
    for partitions in (1, 3):
        found = find(tmp_path, len(files), group=3, partitions=partitions)
        assert found.repeats == {
            (0, 2): (0, 0),
            (1, 1): (0, 1),
            (1, 2): (0, 0),
            (3, 1): (1, 0),
        }
        assert found.labels == {}


def test_a_repeated_record_is_in_no_cluster(tmp_path):
    """It counts for no cluster's size and joins none."""
    files = [[("a", ALIKE), ("b", unlike(1))], [("a", ALIKE), ("c", ALIKE)], [("b", ALIKE)]]
    write_curated(tmp_path, files)
    found = find(tmp_path, 3)
    assert found.repeats == {(1, 0): (0, 0), (2, 0): (0, 1)}
    assert found.labels == {(0, 0): ((0, 0), 2), (1, 1): ((0, 0), 2)}


def test_nothing_to_deduplicate(tmp_path):
    write_curated(tmp_path, [[], [("a", "three words only")], []])
    assert find(tmp_path, 3, partitions=2) == Found({}, {})
    assert find(tmp_path, 0) == Found({}, {})


def test_labels_of_a_file_are_its_own(tmp_path):
    files = [[("a", unlike(1)), ("b", ALIKE)], [("c", ALIKE), ("a", unlike(2)), ("d", unlike(3))]]
    write_curated(tmp_path, files)
    find(tmp_path, 2)
    repeats = tuple((tmp_path / "stages/repeats").iterdir())
    components = tmp_path / "stages/components/labels.parquet"
    first, second = (dedup.read_labels(ordinal, repeats, components) for ordinal in (0, 1))
    cluster = document_number(0, 1)
    assert (first.repeated, first.cluster) == (frozenset(), {1: (cluster, 2)})
    assert (second.repeated, second.cluster) == (frozenset({1}), {0: (cluster, 2)})
    assert second.of(1, 2) == (document_number(1, 2), 1)
    assert dedup.read_labels(1, repeats, None).cluster == {}


RATES = (0.0, 0.002, 0.004, 0.01, 0.02, 0.12)
FILES = 5


def damaged(text: str, rate: float, rng: random.Random) -> str:
    """Drop or replace a share of the words."""
    words = text.split(" ")
    for index in range(len(words)):
        if rng.random() < rate:
            words[index] = rng.choice(["", "instead", words[index] + "s"])
    return " ".join(words)


@pytest.fixture(scope="module")
def planted(sample_crawl: Path) -> list[list[tuple[str, str]]]:
    """Texts of the sample crawl in several files, a third of them damaged once to five times."""
    (file,) = find_inputs([str(sample_crawl / "formasaurus-00001.warc.gz")])
    extract = make_extractor("trafilatura", {"favor_precision": True})
    pages = (page for page in read_pages(file, Counter()) if isinstance(page, Page))
    found = (extract(decode_page(page).text)[:6_000] for page in islice(pages, 110))
    texts = [text for text in found if text]
    rng = random.Random(7)
    copies = [
        damaged(text, rng.choice(RATES), rng)
        for number, text in enumerate(texts)
        if number % 3 == 0
        for _ in range(number // 3 % 5 + 1)
    ]
    everything = [*texts, *copies]
    rng.shuffle(everything)
    files: list[list[tuple[str, str]]] = [[] for _ in range(FILES)]
    for number, text in enumerate(everything):
        files[number % FILES].append((f"id-{number}", text))
    return files


class Reference:
    """datatrove's four stages on the same texts."""

    def __init__(self, files: Files, folder: Path) -> None:
        config = MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))
        signatures, buckets, removal = (str(folder / name) for name in ("sigs", "dups", "remove"))
        documents = [
            [Document(text=text, id=record_id) for record_id, text in rows] for rows in files
        ]
        for rank, rows in enumerate(documents):
            MinhashDedupSignature(signatures, config).run(iter(rows), rank, len(files))
        for rank in range(config.num_buckets):
            step = MinhashDedupBuckets(signatures, buckets, config=config)
            step.run(None, rank, config.num_buckets)
        MinhashDedupCluster(buckets, removal, config, save_cluster_id=True).run(None, 0, 1)
        self.kept = {
            document.id
            for rank, rows in enumerate(documents)
            for document in MinhashDedupFilter(removal).run(iter(rows), rank, len(files))
        }
        self.clusters = self._read_clusters(Path(removal))

    def _read_clusters(self, folder: Path) -> set[frozenset[Doc]]:
        members: defaultdict[int, set[Doc]] = defaultdict(set)
        for path in folder.glob("*.clusters"):
            for doc, cluster in struct.iter_unpack("<2I", path.read_bytes()):
                members[cluster].add((int(path.stem), doc))
        return set(map(frozenset, members.values()))


def test_clusters_and_removals_equal_datatroves(planted, tmp_path):
    write_curated(tmp_path, planted)
    found = find(tmp_path, FILES)
    reference = Reference(planted, tmp_path)

    assert found.repeats == {}
    assert found.clusters == reference.clusters
    sizes = Counter(map(len, found.clusters))
    assert set(sizes) >= {2, 3, 4, 5, 6}, sizes
    ids = {(i, j): row[0] for i, rows in enumerate(planted) for j, row in enumerate(rows)}
    removed = {ids[doc] for doc, (cluster, _) in found.labels.items() if doc != cluster}
    kept = set(ids.values()) - removed
    assert len(kept) == len(reference.kept)
    assert all(found.labels[doc] == (min(c), len(c)) for c in found.clusters for doc in c)

    # Union by size may keep another member of three and more, never of two.
    others = {c for c in found.clusters if not {ids[doc] for doc in c} & kept <= reference.kept}
    assert {len(c) for c in others} <= {3, 4, 5, 6, 7}, sorted(map(sorted, others))


@pytest.mark.parametrize(("group", "partitions"), [(1, 1), (2, 3), (5, 7), (3, 1), (1, 7)])
def test_neither_groups_nor_partitions_change_the_result(planted, tmp_path, group, partitions):
    write_curated(tmp_path, planted)
    one = find(tmp_path, FILES, group=FILES, partitions=1)
    assert len(one.clusters) > 10
    assert find(tmp_path, FILES, group=group, partitions=partitions) == one
