"""Row groups of the Parquet files that a run writes: by size, not by who wrote what when."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.storage import Attempt
from pipelines.tables import TableWriter

SCHEMA = pa.schema([pa.field("text", pa.string()), pa.field("record", pa.int64())])
GROUP = 100_000


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.tables._ROW_GROUP_BYTES", GROUP)


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(tmp_path, "stage", "unit")


def groups(attempt: Attempt) -> list[int]:
    """Return the rows of each row group."""
    metadata = pq.ParquetFile(attempt.path("out.parquet")).metadata
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def table(rows: int, first: int = 0) -> pa.Table:
    """Rows of 100 characters and, as Arrow counts, 12 bytes more."""
    records = range(first, first + rows)
    return pa.table([[f"{n:0100d}" for n in records], list(records)], schema=SCHEMA)


def test_rows_are_gathered_until_a_group_is_full(attempt, monkeypatch):
    monkeypatch.setattr("pipelines.tables._BATCH_ROWS", 100)
    with TableWriter(attempt, "out.parquet", SCHEMA) as writer:
        for row in table(2_500).to_pylist():
            writer.add(row)
    *full, rest = groups(attempt)
    assert len(full) == 2
    assert all(GROUP <= rows * 112 < GROUP * 1.2 for rows in full)
    assert sum(full) + rest == 2_500 == writer.rows
    assert pq.read_table(attempt.path("out.parquet")).equals(table(2_500))


def test_huge_texts_do_not_wait_for_a_full_batch_of_rows(attempt, monkeypatch):
    monkeypatch.setattr("pipelines.tables._BATCH_CHARACTERS", 25_000)
    waiting = 0
    with TableWriter(attempt, "out.parquet", SCHEMA) as writer:
        for record in range(20):
            writer.add({"text": "x" * 10_000, "record": record})
            waiting = max(waiting, len(writer._buffer))
    assert waiting == 2
    assert groups(attempt) == [12, 8]


def test_a_large_table_is_cut_into_groups(attempt):
    with TableWriter(attempt, "out.parquet", SCHEMA) as writer:
        writer.add_table(table(5_000))
    found = groups(attempt)
    assert len(found) in (5, 6)
    assert max(found) * 112 < GROUP * 1.3
    assert pq.read_table(attempt.path("out.parquet")).equals(table(5_000))


def test_small_tables_and_rows_share_a_group_in_their_order(attempt):
    with TableWriter(attempt, "out.parquet", SCHEMA) as writer:
        for first in range(0, 300, 3):
            writer.add({"text": f"{first:0100d}", "record": first})
            writer.add_table(table(2, first + 1))
    assert groups(attempt) == [300]
    assert pq.read_table(attempt.path("out.parquet")).equals(table(300))


def test_groups_may_follow_the_tables(attempt):
    with TableWriter(attempt, "out.parquet", SCHEMA, group_per_table=True) as writer:
        for rows in (3, 2_000, 1):
            writer.add_table(table(rows))
    assert groups(attempt) == [3, 2_000, 1]


@pytest.mark.parametrize(("rows", "codec"), [(20, "SNAPPY"), (3_000, "ZSTD")])
def test_only_a_small_file_is_packed_quickly_where_that_is_asked_for(
    attempt, rows, codec, monkeypatch
):
    monkeypatch.setattr("pipelines.tables._SMALL_BYTES", GROUP // 10)
    with TableWriter(attempt, "out.parquet", SCHEMA, quick_if_small=True) as writer:
        writer.add_table(table(rows))
    with TableWriter(attempt, "usual.parquet", SCHEMA) as writer:
        writer.add_table(table(rows))
    packed = [
        pq.ParquetFile(attempt.path(name)).metadata.row_group(0).column(0).compression
        for name in ("out.parquet", "usual.parquet")
    ]
    assert packed == [codec, "ZSTD"]
