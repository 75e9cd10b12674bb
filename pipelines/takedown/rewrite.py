"""Tables without some of their rows, every other row group as it was.

Each row group becomes one without those rows, or none. So what one takedown after another
leaves is what both at once leave, and of a shard most chunks stay the same.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.dataset import CHUNKING
from pipelines.ledger import TOKENS
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, opened
from pipelines.takedown.requests import STAGE

Gone: TypeAlias = Callable[[pa.Table], pa.Array]
"""Says of each row of a table whether it is to go."""
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "dataset/": {"use_content_defined_chunking": CHUNKING},
    "data/": {"use_content_defined_chunking": CHUNKING},
    "sample/": {"use_content_defined_chunking": CHUNKING},
    "tokens/": {"use_dictionary": False},
}
"""How files below a folder are written."""


def among(column: str, values: pa.Array) -> Gone:
    """Return what says that rows go whose column has one of these values."""
    return lambda table: pc.fill_null(pc.is_in(table[column], value_set=values), False)


def rows_of(path: Path, gone: Gone, columns: list[str]) -> pa.Table:
    """Return some columns of the rows that would go; only those columns are read."""
    table = pq.ParquetFile(opened(path)).read(columns=columns)
    return table.filter(gone(table))


def write_without(attempt: Attempt, source: Path, final: str, gone: Gone) -> int:
    """Write a table without rows into an attempt; return the rows that it still has.

    Without any it is written all the same where it is no shard: `final` says what it is.
    """
    file = pq.ParquetFile(opened(source))
    kept = (table.filter(pc.invert(gone(table))) for table in _groups(file))
    return _write(attempt, final, file.schema_arrow, kept)


def write_decided(attempt: Attempt, source: Path, final: str, rules: Mapping[int, str]) -> int:
    """Write a ledger in which some records, by number, are taken down by a rule."""
    file = pq.ParquetFile(opened(source))
    records = pa.array(list(rules), pa.int64())
    names = pa.array(list(rules.values()), pa.string())
    decided = (_decided(table, records, names) for table in _groups(file))
    return _write(attempt, final, file.schema_arrow, decided)


def _decided(table: pa.Table, records: pa.Array, names: pa.Array) -> pa.Table:
    rules = names.take(pc.index_in(table["record"].combine_chunks(), value_set=records))
    is_meant = pc.is_valid(rules)
    for column, value in (("status", "dropped"), ("stage", STAGE), ("rule", rules)):
        at = table.schema.get_field_index(column)
        values = pc.if_else(is_meant, value, table[column].combine_chunks())
        table = table.set_column(at, table.schema.field(at), values)
    return table


def _groups(file: pq.ParquetFile) -> Iterator[pa.Table]:
    return (file.read_row_group(number) for number in range(file.num_row_groups))


def _write(attempt: Attempt, final: str, schema: pa.Schema, tables: Iterator[pa.Table]) -> int:
    if final.startswith("tokens/"):  # read back, the ids of a list have another name
        schema = TOKENS.with_metadata(schema.metadata)
    options = next((how for folder, how in _OPTIONS.items() if final.startswith(folder)), {})
    with TableWriter(attempt, final, schema, group_per_table=True, **options) as writer:
        for table in tables:
            if table.num_rows:
                writer.add_table(table)
    return writer.rows
