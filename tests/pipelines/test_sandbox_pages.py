"""Pages that hang, crash or take all memory cost only themselves in a run."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipelines.manifest import read_manifest
from pipelines.pipeline import Outcome, RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.storage import CommitLog
from pipelines.summary import run_summary
from tests.pipelines.small_run import RECIPE, differing, edited, made_pages, page, published
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import http, record

LIMITS = """\
limits: {cpu_seconds: 0.3, memory: 128MiB, page_bytes: 12MB}
max_failed_pages: 1.0
"""
PLANTED = '''\
"""A signal of one's own that does what pages ask for."""

import ctypes
import re

from filters import signal


@signal(version=1)
def planted(text):
    """Count nothing."""
    if "PLEASE LOOP" in text.raw:
        re.match(r"(a|a)*b", "a" * 60)
    if "PLEASE DUMP" in text.raw:
        ctypes.string_at(0)
    if "PLEASE FILL" in text.raw:
        held = []
        while True:
            held.append(bytearray(1 << 20))
            held[-1][::4096] = bytes(256) .replace(b"\\0", b"x")
    return 0
'''
WITH_SIGNAL = edited(
    edited(RECIPE, "stages:\n", f"signals: [planted]\n{LIMITS}stages:\n"),
    "    top_2_gram:",
    "    planted: planted > 0\n    top_2_gram:",
)
ASKING = {"LOOP": "cpu_limit", "DUMP": "crash:SIGSEGV", "FILL": "memory_limit"}


def html(number: int, body: bytes) -> bytes:
    return record(
        block=http(body),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://hostile.example/{number}",
    )


def asking(number: int, what: str) -> bytes:
    return page(number, [f"That is the page which says PLEASE {what} to whoever reads of it."])


def run_of(pages: list[bytes], folder: Path, written: str = WITH_SIGNAL) -> Path:
    folder.mkdir()
    (folder / "planted.py").write_text(PLANTED)
    (folder / "crawl.warc").write_bytes(b"".join(pages))
    (folder / "recipe.yaml").write_text(written)
    recipe = load_recipe(str(folder / "recipe.yaml"), (), [str(folder / "crawl.warc")])
    run(recipe, folder / "run", RunOptions(engine="inline"), Listener())
    return folder / "run"


def ledger(root: Path) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return rows


def facts(root: Path) -> Mapping[str, Any]:
    (commit,) = CommitLog(root).commits("curate").values()
    return commit.facts


def planted_among(what: Callable[[str], str]) -> list[bytes]:
    pages = made_pages()
    for place, asked in zip((3, 9, 10), ASKING, strict=True):
        pages.insert(place, asking(900 + place, what(asked)))
    return pages


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(planted_among(str), tmp_path_factory.mktemp("hostile") / "it")


def test_planted_pages_fail_and_all_others_are_as_without_them(hostile: Path, tmp_path: Path):
    harmless = run_of(planted_among(lambda _: "LOAF"), tmp_path / "harmless")
    asked = [row for row in ledger(hostile) if row["id"].startswith("<urn:uuid:000009")]
    assert [(row["status"], row["stage"], row["rule"]) for row in asked] == [
        ("failed", "quality", reason) for reason in ASKING.values()
    ]
    planted = {row["record"] for row in asked}
    others = [
        [row for row in ledger(root) if row["record"] not in planted]
        for root in (hostile, harmless)
    ]
    assert others[0] == others[1]
    assert any(row["status"] == "kept" for row in others[0])
    mine, theirs = published(hostile), published(harmless)
    changed = [
        name for name in differing(mine, theirs) if not name.startswith(("ledger", "documents"))
    ]
    assert changed == []


def test_pages_at_a_limit_are_in_the_units_facts(hostile: Path):
    told = facts(hostile)["at_limits"]
    assert told["failed"] == dict.fromkeys(ASKING.values(), 1)
    assert told["passed_later"] == {}
    assert (read_manifest(hostile) or {})["at_limits"]["failed"] == told["failed"]
    assert [page["record"] for page in told["pages"]] == [3, 9, 10]
    assert facts(hostile)["covers_rules"] is False


@pytest.mark.parametrize(
    "written", [RECIPE, edited(RECIPE, "- dedup", "- datatrove: {PIIFormatter: }\n- dedup")]
)
def test_the_sandbox_changes_nothing_but_where_it_happens(written: str, tmp_path: Path):
    written += "accelerate: verify\n"
    inside = run_of(made_pages(), tmp_path / "inside", written + LIMITS)
    alone = run_of(made_pages(), tmp_path / "alone", written + "limits: false\n")
    assert facts(inside)["accelerate"] == facts(alone)["accelerate"]
    assert differing(published(inside), published(alone)) == []
    assert "at_limits" not in facts(inside)
    steps = [
        commit.steps
        for root in (inside, alone)
        for commit in CommitLog(root).commits("curate").values()
    ]
    assert steps[0].keys() - {"sandbox"} == steps[1].keys()
    assert "extract" in steps[0]
    for name in ("read", "extract", "minhash"):
        assert steps[0][name]["bytes"] == steps[1][name]["bytes"]


def test_what_no_author_would_write_ends_within_its_limits(tmp_path: Path):
    odd = {
        "nested": b"<div>" * 100_000 + b"deep" + b"</div>" * 100_000,
        "entities": b'<!DOCTYPE h [<!ENTITY a "aaaaaaaaaa">' + b"".join(
            b'<!ENTITY %c "%s">' % (name, b"&%c;" % (name - 1) * 10) for name in range(98, 108)
        ) + b"]><p>&k;</p>",
        "line": b"<p>" + b"It was a line of words without an end and " * 250_000 + b"</p>",
        "open": b"<a href='" * 200_000,
        "long": b"<p>" + b"x" * 12_000_001,
        "nothing": b"\0" * 3_000_000,
    }  # fmt: skip
    hostile = [html(number, body) for number, body in enumerate(odd.values(), 800)]
    written = f"{RECIPE}max_failed_pages: 1.0\nlimits: {{page_bytes: 12MB}}\n"
    root = run_of([*made_pages(), *hostile], tmp_path / "odd", written)
    plain = run_of(made_pages(), tmp_path / "plain", written)
    rows = ledger(root)
    assert rows[: -len(odd)] == ledger(plain)
    assert {name: row["rule"] for name, row in zip(odd, rows[-len(odd) :], strict=True)} == {
        **dict.fromkeys(odd, "empty"),
        "long": "page_bytes",
    }


def test_a_loaded_machine_changes_no_decision(hostile: Path, tmp_path: Path):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        loaded = run_of(planted_among(str), tmp_path / "loaded")
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert differing(published(hostile), published(loaded)) == []
    assert facts(loaded)["at_limits"] == facts(hostile)["at_limits"]


def test_the_summary_lists_pages_at_a_limit(hostile: Path):
    manifest = read_manifest(hostile)
    assert manifest is not None
    console = Console(file=StringIO(), width=160, highlight=False)
    for part in run_summary(Outcome(hostile, manifest, did_work=True)):
        console.print(part)
    lines = console.file.getvalue().splitlines()
    first = lines.index("limits: 3 page(s) failed, 0 passed with double the limits:")
    assert lines[first + 1 : first + 4] == [
        f"  unit 000000, record {record}: {reason}, failed"
        for record, reason in zip((3, 9, 10), ASKING.values(), strict=True)
    ]
