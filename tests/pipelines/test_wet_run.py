"""WET and ARC files through the whole command: text is not extracted again, pages are."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.command import succeed
from tests.pipelines.small_run import RECIPE, prose
from tests.pipelines.warc_bytes import gzip_each, http, record

DANISH = "Det er en god dag at gå en tur langs åen, og børnene leger på engen bag skolen. " * 6
# HTML to an extractor, which would leave nothing of it; text to a reader of WET files.
MARKUP = "Nobody should read <script> this again: " + " ".join(prose(5))


def conversion(number: int, text: str, place: str = "") -> bytes:
    return record(
        "conversion",
        text.encode(),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://host.example/{place}{number}",
        Content_Type="text/plain",
    )


def arc(*pages: tuple[str, list[str]]) -> list[bytes]:
    version = b"1 0 Somebody\nURL IP-address Archive-date Content-type Archive-length\n"
    records = [b"filedesc://old.arc 0.0.0.0 20040501000000 text/plain %d\n" % len(version)]
    records[0] += version + b"\n"
    for url, sentences in pages:
        body = "".join(f"<p>{sentence}</p>" for sentence in sentences)
        block = http(f"<!doctype html><article>{body}</article>".encode())
        line = f"{url} 192.0.2.7 20040501123456 text/html {len(block)}\n"
        records.append(line.encode() + block + b"\n")
    return records


def run(folder: Path, crawl: Path, *more: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the manifest of a run over `crawl`, and its ledger in input order."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    arguments = ("--input", crawl, "--output", folder / "run", "--engine", "inline", "--json")
    manifest = json.loads(succeed("run", recipe, *arguments, *more))
    rows = pq.read_table(folder / "run/ledger", partitioning=None).to_pylist()
    return manifest, sorted(rows, key=lambda row: (row["file_path"], row["record"]))


def test_text_records_and_old_archives_end_in_the_ledger_and_the_dataset(tmp_path: Path):
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    wet = [
        record("warcinfo", b"software: something"),
        conversion(1, "\n".join(prose(1))),
        conversion(2, DANISH),
        conversion(3, "\n".join(prose(3)), "porn/"),
        conversion(4, MARKUP),
        conversion(5, ""),
    ]
    (crawl / "b.warc.wet.gz").write_bytes(gzip_each(wet) + b"\x1f\x8b\x08 and no more")
    old = arc(("http://old.example/two words", prose(7)), ("http://old.example/2", prose(8)))
    (crawl / "a.arc.gz").write_bytes(gzip_each(old))
    manifest, rows = run(tmp_path, crawl, "--set", "max_failed_pages=0.5")
    decided = [(row["file_path"], row["record"], row["stage"], row["rule"]) for row in rows]
    assert decided == [
        ("a.arc.gz", 1, None, None),
        ("a.arc.gz", 2, None, None),
        ("b.warc.wet.gz", 1, None, None),
        ("b.warc.wet.gz", 2, "language", "not_english"),
        ("b.warc.wet.gz", 3, "url", "blocked"),
        ("b.warc.wet.gz", 4, None, None),
        ("b.warc.wet.gz", 5, "extract", "empty"),
        ("b.warc.wet.gz", 6, "read", "gzip_corrupt"),
    ]
    assert (rows[0]["id"], rows[0]["url"]) == ("a.arc.gz#1", "http://old.example/two words")
    assert rows[0]["date"] == "2004-05-01T12:34:56Z"
    assert manifest["rows"] == 4
    kept = json.loads(succeed("show", tmp_path / "run", "--kept", "--full", "--json", "-n", "9"))
    texts = {page["url"]: page["text"] for page in kept["pages"]}
    assert texts["http://host.example/4"] == MARKUP


def test_what_common_crawl_publishes_as_wet(test_data: Path, tmp_path: Path):
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    for name in ("828e-whirlwind.warc.wet", "4f15-fragment3.wet.gz"):
        shutil.copy(test_data / "quirks" / name, crawl)
    manifest, rows = run(tmp_path, crawl, "--set", "audit_fraction=1")
    assert manifest["pages"] == 6
    assert Counter(row["rule"] for row in rows)["not_english"] >= 5
    assert all(row["text.chars"] > 100 for row in rows)


@pytest.mark.parametrize("name", ["a58c-uncompressed.arc", "2028-alexa_charset_in_header.arc.gz"])
def test_arc_files_that_others_made(test_data: Path, tmp_path: Path, name: str):
    manifest, rows = run(tmp_path, test_data / "quirks" / name, "--set", "audit_fraction=1")
    assert manifest["pages"] == len(rows) >= 1
    assert all(row["status"] != "failed" and row["text.chars"] for row in rows)
