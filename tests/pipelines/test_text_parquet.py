"""Parquet: rows of any string type, nested columns, damaged row groups, other schemas."""

import datetime as dt
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import UsageError
from pipelines.crawl import Damage, Row, find_inputs, look_at_columns
from pipelines.crawl.text import rows
from pipelines.recipe import Columns
from tests.pipelines.text_rows import ledger, read, told

TEXTS = ["one", None, "", "four é"]


def write(path: Path, table: pa.Table, **options: object) -> Path:
    pq.write_table(table, path, **options)
    return path


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_text_of_every_string_type(kind, tmp_path):
    table = pa.table({"text": pa.array(TEXTS).cast(kind), "n": [1, 2, 3, 4]})
    items, _ = read(write(tmp_path / "a.parquet", table, row_group_size=3))
    assert told(items) == [(0, "one"), (1, ""), (2, ""), (3, "four é")]
    assert items[0] == Row(0, None, "a.parquet#0", "", "", "one")


def test_nested_columns_are_found_by_dotted_names(tmp_path):
    meta = [{"url": f"http://a/{n}", "more": {"date": f"2024-0{n}", "x": n}} for n in (1, 2)]
    table = pa.table({"text": ["a", "b"], "metadata": meta, "id": [7, None]})
    items, _ = read(write(tmp_path / "a.parquet", table), Columns(date="metadata.more.date"))
    assert items == [
        Row(0, None, "7", "http://a/1", "2024-01", "a"),
        Row(1, None, "a.parquet#1", "http://a/2", "2024-02", "b"),
    ]


def test_maps_and_names_with_dots(tmp_path):
    pairs = pa.array([[("url", "http://m")], None], pa.map_(pa.string(), pa.string()))
    table = pa.table({"text": ["a", "b"], "metadata": pairs, "my.id": ["x", "y"]})
    items, _ = read(write(tmp_path / "a.parquet", table), Columns(id="my.id"))
    assert [(item.id, item.url) for item in items] == [("x", "http://m"), ("y", "")]


def test_only_mapped_columns_are_read(tmp_path):
    """A column that nobody asks for may be damaged."""
    noise = [f"{number:040d}" for number in range(5_000)]
    table = pa.table({"noise": noise, "text": ["t"] * 5_000})
    options = {"use_dictionary": False, "compression": "none"}
    path = write(tmp_path / "a.parquet", table, **options)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\x28\x00\x00\x00" + b"0" * 40, b"\xff" * 44))
    assert data != path.read_bytes()
    items, _ = read(path)
    assert {text for _, text in told(items)} == {"t"}
    assert len(items) == 5_000
    items, _ = read(path, Columns(text="noise"))
    assert told(items) == [(0, "! row_group_unreadable")]


def test_a_damaged_row_group_costs_itself_only(tmp_path):
    table = pa.table({"text": [f"text {number} " + "x" * 200 for number in range(30)]})
    path = write(tmp_path / "a.parquet", table, row_group_size=10, compression="zstd")
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    items, _ = read(path)
    records = [item.record for item in items]
    assert records == [*range(10), 10, *range(20, 30)]
    assert items[10] == Damage(10, None, "row_group_unreadable")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty_file"), (b"PAR1", "not_parquet"), (b"hello" * 100, "not_parquet")],
)
def test_what_is_no_parquet_is_one_damage(content, reason, tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert read(path)[0] == [Damage(0, None, reason)]


def test_a_truncated_file_is_no_parquet(tmp_path):
    path = write(tmp_path / "a.parquet", pa.table({"text": ["a"] * 100}))
    path.write_bytes(path.read_bytes()[:-30])
    assert told(read(path)[0]) == [(0, "! not_parquet")]


def test_a_file_without_rows_has_none(tmp_path):
    assert read(write(tmp_path / "a.parquet", pa.table({"text": pa.array([], pa.string())}))) == (
        [],
        {},
    )


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (pa.table({"other": [1, 2], "id": ["a", "b"]}), "no_text"),
        (pa.table({"text": [1, 2], "id": ["a", "b"]}), "text_not_a_string"),
        (pa.table({"text": [b"a", b"b"], "id": ["a", "b"]}), "text_not_a_string"),
        (pa.table({"text": [["a"], []], "id": ["a", "b"]}), "text_not_a_string"),
    ],
    ids=["absent", "int", "binary", "list"],
)
def test_every_row_without_a_text_is_told(table, reason, tmp_path):
    items, _ = read(write(tmp_path / "a.parquet", table))
    assert [(item.record, item.id, item.reason) for item in items] == [
        (0, "a", reason),
        (1, "b", reason),
    ]
    bare = read(write(tmp_path / "b.parquet", pa.table({"x": [1, 2, 3]})))[0]
    assert told(bare) == [(0, "! no_text"), (1, "! no_text"), (2, "! no_text")]


def test_points_in_time_are_iso_8601_in_utc(tmp_path):
    noon = dt.datetime(2024, 5, 1, 12)  # noqa: DTZ001  Arrow knows times without a zone
    kinds = {
        pa.timestamp("s"): "2024-05-01T12:00:00Z",
        pa.timestamp("ms", "UTC"): "2024-05-01T12:00:00Z",
        pa.timestamp("us", "America/New_York"): "2024-05-01T12:00:00Z",
        pa.timestamp("ns"): "2024-05-01T12:00:00Z",
        pa.date32(): "2024-05-01",
    }
    for number, (kind, wanted) in enumerate(kinds.items()):
        value = pa.array([noon, None]).cast(kind) if kind != pa.date32() else [noon.date(), None]
        table = pa.table({"text": ["a", "b"], "date": pa.array(value)})
        items, _ = read(write(tmp_path / f"{number}.parquet", table))
        assert [item.date for item in items] == [wanted, ""], kind


def test_a_time_beyond_the_calendar_is_left_out(tmp_path):
    table = pa.table({"text": ["a", "b"], "date": pa.array([2**62, 0], pa.timestamp("ms"))})
    items, _ = read(write(tmp_path / "a.parquet", table))
    assert [item.date for item in items] == ["", "1970-01-01T00:00:00Z"]


def test_a_value_that_is_not_unicode_costs_its_row_only(tmp_path):
    bad = pa.array([b"a", b"\xff\xfe", b"c"]).cast(pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, bad.buffers())
    items, _ = read(write(tmp_path / "a.parquet", pa.table({"text": text})))
    assert told(items) == [(0, "a"), (1, "! not_utf8"), (2, "c")]


def test_a_text_that_is_too_long_costs_its_row_only(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MAX_LINE", 10)
    table = pa.table({"text": ["a" * 10, "b" * 11, "c"]})
    items, _ = read(write(tmp_path / "a.parquet", table))
    assert told(items) == [(0, "a" * 10), (1, "! too_large"), (2, "c")]


def test_two_columns_of_one_name(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    assert told(read(write(tmp_path / "a.parquet", table))[0]) == [(0, "a")]


def test_no_flipped_byte_brings_the_reader_down(tmp_path):
    """Each damage is told, and no record twice; what is there stays."""
    noon = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
    made = [{"url": f"http://a/{number}", "date": noon} for number in range(9)]
    table = pa.table({"text": [f"text {number} é" for number in range(9)], "metadata": made})
    path = write(tmp_path / "a.parquet", table, row_group_size=4)
    whole, chance = path.read_bytes(), random.Random(7)
    found = set()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        with suppress(UsageError):  # the byte was in a column's name
            look_at_columns(find_inputs([str(path)]), Columns(), found.add)
        items = read(path)[0]
        assert len({item.record for item in items}) == len(items)
        found |= {item.reason for item in items if isinstance(item, Damage)}
    assert {"not_parquet", "row_group_unreadable"} <= found


def swollen(value: int, rows: int) -> pa.Table:
    """Return rows of one value of so many MiB, which compress to next to nothing."""
    values = pa.array(["x" * (value << 20)])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), values)
    return pa.table({"text": column})


SMALL = {"compression": "zstd", "store_schema": False, "dictionary_pagesize_limit": 1 << 30}


def test_a_page_that_decodes_to_more_than_memory_may_hold_costs_its_row_group(tmp_path):
    """In a fresh process: in this one, memory that other tests have freed is used again."""
    (folder := tmp_path / "in").mkdir()
    path = folder / "a.parquet"
    with pq.ParquetWriter(path, pa.schema({"text": pa.string()}), **SMALL) as writer:
        for table in (pa.table({"text": ["a", "b"]}), swollen(100, 2), pa.table({"text": ["c"]})):
            writer.write_table(table.cast(writer.schema))
    assert path.stat().st_size < 50_000
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from pipelines.crawl.text import parquet\n"
        "from tests.pipelines.text_rows import read, run_text, told\n"
        "parquet._MOST_BYTES = 64 << 20\n"
        "path, root = map(Path, sys.argv[1:])\n"
        "limits = resource.getrlimit(resource.RLIMIT_DATA)\n"
        "print(told(read(path)[0]))\n"
        "assert resource.getrlimit(resource.RLIMIT_DATA) == limits\n"
        "run_text(path.parent, root, sets=('max_failed_pages=1.0',))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(tmp_path / "run")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = [(0, "a"), (1, "b"), (2, "! memory_limit"), (4, "c")]
    assert done.stdout.strip() == str(expected)
    found = [(row["status"], row["stage"], row["rule"]) for row in ledger(tmp_path / "run")]
    assert found[2] == ("failed", "read", "memory_limit")
    assert len(found) == 4


def test_a_value_that_comes_again_is_never_all_there_at_once(tmp_path):
    """128 rows of a dictionary's one value would be 2 GiB; they are read in other memory."""
    path = write(tmp_path / "a.parquet", swollen(16, 128), **SMALL)
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from tests.pipelines.text_rows import read_items\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
        "before = peak()\n"
        "lengths = [len(row.text) for row in read_items(Path(sys.argv[1]))]\n"
        "print(len(lengths), set(lengths), peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"128 {{{16 << 20}}} ")
    assert int(done.stdout.split()[-1]) < 1200
