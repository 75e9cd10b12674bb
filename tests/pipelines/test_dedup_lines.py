"""Lines and paragraphs that earlier pages have leave the text; what was removed is counted."""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from filters.repeats import passages
from tests.pipelines.repeating import Row, do_run, lines_of, row, write_files
from tests.pipelines.small_run import differing, published

NOTICE = "All rights in this text are reserved by the publisher of 2024."
OTHER_NOTICE = "all rights in this text are reserved, by the publisher of 1999"
FILES = {
    "CC-MAIN-2023-50/a": [
        row("first", f"{lines_of(1)}\n{NOTICE}\n{NOTICE}\nShort."),
        row("second", f"{NOTICE}\n{OTHER_NOTICE}\n{lines_of(2)}\n{OTHER_NOTICE}\nShort."),
        row("all of it", f"{NOTICE}\n\n{lines_of(1)}"),
    ],
    "CC-MAIN-2024-10/b": [
        row("third", f"{lines_of(3)}\n{NOTICE}"),
        row("copy", lines_of(2)),
    ],
}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("lines") / "crawl", FILES)


def counts(ran) -> dict[str, tuple[int | None, int | None]]:
    return {
        one["id"]: (one["lines.removed_spans"], one["lines.removed_chars"])
        for one in ran.ledger.values()
    }


def test_later_lines_leave_and_are_counted(crawl, tmp_path):
    ran = do_run("{lines: {per: all}}", crawl, tmp_path / "run")
    assert {name: one["text"] for name, one in ran.dataset.items()} == {
        "first": FILES["CC-MAIN-2023-50/a"][0]["text"],  # whoever is first keeps all of it
        "second": f"{lines_of(2)}\nShort.",
        "third": lines_of(3),
    }
    long = len(NOTICE) + 1
    assert counts(ran) == {
        "first": (0, 0),
        "second": (2, 3 * long - 2 + 2),
        "all of it": (1, long + 1 + len(lines_of(1))),
        "third": (1, long),
        "copy": (1, len(lines_of(2))),
    }
    assert {name for name, fate in ran.fates().items() if fate == "lines"} == {"all of it", "copy"}
    assert ran.removed() == {"lines": 2}
    made = ran.manifest["dedup"]["lines"]
    assert (made["pages"], made["spans"], made["emptied"]) == (4, 5, 2)
    assert made["chars"] == sum(chars or 0 for _, chars in counts(ran).values())
    emptied = next(one for one in ran.ledger.values() if one["id"] == "copy")
    assert emptied["token_count"] > 0  # of the text that was judged


def test_dumps_are_apart_and_short_lines_are_left(crawl, tmp_path):
    ran = do_run("{lines: {min_chars: 3}}", crawl, tmp_path / "run")
    assert ran.dataset["second"]["text"] == lines_of(2)
    assert ran.dataset["third"]["text"] == FILES["CC-MAIN-2024-10/b"][0]["text"]
    assert ran.dataset["copy"]["text"] == lines_of(2)
    whole = do_run("{lines: {per: all, min_chars: 1000}}", crawl, tmp_path / "whole")
    assert set(counts(whole).values()) == {(0, 0)}


def test_paragraphs(tmp_path):
    text = f"{lines_of(1)}\n\n{lines_of(2)}\n \n{lines_of(3)}"
    files = {"a": [row("one", f"{lines_of(2)}\n\n{lines_of(4)}"), row("two", text)]}
    crawl = write_files(tmp_path / "crawl", files)
    ran = do_run("{lines: {unit: paragraph}}", crawl, tmp_path / "run")
    assert ran.dataset["two"]["text"] == f"{lines_of(1)}\n\n{lines_of(3)}"


def test_exact_and_minhash_after_lines(tmp_path):
    """Short lines are no repeats of their own, so texts of them are the same after the edit."""
    short = "\n".join(f"a{n} b{n} c{n} d{n}" for n in range(40))
    files = {
        "a": [row("notice", f"{NOTICE}\n{lines_of(9)}"), row("with", f"{short}\n{NOTICE}")],
        "b": [row("plain", short)],
    }
    crawl = write_files(tmp_path / "crawl", files)
    assert do_run("{exact: {}}", crawl, tmp_path / "1").removed() == {"exact": 0}
    edited = do_run("{lines: {}, exact: {}}", crawl, tmp_path / "2")
    assert edited.removed() == {"lines": 0, "exact": 1}
    signed = do_run("{lines: {}, minhash: {bands: 1, rows: 112}}", crawl, tmp_path / "3")
    assert signed.removed() == {"lines": 0, "minhash": 1}
    late = do_run("{minhash: {bands: 1, rows: 112}, lines: {}}", crawl, tmp_path / "3")
    fresh = do_run("{minhash: {bands: 1, rows: 112}, lines: {}}", crawl, tmp_path / "4")
    assert late.removed() == {"minhash": 0, "lines": 0}
    assert differing(published(late.root), published(fresh.root)) == []


def test_of_what_has_left_no_line_is_looked_at(tmp_path):
    files = {"a": [row("x", lines_of(1)), row("x", lines_of(2)), row("y", lines_of(2))]}
    crawl = write_files(tmp_path / "crawl", files)
    ran = do_run("{lines: {}}", crawl, tmp_path / "run")
    assert ran.dataset["y"]["text"] == lines_of(2)
    rows = list(ran.ledger.values())
    assert [one["lines.removed_spans"] for one in rows] == [0, None, 0]


def by_hand(files: Mapping[str, list[Row]]) -> dict[str, str]:
    """Go through all texts in order with one set of all lines."""
    seen: set[int] = set()
    left = {}
    for one in (one for rows in files.values() for one in rows):
        lines = list(passages(one["text"], "line", 30))
        kept = [line for line in lines if line.key not in seen]
        left[one["id"]] = "".join(one["text"][line.start : line.end] for line in kept).strip("\n")
        seen |= {line.key for line in lines if line.key is not None}
    return {name: text for name, text in left.items() if text}


def test_groups_and_ranges_against_one_set_of_all_lines(tmp_path, monkeypatch):
    pick = random.Random(3)
    files = {
        f"{number}": [
            row(
                f"{number} {at}",
                lines_of(*pick.choices(range(60), k=pick.randint(1, 4)), sentences=2),
            )
            for at in range(12)
        ]
        for number in range(5)
    }
    crawl = write_files(tmp_path / "crawl", files)
    one = do_run("{lines: {}}", crawl, tmp_path / "one")
    assert {name: found["text"] for name, found in one.dataset.items()} == by_hand(files)
    monkeypatch.setattr("pipelines.stages.deduplicating._GROUP", 2)
    monkeypatch.setattr("pipelines.stages.lines._PARTITION_PASSAGES", 20)
    monkeypatch.setattr("pipelines.dedup.lines._ROWS_TOGETHER", 7)
    monkeypatch.setattr("pipelines.dedup.parts.Budget.rows_at_once", 9)
    many = do_run("{lines: {}}", crawl, tmp_path / "many")
    assert len(list((many.root / "stages/repeats_lines").iterdir())) > 2
    assert differing(published(one.root), published(many.root)) == []
