"""What commands say of a run, drawn without a terminal."""

import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from filters.errors import WorkError
from pipelines.pipeline import Outcome
from pipelines.summary import progress_table, read_status, run_summary
from tests.pipelines.small_run import RECIPE, do_run
from tests.pipelines.warc_bytes import gzip_each


def drawn(*parts: Any) -> str:
    console = Console(file=StringIO(), width=160, highlight=False)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


def test_status_says_why_pages_failed_before_the_run_has_finished(tmp_path):
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    (crawl / "a.warc.gz").write_bytes(gzip_each([b"this is no record"]))
    with pytest.raises(WorkError, match="1 of 1 pages failed, more than max_failed_pages"):
        do_run(RECIPE, crawl, tmp_path / "run")
    found = read_status(tmp_path / "run")
    assert not found["finished"]
    ((reason, count),) = found["failed_pages"].items()
    assert reason.startswith("read: ")
    assert count == 1
    shown = drawn(progress_table(tmp_path / "run", found))
    assert f"1 page(s) failed at {reason}" in shown
    assert "not finished" in shown


def test_the_summary_names_crawl_files_that_could_not_be_read(base, small_crawl):
    manifest = do_run(RECIPE, small_crawl, base.root).manifest
    failed = {"b\x1b[31m[bold].warc.gz": "input 'b' cannot be opened: gone."}
    shown = drawn(*run_summary(Outcome(base.root, {**manifest, "failed_units": failed}, True)))
    assert "1 crawl file(s) could not be read:" in shown
    assert "b·[31m[bold].warc.gz: input 'b' cannot be opened: gone." in shown
    assert "could not be read" not in drawn(*run_summary(Outcome(base.root, manifest, True)))


@pytest.mark.parametrize("name", ["plain", "a [b] c", "it's $HOME", 'say "x" !1'])
def test_commands_to_go_on_with_can_be_copied(name, base, small_crawl):
    """A shell takes them apart as they were meant."""
    manifest = do_run(RECIPE, small_crawl, base.root).manifest
    root = Path("/runs") / name
    lines = drawn(*run_summary(Outcome(root, manifest, True))).partition("Next:\n")[2].splitlines()
    commands = [shlex.split(line) for line in lines]
    assert len(commands) == 3
    assert all(str(root) in words for words in commands if words[0] == "cuvee")
    programs = [words[2] for words in commands if words[0] == "python"]
    assert [repr(str(root / "dataset")) in program for program in programs] == (
        [] if "[" in name else [True]  # `datasets` would take the folder for a glob
    )
