"""What a run says while it works: one vocabulary for the screen, JSON lines and `events.jsonl`."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest
from rich.console import Console

from filters.errors import QuarantineError, WorkError
from pipelines import event_log, events
from pipelines.bucket.path import run_folder
from pipelines.driver import Driver
from pipelines.event_log import Recorder
from pipelines.events import RunFailed, RunStarted, Said, StageDone, StageStarted, UnitDone, silent
from pipelines.execute import InlineEngine
from pipelines.progress import RunProgress
from pipelines.storage import Commit
from tests.command import commit_count, cuvee, kill_after_commits, shell
from tests.pipelines.hosts import Host
from tests.pipelines.small_run import RECIPE, Finished, do_run
from tests.pipelines.units import Listener, raise_always, raise_once, task

ROOT = Path(__file__).parent.parent.parent
DOC = (ROOT / "docs/logs.md").read_text()
STARTED = RunStarted("small", "digest", "runs/mine", 1, 10, "inline", "0")
Told = Mapping[str, Any]


def read(path: Path) -> list[Told]:
    """Read a log of which every line must be whole."""
    written = path.read_text()
    assert written.endswith("\n")
    return [json.loads(line) for line in written.splitlines()]


def names(told: list[Told]) -> list[str]:
    return [event["event"] for event in told]


def test_a_run_tells_its_story(base: Finished):
    told = read(base.root / "events.jsonl")
    assert (told[0]["event"], told[-1]["event"]) == ("run_started", "run_finished")
    assert told[0]["files"] == 2
    counts = Counter(names(told))
    assert counts["unit_done"] == commit_count(base.root)
    assert counts["stage_started"] == counts["stage_done"] > 5
    manifest = json.loads((base.root / "manifest.json").read_bytes())
    assert {name: told[-1][name] for name in ("pages", "rows", "tokens")} == {
        name: manifest[name] for name in ("pages", "rows", "tokens")
    }
    curated = [event for event in told if event.get("stage") == "curate" and "unit" in event]
    assert sum(event["pages"] for event in curated) == manifest["pages"]
    assert all(event["cpu_seconds"] > 0 and event["written_bytes"] > 0 for event in curated)
    assert "events.jsonl" not in json.dumps(manifest)
    times = [datetime.fromisoformat(event["time"]) for event in told]
    assert times == sorted(times)
    assert all(time.utcoffset() == timedelta() for time in times)
    assert abs(times[0] - datetime.now(UTC)) < timedelta(hours=1)


def test_a_resume_is_added_and_a_torn_line_goes(base: Finished, small_crawl: Path, tmp_path: Path):
    root = base.copy(tmp_path / "run")
    log = root / "events.jsonl"
    before = log.read_bytes()
    log.write_bytes(before + b'{"time":"2026-01-01T00:00:00.000Z","event":"unit_d')
    assert not do_run(RECIPE, small_crawl, root).did_work
    assert log.read_bytes().startswith(before)
    added = read(log)[before.count(b"\n") :]
    assert names(added) == ["run_started", "run_finished"]
    assert added[-1]["did_work"] is False


@pytest.mark.parametrize(
    "left", [b"", b"torn", b"torn" * 50_000, b"whole\n", b"whole\n" + b"x" * 200_000]
)
def test_only_what_is_torn_is_cut(left: bytes, tmp_path: Path):
    (tmp_path / event_log.NAME).write_bytes(left)
    with Recorder(silent).writing(tmp_path, STARTED):
        pass
    written = (tmp_path / event_log.NAME).read_bytes()
    assert written.startswith(b"whole\n{" if left.startswith(b"whole") else b"{")
    assert written.count(b"\n") == 1 + left.count(b"\n")


def test_a_killed_driver_leaves_whole_lines_and_the_next_goes_on(small_crawl: Path, tmp_path: Path):
    root, recipe = tmp_path / "run", tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    wanted = ("run", recipe, "--input", small_crawl, "--output", root, "--limit", "30")
    assert kill_after_commits(3, root, *wanted, "--engine", "inline")
    killed = read(root / "events.jsonl")
    assert names(killed)[0] == "run_started"
    assert "run_failed" not in names(killed)
    done = names(killed).count("unit_done")
    do_run(RECIPE, small_crawl, root)
    added = read(root / "events.jsonl")[len(killed) :]
    assert (names(added)[0], names(added)[-1]) == ("run_started", "run_finished")
    found = sum(event["done"] for event in added if event["event"] == "stage_started")
    assert found in (done, done + 1)  # it may have been killed before it wrote of its last commit
    assert found + names(added).count("unit_done") == commit_count(root)


def test_an_error_is_the_last_event_and_is_raised(tmp_path: Path):
    heard = Listener()
    recorder = Recorder(heard)
    recorder(Said("before there was a folder"))
    with pytest.raises(WorkError, match="no more"), recorder.writing(tmp_path, STARTED):
        raise WorkError("https://me:secret@host/x?token=secret says\nno more")
    told = read(tmp_path / "events.jsonl")
    assert names(told) == ["run_started", "said", "run_failed"]
    assert told[-1]["reason"] == "https://host/x says\nno more"
    assert told[-1]["exit_code"] == 1
    assert isinstance(heard.events[-1], RunFailed)
    with pytest.raises(KeyboardInterrupt), Recorder(silent).writing(tmp_path, STARTED):
        raise KeyboardInterrupt
    assert read(tmp_path / "events.jsonl")[-1]["exit_code"] == 130


def fill_up(folder: Path) -> None:
    """Leave no room, and end in an error that has no room either."""
    with suppress(OSError), (folder / "fill").open("wb") as stream:
        stream.write(bytes(1 << 22))
    raise WorkError("the first error " * 1000)


def test_a_full_disk_is_told_in_the_first_errors_words(mounted: Path):
    recorder = Recorder(silent)
    with pytest.raises(WorkError, match="first") as raised, recorder.writing(mounted, STARTED):
        fill_up(mounted)
    assert raised.value.__notes__ == ["events.jsonl: [Errno 28] No space left on device"]
    (mounted / "fill").unlink()
    with Recorder(silent).writing(mounted, STARTED):
        pass
    assert set(names(read(mounted / "events.jsonl"))) == {"run_started"}


def test_tries_are_told(tmp_path: Path):
    heard = Listener()
    driver = Driver(tmp_path, InlineEngine(), heard)
    with pytest.raises(QuarantineError):
        driver.run("stage", [task("a", raise_once), task("b", raise_always)])
    told = [json.loads(events.line_of(event)) for event in heard.events]
    assert Counter(names(told)) == {
        "stage_started": 1, "unit_retry": 2, "unit_done": 1, "unit_failed": 1,
    }  # fmt: skip
    (failed,) = [event for event in told if event["event"] == "unit_failed"]
    assert (failed["unit"], failed["reason"]) == ("b", "ValueError: b cannot be done")


def test_on_s3_lines_are_sent_together(s3_host: Host, monkeypatch: pytest.MonkeyPatch):
    del s3_host
    root = run_folder("s3://runs/logged/run")
    for part in range(2):
        recorder = Recorder(silent)
        with recorder.writing(root, STARTED):
            for number in range(3):
                recorder(Said(f"{part} {number}"))
            with monkeypatch.context() as patched:
                patched.setattr(event_log, "_EVERY_SECONDS", 0.0)
                recorder(Said(f"{part} 3"))
            recorder(Said(f"{part} 4"))
    objects = sorted((root / "events.jsonl").glob("*.jsonl"), key=str)
    told = [[json.loads(line) for line in path.read_bytes().splitlines()] for path in objects]
    assert [event["line"] for lines in told for event in lines if event["event"] == "said"] == [
        f"{part} {number}" for part in range(2) for number in range(5)
    ]
    assert len(told) == 6


def test_the_command_says_json_lines_and_the_result_alone_on_stdout(
    small_crawl: Path, tmp_path: Path
):
    root, recipe = tmp_path / "run", tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    wanted = ("run", recipe, "--input", small_crawl, "--output", root, "--engine", "inline")
    done = cuvee(*wanted, "--limit", "30", "--json", "--log-json")
    assert json.loads(done.stdout)["pages"] > 0
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert told == read(root / "events.jsonl") or names(told) == names(read(root / "events.jsonl"))
    bad = cuvee(*wanted, "--set", "no_such_rule=3", "--log-json")
    assert bad.returncode == 2
    (said,) = [json.loads(line) for line in bad.stderr.splitlines()]
    assert (said["event"], said["exit_code"]) == ("run_failed", 2)
    assert "no_such_rule" in said["reason"]


def test_other_commands_say_the_same(base: Finished, small_crawl: Path, tmp_path: Path):
    checked = cuvee("dedup-check", base.root, "--sample", "3", "--json", "--log-json")
    told = [json.loads(line) for line in checked.stderr.splitlines()]
    stages = [event["stage"] for event in told if event["event"] == "stage_done"]
    assert stages == ["real", "plant", "join"]
    assert "stage_progress" in names(told)
    assert json.loads(checked.stdout)["run"]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    planned = cuvee(
        "plan", recipe, "--input", small_crawl / "b.warc.gz", "--engine", "inline", "--log-json"
    )
    assert planned.returncode == 0, planned.stderr
    told = [json.loads(line) for line in planned.stderr.splitlines()]
    assert "stage_done" in names(told)


def shown(events_: list[events.Event], clock: list[float], *, terminal: bool = False) -> str:
    console = Console(file=StringIO(), width=160, force_terminal=terminal, highlight=False)
    progress = RunProgress(console, lambda: clock.pop(0) if len(clock) > 1 else clock[0])
    for event in events_:
        progress(event)
    progress.close()
    return console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def unit(number: int) -> UnitDone:
    return UnitDone(Commit("curate", str(number), "", (), {"pages": 10, "kept": 5}))


def test_a_log_hears_of_stages_and_of_what_takes_long():
    told = [
        STARTED,
        StageStarted("curate", 3),
        *(unit(number) for number in range(3)),
        StageDone("curate", 3, 0, 40.0),
    ]
    moment = [0.0]
    console = Console(file=StringIO(), width=160, highlight=False)
    progress = RunProgress(console, lambda: moment[0])
    for seconds, event in zip((0.5, 4, 10, 39, 41, 44), told, strict=True):
        moment[0] = seconds
        progress(event)
    lines = [re.sub(" +", " ", line) for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert lines == [
        "start start the engine 4.0 s",
        "curate gate, extract, filter 2 of 3 unit(s), 20 pages, 1 pages/s, 50% kept, 35.0 s",
        "curate gate, extract, filter 3 unit(s), 30 pages, 1 pages/s, 50% kept, 40.0 s",
    ]


def test_a_terminal_shows_a_bar_and_no_name_steers_it():
    told = [STARTED, StageStarted("curate", 3), unit(1), Said("a\x1b[31mb"), unit(2)]
    drawn = shown(told, [0.0], terminal=True)
    assert "starting (inline)" in drawn
    assert "━" in drawn
    assert "2/3" in drawn
    assert "a·[31mb" in drawn


def test_every_event_is_documented_with_its_fields(base: Finished):
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", DOC, re.MULTILINE))
    assert set(rows) == {kind.name for kind in get_args(events.Event)}
    unit_done = events.UnitDone
    for kind in get_args(events.Event):
        if kind is not unit_done:
            assert re.findall(r"`(\w+)`", rows[kind.name]) == [field.name for field in fields(kind)]
    wanted = re.findall(r"`(\w+)`", rows["unit_done"])
    told = [event for event in read(base.root / "events.jsonl") if event["event"] == "unit_done"]
    assert {name for event in told for name in event} - {"time", "event"} == set(wanted)


@pytest.mark.slow
def test_the_commands_of_the_document_work(desk: Path, tmp_path: Path):
    place = tmp_path / "desk"
    shutil.copytree(desk / "crawl", place / "crawl", symlinks=True)
    (block, query) = re.findall(r"```sh\n(.*?)```", DOC, re.DOTALL)
    for command in [*block.splitlines(), *query.splitlines()]:
        shorter = command.replace("run demo", "run demo --engine inline --limit 20")
        assert shell(shorter, place).strip()
    assert "curate" in shell(query.splitlines()[-1], place)
    assert names(read(place / "log.jsonl")) == ["run_started", "run_finished"]
