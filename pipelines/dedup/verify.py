"""Whether documents that share a key are really alike, before they may join two clusters.

Candidate clusters are found first, by keys alone. Who is in different ones shares no key and
cannot join, so each candidate cluster is looked at by itself: the documents of a partition of
clusters come together, each once, with its keys and its n-gram hashes, and those of every key
are compared (`filters.jaccard.join_by_leaders`, which says what is promised). The pairs that
hold are the edges of the final clusters.

A partition that exceeds the memory budget, such as one giant candidate cluster, is worked on
in slices of keys and blocks of documents; what comes out is the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters.jaccard import Hashes, HashSets, Numbers, Verdicts, at_least, join_by_leaders
from pipelines.dedup.exchange import EDGES, NumbersWriter
from pipelines.dedup.shingles import hash_sets
from pipelines.storage import Attempt
from pipelines.tables import opened

_HASH_BYTES = 8
_ROW_BYTES = 160
"""What a row of key and document takes at most while rows are sorted and paired."""
_BLOCK_SHARE = 16
"""A block of documents may take this part of the memory: two are held, and each is copied once."""
_ROWS_SHARE = 4
"""A slice of keys may take this part of the memory."""


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """One partition of the candidate clusters."""

    unit: str
    folder: str
    partition: int
    shingles: tuple[Path, ...]
    """The files of all groups, in input order."""
    threshold: float
    memory: int
    """Bytes that a task may use."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A row group of the partition, with the numbers of its keys and shingles."""

    path: Path
    row_group: int
    keys: int
    shingles: int

    def read(self, *columns: str) -> pa.Table:
        return pq.ParquetFile(opened(self.path)).read_row_group(
            self.row_group, columns=list(columns)
        )


def verify_edges(attempt: Attempt, job: VerifyJob) -> dict[str, Any]:
    """Write the edges of the partition that hold."""
    documents = _Documents(job)
    found = [join_by_leaders(*rows, documents.are_similar) for rows in documents.key_slices()]
    empty = np.empty((0, 2), dtype=np.int64)
    edges = np.unique(np.concatenate([empty, *(joined.edges for joined in found)]), axis=0)
    with NumbersWriter(attempt, f"{job.folder}/{job.unit}.parquet", EDGES) as writer:
        writer.write(edges[:, 0], edges[:, 1])
    return {
        "edges": len(edges),
        "compared": sum(joined.compared for joined in found),
        "unplaced": sum(joined.unplaced for joined in found),
    }


class _Documents:
    """The partition's documents; of their shingles no more in memory than two blocks."""

    def __init__(self, job: VerifyJob) -> None:
        self._job = job
        self._pieces = [piece for path in job.shingles for piece in _pieces(path, job.partition)]
        docs = [piece.read("doc")["doc"].to_numpy() for piece in self._pieces]
        self._docs = np.concatenate([np.empty(0, dtype=np.int64), *docs])
        hashes = np.cumsum([piece.shingles for piece in self._pieces], dtype=np.int64)
        block_hashes = max(job.memory // (_BLOCK_SHARE * _HASH_BYTES), 1)
        self._block_of_piece = hashes // block_hashes
        self._block_of = np.repeat(self._block_of_piece, [len(part) for part in docs])
        self._held: dict[int, HashSets] = {}

    def key_slices(self) -> Iterator[tuple[Hashes, Numbers]]:
        """Yield rows of key and document; those of one key come together."""
        most = max(self._job.memory // (_ROWS_SHARE * _ROW_BYTES), 1)
        slices = sum(piece.keys for piece in self._pieces) // most + 1
        for number in range(slices):
            yield self._rows(number, slices)

    def _rows(self, number: int, slices: int) -> tuple[Hashes, Numbers]:
        """Return the rows whose keys are in one of several equal ranges."""
        half, count = np.uint64(32), np.uint64(slices)
        keys, docs = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
        for piece in self._pieces:
            table = piece.read("doc", "keys")
            lists = hash_sets(table["keys"])
            chosen = (lists.values >> half) * count >> half == number
            keys.append(lists.values[chosen])
            docs.append(np.repeat(table["doc"].to_numpy(), lists.sizes)[chosen])
        return np.concatenate(keys), np.concatenate(docs)

    def are_similar(self, pairs: Numbers) -> Verdicts:
        """Return of each pair of documents whether they are as similar as is asked."""
        at = np.searchsorted(self._docs, pairs)
        blocks = self._block_of[at]
        verdicts = np.zeros(len(pairs), dtype=bool)
        for one, other in np.unique(blocks, axis=0).tolist():
            chosen = np.flatnonzero((blocks == (one, other)).all(axis=1))
            self._hold(one, other)
            firsts = np.searchsorted(self._block_of, (one, other))
            verdicts[chosen] = at_least(
                self._held[one], self._held[other], at[chosen] - firsts, self._job.threshold
            )
        return verdicts

    def _hold(self, *blocks: int) -> None:
        """Keep these blocks in memory and no others."""
        self._held = {block: sets for block, sets in self._held.items() if block in blocks}
        for block in blocks:
            if block not in self._held:
                places = np.flatnonzero(self._block_of_piece == block).tolist()
                tables = [self._pieces[place].read("shingles") for place in places]
                self._held[block] = hash_sets(pa.concat_tables(tables)["shingles"])


def _pieces(path: Path, partition: int) -> Iterator[_Piece]:
    """Yield the row groups of a partition; each row group is of one."""
    metadata = pq.ParquetFile(opened(path)).metadata
    columns = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    partitions, keys, shingles = (
        next(at for at, column in enumerate(columns) if column.startswith(name))
        for name in ("partition", "keys", "shingles")
    )
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.column(partitions).statistics.min == partition:
            counts = (group.column(at).num_values for at in (keys, shingles))
            yield _Piece(path, number, *counts)
