"""JSON lines: every line becomes a row, a damage or is counted, whatever is in it."""

import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from filters.errors import UnitError
from pipelines.crawl import Damage, Row, read_pages
from pipelines.crawl.model import Part
from pipelines.crawl.text import lines as lines_module
from pipelines.recipe import Columns
from tests.pipelines.text_rows import crawl_file, lines, read, told

ROWS = [
    {"text": f"text {number}", "id": number, "url": f"http://a/{number}"} for number in range(6)
]
WANTED = [(number, f"text {number}") for number in range(6)]


def test_a_line_is_a_row_with_its_place(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(ROWS))
    items, others = read(path)
    assert told(items) == WANTED
    assert not others
    second = lines(ROWS[:1])
    assert items[1] == Row(1, len(second), "1", "http://a/1", "", "text 1")


def test_packed_files_are_read_whatever_they_are_made_of(tmp_path):
    data, cut = lines(ROWS), len(lines(ROWS[:2])) + 7
    packed = {
        "one.jsonl.gz": gzip.compress(data),
        # Members need not end where a line does.
        "two.jsonl.gz": gzip.compress(data[:cut]) + gzip.compress(data[cut:]),
        "one.jsonl.zst": zstandard.compress(data),
        "two.ndjson.zst": zstandard.compress(data[:cut]) + zstandard.compress(data[cut:]),
        "misnamed.jsonl": gzip.compress(data),
    }
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
        items, _ = read(tmp_path / name)
        assert told(items) == WANTED, name
        assert {item.offset for item in items} == {None}


DEEP = b"[" * 100_000
HUGE = b'{"text": "huge", "n": ' + b"9" * 5_000 + b"}"


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (b'{"text": "a\\n\xc3\xa9"}', "a\né"),
        (b'{"text": "crlf"}\r', "crlf"),
        (b'  {"text": "spaces"}  ', "spaces"),
        (b'{"text": "first", "text": "last"}', "last"),
        (b'{"text": "nan", "score": NaN}', "nan"),
        (b'{"text": ""}', ""),
        (b'{"text": null}', ""),
        (b'{"text": "\\ud83d\\ude00"}', "\U0001f600"),
        (HUGE, "huge"),
        (b'{"text": 3}', "! text_not_a_string"),
        (b'{"text": ["a"]}', "! text_not_a_string"),
        (b'{"text": NaN}', "! text_not_a_string"),
        (b'{"content": "a"}', "! no_text"),
        (b"{}", "! no_text"),
        (b"no JSON", "! not_json"),
        (b'{"text": "cut', "! not_json"),
        (b'{"text": "a"} {"text": "b"}', "! not_json"),
        (b'["text"]', "! not_an_object"),
        (b"null", "! not_an_object"),
        (b'{"text": "\xff"}', "! not_utf8"),
        (b'{"text": "\xed\xa0\x80"}', "! not_utf8"),
        (DEEP, "! nested_too_deep"),
        (b'{"text":' * 100_000, "! nested_too_deep"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_becomes_of_a_line(line, outcome, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "before"}\n' + line + b'\n{"text": "after"}')
    items, _ = read(path, Columns(text="text"))
    assert told(items) == [(0, "before"), (1, outcome), (2, "after")]
    assert items[1].offset == 19


def test_blank_lines_are_counted_and_numbered(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\n\n \t\r\n{"text": "b"}\n\n')
    items, others = read(path)
    assert told(items) == [(0, "a"), (3, "b")]
    assert others == {"blank_line": 3}


def test_ids_urls_and_dates_of_any_kind_are_made_strings_or_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    values = [3, 2.5, True, None, [], {"a": 1}, "", "x", "\ud800", float("inf")]
    path.write_bytes(lines({"text": "t", "id": v, "url": v, "date": v} for v in values))
    items, _ = read(path)
    none = [f"a.jsonl#{number}" for number in range(len(values))]
    assert [item.id for item in items] == [
        "3", "2.5", "True", *none[3:7], "x", "?", none[9],
    ]  # fmt: skip
    assert [item.url for item in items] == ["", "", "", "", "", "", "", "x", "?", ""]
    assert [item.date for item in items] == ["3", "2.5", "True", "", "", "", "", "x", "?", ""]


def test_a_line_that_is_too_long_costs_itself_only(tmp_path, monkeypatch):
    monkeypatch.setattr(lines_module, "MAX_LINE", 1 << 20)
    path = tmp_path / "a.jsonl"
    long = json.dumps({"text": "x" * (3 << 20)}).encode()
    path.write_bytes(b'{"text": "a"}\n' + long + b'\n{"text": "b"}\n' + long)
    items, _ = read(path)
    assert told(items) == [(0, "a"), (1, "! too_large"), (2, "b"), (3, "! too_large")]
    assert [item.offset for item in items] == [0, 14, 14 + len(long) + 1, 29 + len(long)]


def test_damage_in_a_container_is_told_and_reading_goes_on(tmp_path):
    members = [gzip.compress(lines(ROWS[start : start + 2])) for start in (0, 2, 4)]
    broken = bytearray(members[1])
    broken[12:16] = b"\xff\xff\xff\xff"
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(members[0] + bytes(broken) + members[2])
    items, _ = read(path)
    assert told(items) == [*WANTED[:2], (2, "! gzip_corrupt"), (3, "text 4"), (4, "text 5")]
    assert items[2].offset == len(members[0])

    path.write_bytes(members[0] + members[1][:-20])
    items, _ = read(path)
    assert told(items)[-1] == (len(items) - 1, "! gzip_truncated")
    assert told(items)[:2] == WANTED[:2]

    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(lines(ROWS))[:-10])
    items, _ = read(path)
    assert told(items) == [(0, "! zstd_truncated")]


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_one_damage(content, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    assert read(path)[0] == [Damage(0, 0, "empty_file")]


def test_columns_are_guessed_from_more_than_the_first_line(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"raw_content": "a"}, {"raw_content": "b", "meta": {"url": "http://b"}}]
    path.write_bytes(b"damaged\n" + lines(rows))
    items, _ = read(path)
    assert told(items) == [(0, "! not_json"), (1, "a"), (2, "b")]
    assert items[2].url == "http://b"


def test_lines_without_numbers_are_not_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(ROWS))
    with pytest.raises(UnitError, match="counted"):
        read(path, part=Part(1, 10, 20), first=None)


def test_a_large_file_is_read_in_little_memory(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        for number in range(2_000):
            file.write(lines([{"text": "x" * 20_000, "id": number}]))
    tracemalloc.start()
    count = sum(1 for _ in read_pages(crawl_file(path), Counter()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2_000
    assert peak < 12 << 20
