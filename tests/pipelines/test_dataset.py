"""The published shards: which hosts go where, and rows in one order whoever wrote them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import dataset
from pipelines.dataset import PlanJob, ShardJob, plan_shards, read_plan, write_shard
from pipelines.ledger import DATASET, settled_schema
from pipelines.settle import HOSTS
from pipelines.storage import Attempt
from pipelines.tables import TableWriter

SETTLED = settled_schema()


def settled(attempt: Attempt, name: str, rows: list[dict[str, Any]]) -> Path:
    with TableWriter(attempt, f"{name}.parquet", SETTLED) as writer:
        for row in rows:
            filled = {"id": f"{row['file_path']}:{row['record']}", "dump": "local", **row}
            writer.add({"text": f"{filled['id']} of {row['host']} " * 40, **filled})
    return attempt.path(f"{name}.parquet")


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, ...]:
    """Rows of four hosts in two files, of two dumps; the same URL in both, and more than once."""
    attempt = Attempt(tmp_path, "settle", "all")
    rows = [
        {"host": f"h{n % 4}", "url": f"http://h{n % 4}/{n * 7 % 9}", "record": n, "file_path": file}
        for file in ("b", "a")
        for n in reversed(range(40))
    ]
    other = [{**rows[0], "dump": "other"}]
    return settled(attempt, "one", rows[:50]), settled(attempt, "two", rows[50:] + other)


def shard(root: Path, sources: tuple[Path, ...]) -> pa.Table:
    attempt = Attempt(root, "dataset", "local")
    done = write_shard(attempt, ShardJob("local", 0, "h1", "h2", sources))
    found = pq.ParquetFile(attempt.path("dataset/data/local/000_00000.parquet")).read()
    assert found.schema.equals(DATASET)
    assert done["rows"] == found.num_rows
    return found


def test_a_shard_has_its_hosts_rows_in_order(sources, tmp_path):
    rows = shard(tmp_path, sources).to_pylist()
    keys = [
        (row["url"].split("/")[2], row["url"], row["file_path"], int(row["id"].partition(":")[2]))
        for row in rows
    ]
    assert len(keys) == 40
    assert {key[0] for key in keys} == {"h1", "h2"}
    assert keys == sorted(keys)
    assert {row["dump"] for row in rows} == {"local"}
    assert all(row["text"].startswith(f"{row['id']} of ") for row in rows)


def test_slices_do_not_show_in_what_is_written(sources, tmp_path, monkeypatch):
    whole = shard(tmp_path, sources)
    taken = []
    slices = dataset._slices

    def counted(table: pa.Table, order: pa.Array) -> Any:
        # Beyond 2 GiB of text the offsets of a plain string column would not do.
        assert table.schema.field("text").type == pa.large_string()
        for rows in slices(table, order):
            taken.append(rows.num_rows)
            yield rows

    monkeypatch.setattr(dataset, "_slices", counted)
    monkeypatch.setattr(dataset, "_SLICE_BYTES", 2_000)
    assert shard(tmp_path, tuple(reversed(sources))).equals(whole)
    assert len(taken) > 5
    assert sum(taken) == whole.num_rows


def test_only_the_text_becomes_large():
    table = dataset._with_large_text(SETTLED.empty_table())
    assert table.schema.names == SETTLED.names
    changed = [field.name for field in table.schema if field != SETTLED.field(field.name)]
    assert changed == ["text"]
    assert table.schema.field("text").type == pa.large_string()


def test_a_shard_without_rows_is_no_file(sources, tmp_path):
    attempt = Attempt(tmp_path, "dataset", "none")
    assert write_shard(attempt, ShardJob("none", 0, "h1", "h2", sources)) == {"rows": 0}
    assert not attempt.path("dataset/data/none/000_00000.parquet").exists()
    assert attempt.seal() == ()


def hosts(dump: str, **sizes: int) -> list[dict[str, Any]]:
    return [
        {"dump": dump, "host": host, "rows_sum": 1, "bytes_sum": size}
        for host, size in sizes.items()
    ]


def test_hosts_fill_a_shard_to_its_size_and_are_never_split():
    cut = dataset._cut([*hosts("d1", a=4, b=6, c=1, d=100, e=9, f=1), *hosts("d2", a=1, z=1)], 10)
    ranges = [(s["dump"], s["shard"], s["first_host"], s["last_host"], s["rows"]) for s in cut]
    assert ranges == [
        ("d1", 0, "a", "b", 2),
        ("d1", 1, "c", "d", 2),
        ("d1", 2, "e", "f", 2),
        ("d2", 0, "a", "z", 2),
    ]
    assert dataset._cut([], 10) == []


def test_one_huge_host_is_one_shard():
    assert [s["first_host"] for s in dataset._cut(hosts("d", a=99, b=1), 10)] == ["a", "b"]
    (alone,) = dataset._cut(hosts("d", a=10_000), 10)
    assert (alone["first_host"], alone["last_host"]) == ("a", "a")


def test_the_plan_adds_up_the_hosts_of_all_files(tmp_path):
    attempt = Attempt(tmp_path, "settle", "all")
    written = {"one": [("d2", "a", 5), ("d1", "b", 5)], "two": [("d1", "b", 5), ("d1", "a", 1)]}
    for name, rows in written.items():
        with TableWriter(attempt, f"{name}.parquet", HOSTS) as writer:
            for dump, host, size in rows:
                writer.add({"dump": dump, "host": host, "rows": 1, "bytes": size})
    paths = tuple(attempt.path(f"{name}.parquet") for name in written)
    planning = Attempt(tmp_path, "plan", "all")
    assert plan_shards(planning, PlanJob(paths, 11)) == {"shards": 2}
    plan = read_plan(planning.path("stages/plan/shards.parquet"))
    assert [list(row.values()) for row in plan] == [["d1", 0, "a", "b", 3], ["d2", 0, "a", "a", 1]]
