"""Broken files: no crash, no hang, bounded memory, and nothing that is in them without a row."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.crawl.archive.records import MAX_RECORD
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from tests.broken.made import IDS, RECORDS, broken_files
from tests.pipelines.small_run import RECIPE
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each

MOST_BYTES = 6 * MAX_RECORD
"""What reading may need: a record, its block, its body, and that unpacked or as text."""


@pytest.fixture(scope="module")
def read() -> Mapping[str, Any]:
    """What `make broken` finds, in a process that holds nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.broken", "--json"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["made", "large", "foreign"])
def test_whatever_is_in_a_broken_file_is_accounted_for(read: Mapping[str, Any], name: str):
    if name == "foreign" and not os.environ.get("CUVEE_TEST_DATA"):
        pytest.skip("CUVEE_TEST_DATA is not set: no third-party crawl files to read")
    found = read[name]
    others, failed = (sum(found[kinds].values()) for kinds in ("others", "failed"))
    assert found["files"] >= 20
    assert found["pages"] + others + failed == found["records"]
    assert found["lost"] == 0
    assert found["altered"] == []
    assert found["most_bytes"] < MOST_BYTES


def test_all_kinds_of_damage_are_among_them(read: Mapping[str, Any]):
    assert set(read["made"]["failed"]) == {
        "bad_header", "empty_file", "garbage", "gzip_corrupt", "gzip_truncated", "not_warc",
        "too_large", "truncated", "wrong_length", "zstd_corrupt", "zstd_truncated",
    }  # fmt: skip


def test_a_damaged_stretch_is_a_row_with_file_offset_and_reason(tmp_path: Path):
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    chosen = ("length 2 GB plain", "hole gzip_each", "gzip bomb plain", "zero bytes", "noise")
    broken = {one.name: one for one in broken_files() if one.name in chosen}
    for number, name in enumerate(chosen):
        (crawl / f"{number}.warc").write_bytes(broken[name].data)
    (crawl / "9.warc.gz").write_bytes(gzip_each(RECORDS))
    (tmp_path / "r.yaml").write_text(f"{RECIPE}max_failed_pages: 1.0\n")
    recipe = load_recipe(str(tmp_path / "r.yaml"), (), [str(crawl)])
    run(recipe, tmp_path / "run", RunOptions(engine="inline"), Listener())
    ledger = pq.read_table(tmp_path / "run/ledger", partitioning=None).to_pylist()
    failed = [row for row in ledger if row["status"] == "failed"]
    before = len(b"".join(RECORDS[:5]))
    assert [(row["file_path"], row["offset"], row["stage"], row["rule"]) for row in failed] == [
        ("0.warc", before, "read", "wrong_length"),
        ("1.warc", len(gzip_each(RECORDS[:5])), "read", "gzip_corrupt"),
        ("2.warc", before, "read", "too_large"),
        ("3.warc", 0, "read", "empty_file"),
        ("4.warc", 0, "read", "not_warc"),
    ]
    assert {row["id"] for row in ledger if row["status"] != "failed"} <= set(IDS)
    pages = {number: sum(row["file_path"][0] == str(number) for row in ledger) for number in (0, 9)}
    assert pages == {0: 8, 9: 7}
