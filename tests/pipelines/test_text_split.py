"""Parts of big files: together they are the file, whatever their size."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.errors import WorkError
from pipelines.crawl import find_inputs, split_files
from pipelines.crawl.text.lines import read_lines
from pipelines.crawl.text.split import PART_BYTES
from tests.command import contents
from tests.pipelines.small_run import published
from tests.pipelines.text_rows import (
    crawl_file,
    ledger,
    lines,
    made_rows,
    read,
    run_text,
    told,
)
from tests.pipelines.units import Listener

LINES = st.lists(
    st.sampled_from([b'{"text": "a"}', b'{"text": "a longer text"}', b"", b"no json", b" "]),
    max_size=12,
)


def in_parts(path: Path, part_bytes: int) -> list:
    """Read a file part by part, the lines numbered as the count stage does."""
    items, first = [], 0
    for file in split_files([crawl_file(path)], part_bytes):
        items += read(path, part=file.part, first=first)[0]
        if file.part and file.format == "jsonl":
            with path.open("rb") as opened:
                first += sum(1 for _ in read_lines(opened, file.part))
    return items


@settings(max_examples=150, deadline=None)
@given(rows=LINES, ended=st.booleans(), part_bytes=st.integers(1, 60))
def test_lines_in_parts_are_the_lines_of_the_file(tmp_path_factory, rows, ended, part_bytes):
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    path.write_bytes(b"\n".join(rows) + b"\n" * ended)
    assert in_parts(path, part_bytes) == read(path)[0]


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 40), group=st.integers(1, 15), part_bytes=st.integers(30, 2_000))
def test_row_groups_in_parts_are_those_of_the_file(tmp_path_factory, rows, group, part_bytes):
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    table = pa.table({"n": range(rows), "text": [f"text {number}" for number in range(rows)]})
    pq.write_table(table, path, row_group_size=group)
    items = in_parts(path, part_bytes)
    assert items == read(path)[0]
    assert [item.record for item in items] == list(range(rows))


def test_what_is_split_and_how(tmp_path):
    for name in ("a.jsonl", "b.jsonl.gz", "c.parquet", "d.warc", "e.json", "f.json.zst"):
        (tmp_path / name).write_bytes(b"x" * 100)
    files = split_files(find_inputs([str(tmp_path)]), 30)
    cut = {
        path: [(file.part.start, file.part.end) for file in files if file.file_path == path]
        for path in ("a.jsonl", "c.parquet")
    }
    thirds = [(0, 33), (33, 66), (66, 100)]
    assert cut == {"a.jsonl": thirds, "c.parquet": thirds}
    assert [file.file_path for file in files if file.part is None] == [
        "b.jsonl.gz", "d.warc", "f.json.zst",
    ]  # fmt: skip
    assert [file.unit for file in files][:4] == [
        "000000-00000",
        "000000-00001",
        "000000-00002",
        "000001",
    ]
    assert split_files([replace(files[0], part=None, size=None)])[0].part is None
    assert len(split_files([replace(files[0], part=None, size=5 * PART_BYTES)])) == 5


def test_a_packed_file_of_another_name_is_read_by_its_first_part(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(lines({"text": f"text {n}" * 9} for n in range(50)), 1))
    assert told(in_parts(path, 60)) == told(read(path)[0])
    assert len(told(read(path)[0])) == 50


def test_a_file_that_is_no_parquet_is_one_damage_in_parts_too(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"no parquet" * 50)
    assert told(in_parts(path, 100)) == [(0, "! not_parquet")]


@pytest.fixture(scope="module")
def big(tmp_path_factory) -> Path:
    """A folder with JSON lines, bad ones among them, and Parquet in several row groups."""
    folder = tmp_path_factory.mktemp("big") / "in"
    folder.mkdir()
    rows = made_rows(50)
    content = lines(rows[:25]) + b"\nno json\n" + lines(rows[25:])
    (folder / "a.jsonl").write_bytes(content)
    pq.write_table(pa.Table.from_pylist(made_rows(30, 7)), folder / "b.parquet", row_group_size=6)
    return folder


def test_a_run_in_parts_says_the_same(big, tmp_path):
    looks = Listener()
    run_text(big, tmp_path / "whole")
    run_text(big, tmp_path / "parts", observer=looks, part_bytes=4_000)
    assert any(line.startswith("count: ") for line in looks.told)
    whole, parts = ledger(tmp_path / "whole"), ledger(tmp_path / "parts")
    assert whole == parts
    assert len(whole) == 81
    assert len({(row["file_path"], row["record"]) for row in whole}) == len(whole)
    assert len(list((tmp_path / "parts/ledger").iterdir())) > 10

    def final(root: Path) -> dict[str, str]:
        found = contents(root)
        return {k: v for k, v in found.items() if k.startswith(("dataset", "tokens"))}

    assert final(tmp_path / "whole") == final(tmp_path / "parts")
    manifest = json.loads((tmp_path / "parts/manifest.json").read_bytes())
    assert manifest["inputs"]["files"] == 2
    assert manifest["inputs"]["bytes"] == sum(p.stat().st_size for p in big.iterdir())


def test_a_run_in_parts_resumes_and_judges_again(big, tmp_path):
    root = tmp_path / "run"
    run_text(big, root, part_bytes=4_000)
    before = published(root)
    again = Listener()
    assert not run_text(big, root, part_bytes=4_000, observer=again).did_work
    outcome = run_text(big, root, sets=("short=60",), part_bytes=4_000, observer=again)
    assert outcome.did_work
    commits = [json.loads(path.read_bytes()) for path in (root / "commits/curate").glob("0*.json")]
    assert {commit["facts"]["read"] for commit in commits} == {"documents"}
    run_text(big, root, part_bytes=4_000)
    assert published(root) == before


def test_with_a_limit_files_stay_whole(big, tmp_path):
    outcome = run_text(big, tmp_path / "run", limit=10, part_bytes=4_000)
    assert outcome.manifest["pages"] == 20


def test_a_file_that_went_away_is_told_part_by_part(big, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for path in big.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())

    class Thief(Listener):
        def said(self, line):
            super().said(line)
            (folder / "a.jsonl").unlink(missing_ok=True)

    with pytest.raises(WorkError, match="cannot be opened"):
        run_text(folder, tmp_path / "strict", observer=Thief(), part_bytes=12_000)
    (folder / "a.jsonl").write_bytes((big / "a.jsonl").read_bytes())
    outcome = run_text(
        folder, tmp_path / "run", sets=("max_failed_units=9",), observer=Thief(), part_bytes=12_000
    )
    failed = outcome.manifest["failed_units"]
    assert all(name.startswith("a.jsonl, bytes ") for name in failed)
    assert len(failed) == sum(
        1 for file in split_files(find_inputs([str(big)]), 12_000) if file.file_path == "a.jsonl"
    )
    assert {row["file_path"] for row in ledger(tmp_path / "run")} == {"b.parquet"}
