"""Text inputs that are huge, empty, no Unicode or packed to hurt: read exactly, or told."""

import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.crawl import Damage, Row, find_inputs, read_pages
from pipelines.crawl.text import lines as lines_module
from pipelines.recipe import InputFormat
from tests.pipelines.layouts import packed
from tests.pipelines.text_rows import ledger, lines, read, read_items, run_text, told

HUGE = 50 << 20
PLAIN = """\
recipe: plain
stages:
- drop: {tiny: chars < 3}
tokenizer: {train: {vocab_size: 300, sample_bytes: 1000}}
max_failed_pages: 1.0
"""


def huge() -> str:
    """A document of 50 MB."""
    text = "".join(f"Line {number} of a very long document.\n" for number in range(20_000))
    return (text * (HUGE // len(text) + 1))[:HUGE]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet"])
def test_a_document_of_50_mb_is_read_as_it_is(suffix, tmp_path):
    text, path = huge(), tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.table({"text": [text, "after"]}), path)
    else:
        data = lines([{"text": text}, {"text": "after"}])
        path.write_bytes(gzip.compress(data, 1) if suffix.endswith("gz") else data)
    first, second = read_items(path)
    assert isinstance(first, Row)
    assert first.text == text
    assert isinstance(second, Row)
    assert second.text == "after"


def test_by_the_limits_of_a_page_it_fails_alone_and_in_words(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_bytes(lines([{"text": huge()}, {"text": "after"}]))
    run_text(tmp_path / "in", tmp_path / "run", PLAIN)
    rows = ledger(tmp_path / "run")
    assert [(row["status"], row["rule"]) for row in rows] == [
        ("failed", "page_bytes"),
        ("kept", None),
    ]


def test_texts_that_are_no_plain_text_have_one_outcome_each(tmp_path):
    (tmp_path / "in").mkdir()
    texts = [
        b'{"text": ""}',
        b'{"text": null}',
        b'{"text": "a lone \\ud800 surrogate", "id": "\\udfff", "url": "http://x.example/\\ud800"}',
        b'{"text": "a pair \\ud83d\\ude00 is one character"}',
        b'{"text": "a NUL \\u0000 and a bell \\u0007 inside"}',
        b'{"text": "ends with a NUL\\u0000"}',
        b'{"text": "\\ufeffa mark of byte order"}',
    ]
    (tmp_path / "in/a.jsonl").write_bytes(b"\n".join(texts))
    run_text(tmp_path / "in", tmp_path / "run", PLAIN)
    rows = ledger(tmp_path / "run")
    assert [(row["status"], row["rule"]) for row in rows] == [
        ("dropped", "empty"),
        ("dropped", "empty"),
        *[("kept", None)] * 5,
    ]
    assert (rows[2]["id"], rows[2]["url"]) == ("?", "http://x.example/?")
    found = pq.read_table(tmp_path / "run/dataset/data", partitioning=None).to_pylist()
    assert {row["text"] for row in found} == {
        "a lone ? surrogate",
        "a pair \U0001f600 is one character",
        "a NUL \0 and a bell \a inside",
        "ends with a NUL\0",
        "\ufeffa mark of byte order",
    }


def test_surrogates_and_nuls_in_what_an_input_brings_along(tmp_path):
    meta = {"pile_set_name": "\ud800 set\0", "id": "a\ud800"}
    packed(tmp_path / "a.jsonl.zst", [{"text": "x", "meta": meta}])
    (file,) = find_inputs([str(tmp_path)], input_format=InputFormat("pile"))
    columns = InputFormat("pile").layout.columns
    (row,) = read_pages(file, Counter(), columns, None, ("pile.pile_set_name",))
    assert isinstance(row, Row)
    assert row.signals == {"pile.pile_set_name": "? set\0"}
    assert row.id == "a?"


def bomb(path: Path, size: int) -> Path:
    """Write a line of so many equal characters, between two good ones, in little room."""
    good = [b'{"text": "before"}\n', b'\n{"text": "after"}\n']
    with path.open("wb") as raw, zstandard.ZstdCompressor(19).stream_writer(raw) as stream:
        stream.write(good[0])
        for _ in range(size >> 20):
            stream.write(b"a" * (1 << 20))
        stream.write(good[1])
    return path


def test_a_zstd_bomb_costs_its_line_and_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(lines_module, "MAX_LINE", 4 << 20)
    path = bomb(tmp_path / "a.jsonl.zst", 256 << 20)
    assert path.stat().st_size < 1 << 16
    tracemalloc.start()
    outcome = told(read_items(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome == [(0, "before"), (1, "! too_large"), (2, "after")]
    assert peak < 96 << 20


@pytest.mark.parametrize("suffix", ["zst", "gz"])
def test_a_packed_file_that_ends_early_gives_what_it_has_and_says_so(suffix, tmp_path):
    path = tmp_path / f"a.jsonl.{suffix}"
    rows = [{"text": f"text {number} {json.dumps(list(range(number)))}"} for number in range(500)]
    packed(path, rows)
    whole = told(read(path)[0])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    items, _ = read(path)
    cut = told(items)
    assert isinstance(items[-1], Damage)
    assert "truncated" in items[-1].reason
    assert len(cut) > 10 if suffix == "gz" else cut
    assert cut[:-1] == whole[: len(cut) - 1]
