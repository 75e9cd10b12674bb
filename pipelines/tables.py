"""Writing and reading the run's Parquet files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.bucket.path import S3Path
from pipelines.storage import Attempt

if TYPE_CHECKING:
    # It loads pandas, for half a second: imported where it is used, as many commands never do.
    import pyarrow.dataset as ds

_BATCH_ROWS = 2_000
_BATCH_CHARACTERS = 16 * 1024**2
_ROW_GROUP_BYTES = 100 * 1024**2  # uncompressed; what the Hub's viewer and readers like best
_ZSTD_LEVEL = 3  # 31 % smaller than snappy; level 6 halves the speed for another 6 %
_SMALL_BYTES = 256 * 1024  # then zstd takes longer to begin each column than to pack it


class TableWriter:
    """Collects rows into one Parquet file of an attempt, and adds it to the commit when closed.

    Row groups hold about 100 MB, uncompressed, and no more than that is kept in
    memory: every call of pyarrow's writer ends a row group, so rows are gathered
    first. With `group_per_table` each table that is added is a group of its own. With
    `quick_if_small` a small file, for a later stage, is packed by snappy instead of zstd.
    """

    def __init__(
        self,
        attempt: Attempt,
        final: str,
        schema: pa.Schema,
        *,
        group_per_table: bool = False,
        quick_if_small: bool = False,
        **options: Any,
    ) -> None:
        self.rows = 0
        self._attempt = attempt
        self._final = final
        self._schema = schema
        self._group_per_table = group_per_table
        self._quick_if_small = quick_if_small
        self._options = options
        self._buffer: list[Mapping[str, Any]] = []
        self._characters = 0
        self._batches: list[pa.Table] = []
        self._bytes = 0
        self._writer: pq.ParquetWriter | None = None
        """Opened with the first rows, or at the end."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one row; columns that it does not name are null."""
        self._buffer.append(row)
        self._characters += len(row.get("text") or "")  # no other column holds much
        if len(self._buffer) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
            self._gather()

    def add_table(self, table: pa.Table) -> None:
        """Add rows that are columns already; one row group, if groups are cut by table."""
        self._gather()
        table = table.select(self._schema.names).cast(self._schema)
        # Quarters: a group ends with the piece that fills it, so none is much too large.
        pieces = 1 if self._group_per_table else -(-4 * table.nbytes // _ROW_GROUP_BYTES)
        rows = max(-(-table.num_rows // max(pieces, 1)), 1)
        for start in range(0, table.num_rows, rows):
            self._take(table.slice(start, rows))

    def _gather(self) -> None:
        if self._buffer:
            names = self._schema.names
            columns = {name: [row.get(name) for row in self._buffer] for name in names}
            self._take(pa.table(columns, schema=self._schema))
            self._buffer.clear()
            self._characters = 0

    def _take(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._batches.append(table)
        self._bytes += table.nbytes
        if self._group_per_table or self._bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            table = pa.concat_tables(self._batches)
            self._opened().write_table(table, row_group_size=max(table.num_rows, 1))
            self._batches.clear()
            self._bytes = 0

    def _opened(self) -> pq.ParquetWriter:
        if self._writer is None:
            quick = self._quick_if_small and self._bytes < _SMALL_BYTES
            self._writer = pq.ParquetWriter(
                self._attempt.path(self._final),
                self._schema,
                compression="snappy" if quick else "zstd",
                compression_level=None if quick else _ZSTD_LEVEL,
                write_page_index=True,
                **self._options,
            )
        return self._writer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._gather()
            self._flush()
            self._opened()  # a file without rows, too
        if self._writer is not None:
            self._writer.close()
        if error is None:
            self._attempt.add(self._final, self.rows)


def opened(path: Path) -> Any:
    """Return what pyarrow reads a run's file from: the path, or the open object of one on S3."""
    return path.open("rb") if isinstance(path, S3Path) else path


def open_folder(folder: Path) -> "ds.Dataset":
    """Return all tables below a folder of a finished run as one."""
    import pyarrow.dataset as ds

    if isinstance(folder, S3Path):
        from pipelines.bucket.tables import open_folder as open_on_s3

        return open_on_s3(folder)
    return ds.dataset(folder, format="parquet")


def open_files(paths: Sequence[Path]) -> "ds.Dataset":
    """Return tables of a run, all in one place, as one; at least one."""
    import pyarrow.dataset as ds

    if isinstance(paths[0], S3Path):
        from pipelines.bucket.tables import open_files as open_on_s3

        return open_on_s3([path for path in paths if isinstance(path, S3Path)])
    return ds.dataset([str(path) for path in paths], format="parquet")


def count_rows(path: Path) -> int:
    """Return the rows of a Parquet file, as its footer says."""
    return int(pq.ParquetFile(opened(path)).metadata.num_rows)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a whole Parquet file, or some of its columns."""
    return pq.ParquetFile(opened(path)).read(columns=list(columns) if columns is not None else None)


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield a file's rows in order, a bounded number of them in memory."""
    for batch in read_batches(path, columns, _BATCH_ROWS):
        yield from batch.to_pylist()


def read_batches(
    path: Path, columns: Sequence[str] | None = None, rows: int = _BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows in order, at most so many at a time.

    Read ahead is only what lies on S3: all that was read ahead stays in memory until the end.
    """
    chosen = list(columns) if columns is not None else None
    file = pq.ParquetFile(opened(path), pre_buffer=isinstance(path, S3Path))
    yield from file.iter_batches(batch_size=rows, columns=chosen)
