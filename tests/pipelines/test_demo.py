"""The demo, end to end: real pages through real Ray, whatever the engine, workers and faults."""

import json
import random
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from tests.command import contents, cuvee, kill_after_commits, succeed

pytestmark = pytest.mark.slow


def test_two_workers_and_inline_give_the_same_bytes(sample_crawl: Path, tmp_path: Path):
    """One worker does in `test_outside_signals.py`."""
    some = [word for path in sorted(sample_crawl.glob("*.gz"))[:3] for word in ("--input", path)]
    places = {"two": ("--workers", "2"), "none": ("--engine", "inline")}
    for name, where in places.items():
        given = (*some, "--limit", "20", "--output", tmp_path / name, *where)
        succeed("run", "demo", *given, fresh=True)  # each with its own order of sets, too
    expected = contents(tmp_path / "two")
    assert len(expected) > 6
    assert contents(tmp_path / "none") == expected


@pytest.mark.long
def test_the_whole_demo_inline_gives_the_same_bytes(demo_run: Path, tmp_path: Path):
    succeed("demo", "--output", tmp_path / "inline", "--engine", "inline")
    assert contents(tmp_path / "inline") == contents(demo_run)


@pytest.mark.long  # `tests/chaos` kills drivers, too
def test_a_driver_killed_at_five_moments_loses_nothing(demo_run: Path, tmp_path: Path):
    commits = sum(stage["units"] for stage in _manifest(demo_run)["stages"].values())
    moments = sorted(random.Random(20).sample(range(1, commits), 5))
    output = tmp_path / "killed"
    killed = [kill_after_commits(at, output, "demo", "--output", output) for at in moments]
    assert killed == [True] * 5
    assert not (output / "manifest.json").exists()
    succeed("demo", "--output", output)
    assert contents(output) == contents(demo_run)
    assert list((output / "work").iterdir()) == []


def test_a_second_demo_finds_it_done(demo_run: Path):
    before = {path: path.stat().st_mtime_ns for path in demo_run.rglob("*") if path.is_file()}
    printed = succeed("demo", "--output", demo_run)
    assert "Already finished" in printed
    touched = {demo_run / ".lock", demo_run / "events.jsonl"}
    after = {path: path.stat().st_mtime_ns for path in demo_run.rglob("*") if path.is_file()}
    assert {p: t for p, t in after.items() if p not in touched} == {
        p: t for p, t in before.items() if p not in touched
    }


def test_the_summary_names_the_funnel_the_places_and_what_to_type_next(demo_run: Path):
    printed = succeed("demo", "--output", demo_run)
    manifest = _manifest(demo_run)
    for row in manifest["funnel"]:
        if row["pages"] and row["status"] != "kept":
            assert row["rule"] in printed
    assert f"{manifest['rows']:,}" in printed
    for folder in ("dataset", "tokens", "ledger", "documents"):
        assert str(demo_run / folder) in printed
    commands = printed.partition("Next:")[2].strip().splitlines()
    assert len(commands) == 3
    for command in commands[:2]:
        assert succeed(*command.split()[1:])


def test_the_funnel_adds_up(demo_run: Path):
    manifest = _manifest(demo_run)
    assert sum(row["pages"] for row in manifest["funnel"]) == manifest["pages"]
    ledger = ds.dataset(demo_run / "ledger").to_table()
    assert ledger.num_rows == manifest["pages"]
    for row in manifest["funnel"]:
        found = ledger.filter(
            (ds.field("status") == row["status"])
            & (
                ds.field("rule").is_null()
                if row["status"] == "kept"
                else (ds.field("rule") == row["rule"]) & (ds.field("stage") == row["stage"])
            )
        )
        assert found.num_rows == row["pages"], row
        assert sum(found["token_count"].drop_null().to_pylist()) == row["tokens"], row


def test_another_driver_in_the_same_folder_is_refused(demo_run: Path):
    import fcntl

    with (demo_run / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        refused = cuvee("demo", "--output", demo_run)
    assert refused.returncode == 2
    assert "another cuvee is working in this folder" in refused.stderr


def _manifest(root: Path) -> dict:
    return json.loads((root / "manifest.json").read_text())
