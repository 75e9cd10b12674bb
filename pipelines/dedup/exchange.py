"""Tables of numbers, cut into row groups by what later tasks ask for.

A task reads the row groups of its own partition or range only, which it finds by the
statistics of the first column.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.dedup.numbers import Numbers
from pipelines.storage import Attempt
from pipelines.tables import opened

EDGES = pa.schema([pa.field(name, pa.int64(), nullable=False) for name in ("low", "high")])
"""Two documents of one cluster; the smaller one is first."""
LABELS = pa.schema(
    [pa.field(name, pa.int64(), nullable=False) for name in ("doc", "cluster", "size")]
)
"""Members of clusters of two and more: the cluster's smallest document number and its size."""
PARTITION = pa.field("partition", pa.int32(), nullable=False)

Columns = Sequence[npt.NDArray[Any]]


class NumbersWriter:
    """Writes one Parquet file of an attempt, a row group per call.

    Document numbers are written byte by byte (all first bytes, all second ones, …), sorted
    keys as differences: half the size of plain numbers, and quick.
    """

    def __init__(self, attempt: Attempt, final: str, schema: pa.Schema) -> None:
        self.rows = 0
        self._attempt, self._final, self._schema = attempt, final, schema
        first, *others = schema.names
        encodings = dict.fromkeys(others, "BYTE_STREAM_SPLIT")
        if first != PARTITION.name:
            is_key = pa.types.is_uint64(schema.field(first).type)
            encodings[first] = "DELTA_BINARY_PACKED" if is_key else "BYTE_STREAM_SPLIT"
        self._writer = pq.ParquetWriter(
            attempt.path(final),
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[first] if first == PARTITION.name else False,
            column_encoding=encodings,
            write_statistics=[first],
        )

    def write(self, *columns: Any) -> None:
        """Write a row group; nothing where there are no rows."""
        table = pa.table([pa.array(column) for column in columns], schema=self._schema)
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
            self.rows += table.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        if error is None:
            self._attempt.add(self._final, self.rows)


class Router:
    """Writes rows to a file in which every row group is of one partition.

    Holds a bounded number of rows; a partition that gets more of them has several groups.
    """

    def __init__(self, attempt: Attempt, final: str, schema: pa.Schema, rows: int) -> None:
        self._writer = NumbersWriter(attempt, final, pa.schema([PARTITION, *schema]))
        self._most, self._held = rows, 0
        self._waiting: list[tuple[npt.NDArray[Any], ...]] = []

    def add(self, partitions: npt.NDArray[Any], *columns: npt.NDArray[Any]) -> None:
        """Add rows with the partition of each."""
        for at in range(0, len(partitions), self._most):
            part = slice(at, at + self._most)
            self._waiting.append(
                (partitions[part].astype(np.int32), *(column[part] for column in columns))
            )
            self._held += len(self._waiting[-1][0])
            if self._held >= self._most:
                self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        partitions, *columns = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        self._waiting, self._held = [], 0
        order = np.argsort(partitions, kind="stable")
        partitions = partitions[order]
        columns = [column[order] for column in columns]
        bounds = np.flatnonzero(np.diff(partitions, prepend=-1, append=-1))
        for start, end in pairwise(bounds.tolist()):
            self._writer.write(partitions[start:end], *(column[start:end] for column in columns))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        self._writer.__exit__(kind, error, trace)


def read_numbers(
    paths: Iterable[Path], *, low: int | None = None, high: int | None = None
) -> Iterator[Columns]:
    """Yield the columns of each row group whose first column is partly between the bounds.

    Both bounds count as in. The column of partitions is not among those that come.
    """
    for path in paths:
        with pq.ParquetFile(opened(path)) as file:
            names = [name for name in file.schema_arrow.names if name != PARTITION.name]
            for number in range(file.metadata.num_row_groups):
                bounds = file.metadata.row_group(number).column(0).statistics
                if low is not None and bounds.max < low:
                    continue
                if high is not None and bounds.min > high:
                    continue
                table = file.read_row_group(number, columns=names, use_threads=False)
                yield [table[name].to_numpy() for name in names]


def in_batches(parts: Iterable[Columns], rows: int) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Gather parts up to `rows` rows, and cut larger ones."""
    waiting: list[Columns] = []
    held = 0
    for part in parts:
        for at in range(0, len(part[0]), rows):
            piece = [column[at : at + rows] for column in part]
            if held + len(piece[0]) > rows:
                yield _joined(waiting)
                waiting, held = [], 0
            waiting.append(piece)
            held += len(piece[0])
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[Columns]) -> tuple[npt.NDArray[Any], ...]:
    if len(parts) == 1:
        return tuple(parts[0])
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def partition_of(docs: Numbers, bits: int) -> Numbers:
    """Return the partition, below 2 ** bits, of each document number; evenly spread."""
    if not bits:
        return np.zeros(len(docs), dtype=np.int64)
    # Fibonacci hashing (Knuth, The Art of Computer Programming 3, section 6.4), after the
    # record, which is in the lower half, has been brought to where it counts.
    mixed = docs.astype(np.uint64)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(64 - bits)).astype(np.int64)
