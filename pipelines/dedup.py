"""Near-duplicates: runs, repeats, star edges, components (design section 8).

A document number is the file's ordinal and the record's ordinal in one int64,
so that the smallest number of a cluster is its first page in input order.
Data flows through Parquet only: run files per group of units, one partition of
all runs per task, and one union-find at the end.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.minhash import MinHasher
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, read_table, read_tables

RECORD_BITS = 32
"""A crawl file may have four thousand million records; two thousand million files fit."""

Numbers = npt.NDArray[np.int64]

IDS = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("doc", pa.int64(), nullable=False),
    ]
)
BANDS = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("band", pa.int16(), nullable=False),
        pa.field("key", pa.uint64(), nullable=False),
        pa.field("doc", pa.int64(), nullable=False),
    ]
)
REPEATS = pa.schema([pa.field("doc", pa.int64()), pa.field("first", pa.int64())])
"""Documents whose record id came before, with the document that had it first."""
EDGES = pa.schema([pa.field("low", pa.int64()), pa.field("high", pa.int64())])
LABELS = pa.schema(
    [
        pa.field("doc", pa.int64()),
        pa.field("cluster", pa.int64()),
        pa.field("size", pa.int64()),
    ]
)
"""Members of clusters of two and more: the cluster's smallest document number and its size."""


def document_number(ordinal: int, record: Any) -> Any:
    """Return the document number(s) of record(s) of the file with this ordinal."""
    return (ordinal << RECORD_BITS) + record


@dataclass(frozen=True, slots=True)
class RunsJob:
    """A group of curated files whose keys go into one run."""

    unit: str
    candidates: tuple[tuple[int, Path], ...]
    signatures: tuple[tuple[int, Path], ...]
    hasher: MinHasher | None
    partitions: int


@dataclass(frozen=True, slots=True)
class PartitionJob:
    """One partition of every run file."""

    unit: str
    partition: int
    runs: tuple[Path, ...]
    repeats: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentsJob:
    """All edges, to be joined into clusters."""

    edges: tuple[Path, ...]


def write_runs(attempt: Attempt, job: RunsJob) -> dict[str, Any]:
    """Write the group's record ids and band keys, sorted by partition."""
    _write_sorted(attempt, f"stages/runs/ids/{job.unit}.parquet", _id_rows(job))
    if job.hasher is not None:
        _write_sorted(attempt, f"stages/runs/bands/{job.unit}.parquet", _band_rows(job))
    return {}


def _id_rows(job: RunsJob) -> pa.Table:
    tables = [IDS.empty_table()]
    for ordinal, path in job.candidates:
        table = read_table(path, ["id", "record"])
        ids = table["id"].to_pylist()
        partition = [_partition_of(name, job.partitions) for name in ids]
        docs = document_number(ordinal, table["record"].to_numpy())
        tables.append(pa.table([partition, ids, docs], schema=IDS))
    return pa.concat_tables(tables)


def _partition_of(name: str, partitions: int) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) % partitions


def _band_rows(job: RunsJob) -> pa.Table:
    assert job.hasher is not None  # noqa: S101  only called where there is one
    tables = [BANDS.empty_table()]
    bands = np.arange(job.hasher.bands, dtype=np.int16)
    for ordinal, path in job.signatures:
        table = read_table(path)
        flat = table["signature"].combine_chunks().flatten().to_numpy()
        signatures = flat.reshape(table.num_rows, job.hasher.bands * job.hasher.rows)
        keys = job.hasher.band_keys(signatures)
        docs = document_number(ordinal, table["record"].to_numpy())
        columns = [
            (keys.ravel() % np.uint64(job.partitions)).astype(np.int32),
            np.tile(bands, len(docs)),
            keys.ravel(),
            np.repeat(docs, job.hasher.bands),
        ]
        tables.append(pa.table(columns, schema=BANDS))
    return pa.concat_tables(tables)


def _write_sorted(attempt: Attempt, final: str, table: pa.Table) -> None:
    """Sort by every column; a row group per partition, so that a task reads only its own."""
    table = table.sort_by([(name, "ascending") for name in table.column_names])
    # An empty table has no partition, and no row group.
    bounds = np.diff(table["partition"].to_numpy(), prepend=-1, append=-1)
    edges = np.flatnonzero(bounds).tolist()
    with TableWriter(attempt, final, table.schema, group_per_table=True) as writer:
        for start, end in pairwise(edges):
            writer.add_table(table.slice(start, end - start))


def _read_partition(paths: Sequence[Path], partition: int, schema: pa.Schema) -> pa.Table:
    wanted = [("partition", "=", partition)]
    parts = (pq.read_table(path, filters=wanted) for path in paths)
    return pa.concat_tables([schema.empty_table(), *parts])


def find_repeats(attempt: Attempt, job: PartitionJob) -> dict[str, Any]:
    """Write the documents whose record id an earlier document has; the lowest number stays."""
    table = _read_partition(job.runs, job.partition, IDS)
    table = table.sort_by([("id", "ascending"), ("doc", "ascending")])
    ids, docs = table["id"].to_pylist(), table["doc"].to_pylist()
    with TableWriter(attempt, f"stages/repeats/{job.unit}.parquet", REPEATS) as writer:
        first = None
        for index, doc in enumerate(docs):
            if index and ids[index] == ids[index - 1]:
                writer.add({"doc": doc, "first": first})
            else:
                first = doc
    return {}


def find_edges(attempt: Attempt, job: PartitionJob) -> dict[str, Any]:
    """Join documents that share a band key: from the lowest to each other one, each pair once."""
    table = _read_partition(job.runs, job.partition, BANDS)
    repeats = read_tables(job.repeats, REPEATS)["doc"]
    table = table.filter(pc.invert(pc.is_in(table["doc"], value_set=repeats)))
    edges = star_edges(table["band"].to_numpy(), table["key"].to_numpy(), table["doc"].to_numpy())
    with TableWriter(attempt, f"stages/edges/{job.unit}.parquet", EDGES) as writer:
        writer.add_table(pa.table([edges[:, 0], edges[:, 1]], schema=EDGES))
    return {"edges": len(edges)}


def star_edges(band: npt.NDArray[np.int16], key: npt.NDArray[np.uint64], doc: Numbers) -> Numbers:
    """Return the distinct pairs (lowest document, other document) of every equal band key.

    Shape (pairs, 2), sorted. A star has one edge fewer than its group has members,
    so a popular key costs linear and not quadratic space.
    """
    order = np.lexsort((doc, key, band))
    band, key, doc = band[order], key[order], doc[order]
    is_first = np.ones(len(doc), dtype=bool)
    is_first[1:] = (band[1:] != band[:-1]) | (key[1:] != key[:-1])
    lowest = doc[np.maximum.accumulate(np.where(is_first, np.arange(len(doc)), 0))]
    pairs = np.stack([lowest, doc], axis=1)[~is_first]
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def label_components(edges: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return documents, their clusters' smallest document and the clusters' sizes.

    `edges` has the shape (n, 2). Only documents that some edge names are returned,
    in ascending order. Union by smallest number, with path halving.
    """
    docs, dense = np.unique(edges, return_inverse=True)
    parent = list(range(len(docs)))
    for low, high in dense.reshape(-1, 2).tolist():
        a, b = _root(parent, low), _root(parent, high)
        parent[max(a, b)] = min(a, b)
    roots = np.fromiter((_root(parent, index) for index in range(len(docs))), np.int64, len(docs))
    _, group, sizes = np.unique(roots, return_inverse=True, return_counts=True)
    return docs, docs[roots], sizes[group].astype(np.int64)


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


def join_components(attempt: Attempt, job: ComponentsJob) -> dict[str, Any]:
    """Join all edges into clusters and write every member's label."""
    table = read_tables(job.edges, EDGES)
    edges = np.stack([table["low"].to_numpy(), table["high"].to_numpy()], axis=1)
    docs, clusters, sizes = label_components(edges)
    with TableWriter(attempt, "stages/components/labels.parquet", LABELS) as writer:
        writer.add_table(pa.table([docs, clusters, sizes], schema=LABELS))
    return {"clusters": len(np.unique(clusters)), "documents": len(docs)}


@dataclass(frozen=True, slots=True)
class Labels:
    """What deduplication found for one file, by record ordinal."""

    repeated: frozenset[int]
    cluster: dict[int, tuple[int, int]]

    def of(self, ordinal: int, record: int) -> tuple[int, int]:
        """Return the cluster id and size of a document; its own number and 1 when it is alone."""
        return self.cluster.get(record, (document_number(ordinal, record), 1))


def read_labels(
    ordinal: int,
    repeats: Sequence[Path],
    components: Path | None,
    records: range = range(1 << RECORD_BITS),
) -> Labels:
    """Read the labels of a file's documents, or of those that some of its records are."""
    zero, low = document_number(ordinal, 0), document_number(ordinal, records.start)
    wanted = [("doc", ">=", low), ("doc", "<", document_number(ordinal, records.stop))]
    repeated = frozenset(row["doc"] - zero for row in _rows(repeats, wanted))
    members = _rows([components] if components else [], wanted)
    cluster = {row["doc"] - zero: (row["cluster"], row["size"]) for row in members}
    return Labels(repeated, cluster)


def _rows(paths: Sequence[Path], wanted: list[tuple[str, str, int]]) -> Iterator[dict[str, Any]]:
    for path in paths:
        yield from pq.read_table(path, filters=wanted).to_pylist()
