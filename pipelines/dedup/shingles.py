"""The sets of n-gram hashes of documents that may be near-duplicates.

A document is here if a candidate cluster names it: once, beside its keys. Its partition is
that of its cluster, so that documents which may join are together.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from filters.jaccard import Hashes, HashSets, Numbers
from filters.minhash import MinHasher
from pipelines.dedup.exchange import partition_of
from pipelines.dedup.kinds import KeyMaker
from pipelines.dedup.pages import Group, Pages, among
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, read_table

SHINGLES = pa.schema(
    [
        pa.field("partition", pa.int64(), nullable=False),
        pa.field("doc", pa.int64(), nullable=False),
        pa.field("keys", pa.list_(pa.uint64()), nullable=False),
        pa.field("shingles", pa.list_(pa.uint64()), nullable=False),
    ]
)
"""`shingles` are distinct and sorted. Rows are sorted by partition and doc within a chunk."""
_CHUNK_HASHES = 4 * 1024**2
"""Hashes that a task gathers before it writes them, and about the most of a row group: 32 MB."""


@dataclass(frozen=True, slots=True)
class ShinglesJob:
    """A group of curated files of which some documents are in candidate clusters."""

    folder: str
    group: Group
    labels: Path
    """The group's documents in candidate clusters: doc and cluster, ascending by doc."""
    maker: KeyMaker
    hasher: MinHasher
    bits: int
    """There are 2 ** bits partitions of clusters."""


@dataclass(frozen=True, slots=True)
class _Row:
    partition: int
    doc: int
    keys: Hashes
    shingles: Hashes


def write_shingles(attempt: Attempt, job: ShinglesJob) -> dict[str, Any]:
    """Write the keys and shingles of the group's documents that are in candidate clusters."""
    hashes = 0
    final = f"{job.folder}/{job.group.unit}.parquet"
    with TableWriter(
        attempt,
        final,
        SHINGLES,
        group_per_table=True,
        use_dictionary=False,  # no two hashes are the same
        write_statistics=["partition"],
    ) as writer:
        for chunk in _chunks(_rows(job)):
            hashes += sum(len(row.shingles) for row in chunk)
            for table in _tables(chunk):
                writer.add_table(table)
        return {"documents": writer.rows, "hashes": hashes}


def _rows(job: ShinglesJob) -> Iterator[_Row]:
    table = read_table(job.labels, ["doc", "cluster"])
    members = table["doc"].to_numpy()
    partitions = partition_of(table["cluster"].to_numpy(), job.bits)
    removed = job.group.removed()
    for pages in job.group.pages:
        yield from _rows_of(pages, members, partitions, removed, job)


def _rows_of(
    pages: Pages, members: Numbers, partitions: Numbers, removed: Numbers, job: ShinglesJob
) -> Iterator[_Row]:
    keys, docs = job.maker.keys(pages, removed)
    is_member = among(docs, members)
    keys, docs = keys[is_member], docs[is_member]
    order = np.lexsort((keys, docs))
    keys, docs = keys[order], docs[order]
    own, starts = np.unique(docs, return_index=True)
    keys_of = dict(zip(own.tolist(), np.split(keys, starts[1:]), strict=False))
    for doc, text in pages.texts():
        if doc in keys_of:
            partition = int(partitions[np.searchsorted(members, doc)])
            yield _Row(partition, doc, keys_of[doc], np.unique(job.hasher.shingles(text)))


def _chunks(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    chunk: list[_Row] = []
    hashes = 0
    for row in rows:
        chunk.append(row)
        hashes += len(row.shingles)
        if hashes >= _CHUNK_HASHES:
            yield chunk
            chunk, hashes = [], 0
    if chunk:
        yield chunk


def _tables(chunk: list[_Row]) -> Iterator[pa.Table]:
    """Yield a table per partition, so that a reader of one partition reads only its own."""
    chunk.sort(key=lambda row: (row.partition, row.doc))
    partitions = np.array([row.partition for row in chunk])
    bounds = np.flatnonzero(np.diff(partitions, prepend=-1, append=-1)).tolist()
    for start, end in pairwise(bounds):
        rows = chunk[start:end]
        columns = [
            [row.partition for row in rows],
            [row.doc for row in rows],
            _lists([row.keys for row in rows]),
            _lists([row.shingles for row in rows]),
        ]
        yield pa.table(columns, schema=SHINGLES)


def _lists(arrays: list[Hashes]) -> pa.ListArray:
    offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, np.concatenate(arrays))


def hash_sets(column: pa.ChunkedArray) -> HashSets:
    """Return a column of lists as sets of hashes."""
    lists = column.combine_chunks()
    sizes = lists.value_lengths().to_numpy()
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return HashSets(lists.flatten().to_numpy(), starts)
