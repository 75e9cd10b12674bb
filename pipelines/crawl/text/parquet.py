"""Rows of a Parquet file, a bounded number of them in memory; only mapped columns are read.

Format: https://parquet.apache.org/docs/file-format/. What pyarrow refuses to read is a
`Damage` that stands for all rows up to the next row group, and so is what takes more memory
to decode than a batch of rows may: the sizes that a hostile file declares mean nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.crawl.model import CrawlFile, Damage, Part, Row
from pipelines.crawl.text.columns import MISSING, Chosen, choose, value_at
from pipelines.crawl.text.rows import make_row
from pipelines.recipe.layouts import Columns
from pipelines.sandbox.confine import at_most_more

_BUFFER = 8 << 20  # read at a time of each column, instead of a row group's whole column
_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 128  # the declared sizes do not count a value again that is in a dictionary
_MOST_BYTES = 1 << 30
"""Memory for decoding a batch."""
_MOST_ROWS = 1 << 32
_SAMPLE_ROWS = 20
# ValueError: a name that is not Unicode. OverflowError: a time that Python does not know.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError)


def read_parquet(
    file: BinaryIO,
    crawl_file: CrawlFile,
    columns: Columns,
    signals: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Row | Damage]:
    """Yield the rows of a seekable file, or of the row groups that begin in its part.

    `record` is the row's number in the whole file. A file that is empty or no Parquet is
    one `Damage`, and so is the rest of a row group that cannot be read. `signals` are columns,
    too, by the full names of what is imported from them. Raises OSError only for what the
    system says of the file, never for what is in it.
    """
    part, file_path = crawl_file.part, crawl_file.file_path
    opened = _open(file)
    if isinstance(opened, str):
        if part is None or part.number == 0:
            yield Damage(0, None, opened)
        return
    chosen = choose(columns, lambda path: has_column(opened.schema_arrow, path))
    sizes = [opened.metadata.row_group(group).num_rows for group in _groups(opened)]
    firsts = accumulate(sizes, initial=0)
    for group, (first, size) in enumerate(zip(firsts, sizes, strict=False)):
        if part is None or _lies_in(opened, group, part):
            records = range(first, first + size)
            yield from _read_group(opened, group, records, chosen, signals, file_path)


def look_into(file: BinaryIO) -> tuple[pa.Schema, list[dict[str, Any]]] | None:
    """Return a Parquet file's schema and its first rows; None where it cannot be read."""
    opened = _open(file)
    if isinstance(opened, str):
        return None
    try:
        with at_most_more(_MOST_BYTES):
            batch = next(opened.iter_batches(_SAMPLE_ROWS, use_threads=False), None)
            return opened.schema_arrow, batch.to_pylist() if batch else []
    except (*_UNREADABLE, MemoryError):
        return opened.schema_arrow, []


def has_column(schema: pa.Schema, path: str) -> bool:
    """Return whether a dotted name leads to something in a schema."""
    if path in schema.names:
        return True
    head, dot, rest = path.partition(".")
    return bool(dot) and head in schema.names and _leads(_type(schema, head), rest)


def _open(file: BinaryIO) -> pq.ParquetFile | str:
    """Return the file, or why it is none."""
    if not file.seek(0, 2):
        return "empty_file"
    try:
        opened = pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        groups = [opened.metadata.row_group(group) for group in _groups(opened)]
        schema: pa.Schema = opened.schema_arrow
    except _UNREADABLE as error:
        _raise_from_system(error)
        return "not_parquet"
    rows = [group.num_rows for group in groups]
    if min(rows, default=0) < 0 or sum(rows) >= _MOST_ROWS or not schema.names:
        return "not_parquet"
    return opened


def _groups(opened: pq.ParquetFile) -> range:
    return range(opened.metadata.num_row_groups)


def _raise_from_system(error: Exception) -> None:
    """Raise an error that is about the disk or the network; Arrow's own have no number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _lies_in(opened: pq.ParquetFile, group: int, part: Part) -> bool:
    """Return whether a row group's first byte lies in a part."""
    metadata = opened.metadata.row_group(group)
    columns = [metadata.column(index) for index in range(metadata.num_columns)]
    starts = [
        min(column.data_page_offset, column.dictionary_page_offset or column.data_page_offset)
        for column in columns
    ]
    # What is said to begin outside the file goes to its first part.
    start = min(starts, default=0)
    return part.start <= max(start, 0) < part.end


def _type(schema: pa.Schema, name: str) -> pa.DataType:
    return schema.field(schema.get_all_field_indices(name)[0]).type


def _leads(kind: pa.DataType, path: str) -> bool:
    if pa.types.is_map(kind):
        return True  # its keys are known only row by row
    if not pa.types.is_struct(kind):
        return False
    names = [kind.field(index).name for index in range(kind.num_fields)]
    if path in names:
        return True
    head, dot, rest = path.partition(".")
    return bool(dot) and head in names and _leads(kind.field(names.index(head)).type, rest)


def _read_group(
    opened: pq.ParquetFile,
    group: int,
    records: range,
    chosen: Chosen,
    signals: Mapping[str, str],
    file_path: str,
) -> Iterator[Row | Damage]:
    paths = {**chosen.paths(), **signals}
    done, why = 0, "row_group_unreadable"
    for most in (_batch_rows(opened, group), 1):  # what is too much at once may do one by one
        try:
            for values in islice(_values(opened, group, paths, most), done, None):
                if done == len(records):
                    return
                # A value that is not Unicode costs its row only.
                if isinstance(values, str):
                    yield Damage(records[done], None, values)
                else:
                    yield make_row(values, file_path, records[done], signals=signals)
                done += 1
            break
        except MemoryError:
            why = "memory_limit"
        except (pa.ArrowException, OSError) as error:
            _raise_from_system(error)
            break
    if done < len(records):
        yield Damage(records[done], None, why)


def _values(
    opened: pq.ParquetFile, group: int, paths: Mapping[str, str], batch_rows: int
) -> Iterator[dict[str, Any] | str]:
    """Yield what the columns hold row by row, by what they are; or why a row has no values.

    MemoryError where a batch takes more than it may.
    """
    schema = opened.schema_arrow
    there = {field: path for field, path in paths.items() if has_column(schema, path)}
    tops = {field: _top(schema, path) for field, path in there.items()}
    batches = opened.iter_batches(
        batch_size=batch_rows,
        row_groups=[group],
        columns=sorted({_selection(schema, path) for path in there.values()}),
        use_threads=False,  # a remote file has one reader
    )
    while True:
        with at_most_more(_MOST_BYTES):
            batch = next(batches, None)
            if batch is None:
                return
            columns = {top: _plain(_column(batch, top)) for top in set(tops.values())}
        for index in range(batch.num_rows):
            row = {top: values[index] for top, values in columns.items()}
            if any(isinstance(value, UnicodeDecodeError) for value in row.values()):
                yield "not_utf8"
            else:
                yield {field: value_at(row, path) for field, path in there.items()}


def _top(schema: pa.Schema, path: str) -> str:
    return path if path in schema.names else path.partition(".")[0]


def _selection(schema: pa.Schema, path: str) -> str:
    """Return what to ask pyarrow for: one member of a struct, or the whole column."""
    top = _top(schema, path)
    kind = _type(schema, top)
    rest = path.removeprefix(f"{top}.")
    member = rest != path and pa.types.is_struct(kind) and kind.get_field_index(rest) >= 0
    return path if member else top


def _batch_rows(opened: pq.ParquetFile, group: int) -> int:
    """Return how many rows make a batch of a bounded size, by what the row group says of itself."""
    metadata = opened.metadata.row_group(group)
    row_bytes = max(metadata.total_byte_size, 0) // max(metadata.num_rows, 1) + 1
    return int(min(max(_BATCH_BYTES // row_bytes, 1), _BATCH_ROWS))


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch.column(batch.schema.get_all_field_indices(name)[0])


def _plain(column: pa.Array) -> Sequence[Any]:
    """Return a column's values; an error in the place of one that is not Unicode."""
    try:
        return cast("list[Any]", column.to_pylist())
    except (UnicodeDecodeError, OverflowError, ValueError):
        return [_one(value) for value in column]


def _one(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError as error:
        return error
    except (OverflowError, ValueError):
        return MISSING  # a point in time that Python's calendar does not reach
