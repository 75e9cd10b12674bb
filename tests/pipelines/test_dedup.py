"""Near-duplicates of real text, planted: the stages as a whole against datatrove's."""

import random
import struct
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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

from filters.minhash import MinHasher
from pipelines.crawl import Page, find_inputs, read_pages
from pipelines.crawl.archive.decode import decode_page
from pipelines.dedup.bands import BandsWriter
from pipelines.dedup.kinds import KeyMaker, KeysOfGroup, keys_of_group
from pipelines.dedup.numbers import document_number
from pipelines.dedup.pages import EDITS, Group, Pages
from pipelines.dedup.parts import Source
from pipelines.execute import Task, perform
from pipelines.extract import make_extractor
from pipelines.stages.clustering import Clustering, Clusters, Way, cluster
from pipelines.storage import Attempt
from pipelines.tables import TableWriter
from tests.pipelines.clusters import bare_run, labels_of

Doc = tuple[int, int]
"""Ordinal of a file, ordinal of a record in it."""
Files = Sequence[Sequence[tuple[str, str]]]
"""Record id and text by file and record."""


def test_document_numbers_follow_the_input_order():
    docs = [(0, 0), (0, 1), (0, 2**32 - 1), (1, 0), (2, 7), (2**31 - 1, 2**32 - 1)]
    numbers = [document_number(*doc) for doc in docs]
    assert numbers == sorted(set(numbers))
    assert max(numbers) == 2**63 - 1
    records = np.array([0, 5], dtype=np.int64)
    assert document_number(3, records).tolist() == [document_number(3, r) for r in (0, 5)]


@dataclass
class Found:
    """What deduplication says, with document numbers as pairs again."""

    labels: Mapping[Doc, tuple[Doc, int]]
    facts: Clusters

    @property
    def clusters(self) -> set[frozenset[Doc]]:
        members: defaultdict[Doc, set[Doc]] = defaultdict(set)
        for doc, (label, _) in self.labels.items():
            members[label].add(doc)
        return set(map(frozenset, members.values()))


def pair(number: int) -> Doc:
    return divmod(number, 2**32)


HASHER = MinHasher()


def write_bands(root: Path, files: Files) -> list[Path]:
    """Write what curation leaves for near-duplicates, by file."""

    def work(attempt: Attempt, argument: tuple[int, Sequence[tuple[str, str]]]) -> dict[str, int]:
        ordinal, rows = argument
        with BandsWriter(attempt, f"stages/bands/{ordinal}.parquet", HASHER) as bands:
            for record, (_, text) in enumerate(rows):
                signature = HASHER.signature(text)
                if signature is not None:
                    bands.add(record, signature)
        return {}

    for argument in enumerate(files):
        perform(root, Task("curate", str(argument[0]), "f", work, argument))
    return [root / f"stages/bands/{ordinal}.parquet" for ordinal in range(len(files))]


def test_keys_are_those_of_each_signature_however_many_are_hashed_together(tmp_path):
    """An edited text's keys take the place of those that its page had, or that it had not."""
    signatures = np.random.default_rng(1).integers(0, 2**61, (600, 112), dtype=np.uint64)
    with_keys = [record for record in range(600) if record % 7]

    def work(attempt: Attempt, _: None) -> dict[str, int]:
        with BandsWriter(attempt, "bands.parquet", HASHER) as bands:
            for record in with_keys:
                bands.add(record, signatures[record])
        with TableWriter(attempt, "edits.parquet", EDITS) as edits:
            for record, keys in ((0, HASHER.band_keys(signatures[0])), (599, None)):
                edits.add({"record": record, "text": "", "spans": 1, "chars": 1, "keys": keys})
        return {}

    perform(tmp_path, Task("curate", "0", "f", work, None))
    pages = Pages("0", 3, "d", tmp_path, tmp_path, tmp_path / "bands.parquet")
    edits = tmp_path / "edits.parquet"
    edited = [0, *(record for record in with_keys if record != 599)]
    for one, records in ((pages, with_keys), (replace(pages, edits=edits), edited)):
        docs, keys = one.band_keys()
        assert docs.tolist() == [document_number(3, record) for record in records]
        assert (keys == [HASHER.band_keys(signatures[record]) for record in records]).all()


def find(
    root: Path, paths: Sequence[Path], *, group: int = 2, memory: int = 2 << 30, way: Way = "auto"
) -> Found:
    """Run the stages over curated files, `group` of them in a run."""
    maker = KeyMaker("minhash", HASHER)
    sources = []
    for start in range(0, len(paths), group):
        pages = tuple(
            Pages(str(ordinal), ordinal, "local", paths[ordinal], paths[ordinal], paths[ordinal])
            for ordinal in range(start, min(start + group, len(paths)))
        )
        of = Group(f"{start:05d}", pages, {"bands": f"{start} {group}"})
        sources.append(Source(of.unit, KeysOfGroup(of, maker), maker.content(of)))
    options = Clustering(keys_of_group, way=way, memory=memory)
    facts = cluster(bare_run(root), "minhash", sources, options=options)
    rows = labels_of(facts).tolist()
    return Found({pair(doc): (pair(label), size) for doc, label, size in rows}, facts)


def test_pages_without_a_signature_and_files_without_pages(tmp_path):
    paths = write_bands(tmp_path, [[], [("a", "three words only")], []])
    for files in (paths, []):
        found = find(tmp_path / str(len(files)), files)
        assert found.labels == {}
        assert found.facts.clusters == found.facts.documents == 0
        assert found.facts.largest == (0, 0)
        assert set(found.facts.labels) == {f"{start:05d}" for start in range(0, len(files), 2)}


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
            for doc, label in struct.iter_unpack("<2I", path.read_bytes()):
                members[label].add((int(path.stem), doc))
        return set(map(frozenset, members.values()))


@pytest.fixture(scope="module")
def signed(planted, tmp_path_factory) -> list[Path]:
    return write_bands(tmp_path_factory.mktemp("signed"), planted)


def test_clusters_and_removals_equal_datatroves(planted, signed, tmp_path):
    found = find(tmp_path, signed)
    reference = Reference(planted, tmp_path)

    assert found.clusters == reference.clusters
    sizes = Counter(map(len, found.clusters))
    assert set(sizes) >= {2, 3, 4, 5, 6}, sizes
    ids = {(i, j): row[0] for i, rows in enumerate(planted) for j, row in enumerate(rows)}
    removed = {ids[doc] for doc, (label, _) in found.labels.items() if doc != label}
    kept = set(ids.values()) - removed
    assert len(kept) == len(reference.kept)
    assert all(found.labels[doc] == (min(c), len(c)) for c in found.clusters for doc in c)

    # Union by size may keep another member of three and more, never of two.
    others = {c for c in found.clusters if not {ids[doc] for doc in c} & kept <= reference.kept}
    assert {len(c) for c in others} <= {3, 4, 5, 6, 7}, sorted(map(sorted, others))


@pytest.mark.parametrize(
    ("group", "memory", "way"),
    [(1, 2 << 30, "auto"), (3, 64_000, "memory"), (5, 2 << 30, "rounds"), (2, 32_000, "auto")],
)
def test_neither_groups_nor_memory_change_the_result(signed, tmp_path, group, memory, way):
    one = find(tmp_path / "one", signed, group=FILES)
    other = find(tmp_path / "other", signed, group=group, memory=memory, way=way)
    assert len(one.clusters) > 10
    assert other.labels == one.labels
    for name in ("clusters", "documents", "largest", "histogram"):
        assert getattr(other.facts, name) == getattr(one.facts, name)
