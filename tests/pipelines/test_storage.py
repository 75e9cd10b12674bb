"""What a reader of a run directory may rely on, whatever happens to its writers."""

import errno
import json
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from filters.errors import UsageError, WorkError
from pipelines.driver import Driver
from pipelines.execute import InlineEngine, Task, perform
from pipelines.files import remove_unnamed, write_whole
from pipelines.storage import Attempt, Commit, CommitLog
from pipelines.tables import TableWriter
from tests.pipelines.disk import fill_up, remount
from tests.pipelines.units import Listener


def attempt_at(root: Path, files: dict[str, str], fingerprint: str = "f") -> Commit:
    """Write and place files as a unit does, and return the record that is not published yet."""
    attempt = Attempt(root, "stage", "unit")
    for final, content in files.items():
        attempt.path(final).write_text(content)
        attempt.add(final, rows=len(content))
    commit = Commit("stage", "unit", fingerprint, attempt.seal())
    attempt.place()
    attempt.close()
    return commit


def files_below(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_before_the_commit_nothing_is_to_be_seen(tmp_path):
    log = CommitLog(tmp_path)
    attempt = Attempt(tmp_path, "stage", "unit")
    attempt.path("out/a.txt").write_text("half")
    attempt.add("out/a.txt", rows=1)
    assert not (tmp_path / "out").exists()
    commit = Commit("stage", "unit", "f", attempt.seal())
    assert not (tmp_path / "out").exists()
    attempt.place()
    assert log.get("stage", "unit") is None
    assert log.commits("stage") == {}

    log.publish(commit)

    assert log.get("stage", "unit") == commit
    assert log.commits("stage") == {"unit": commit}
    assert (tmp_path / "out/a.txt").read_text() == "half"


def test_a_record_says_what_the_file_is(tmp_path):
    (file,) = attempt_at(tmp_path, {"out/a.txt": "four"}).files
    assert (file.path, file.rows, file.bytes) == ("out/a.txt", 4, 4)
    # sha256 of the four letters, computed with another tool
    assert file.sha256 == "04efaf080f5a3e74e1c29d1ca6a48569382cbbcd324e8d59d2b83ef21c039f00"


def test_the_first_record_wins_and_only_the_losers_own_files_go(tmp_path):
    log = CommitLog(tmp_path)
    winner = log.publish(attempt_at(tmp_path, {"out/both.txt": "1", "out/winner.txt": "1"}))
    loser = attempt_at(tmp_path, {"out/both.txt": "1", "out/loser.txt": "2"})

    assert log.publish(loser) == winner

    assert log.get("stage", "unit") == winner
    assert files_below(tmp_path / "out") == {"both.txt", "winner.txt"}
    assert files_below(tmp_path / "commits") == {"stage/unit.json"}


def test_units_of_a_stage_come_in_order_and_others_do_not(tmp_path):
    log = CommitLog(tmp_path)
    for unit in ("b/1", "a/2", "a/1"):
        log.publish(Commit("stage", unit, "f", ()))
    log.publish(Commit("other", "a/0", "f", ()))
    assert list(log.commits("stage")) == ["a/1", "a/2", "b/1"]
    assert log.get("stage", "a/2") == Commit("stage", "a/2", "f", ())


def write_letters(attempt: Attempt, letters: str) -> dict[str, int]:
    attempt.path("out/unit.txt").write_text(letters)
    attempt.add("out/unit.txt", rows=len(letters))
    return {"letters": len(letters)}


def task_for(letters: str) -> Task:
    return Task("stage", "unit", f"fingerprint of {letters}", write_letters, letters)


def test_a_late_writer_of_an_earlier_recipe_does_not_win(tmp_path):
    """It began before the recipe changed, and comes back when the new unit is committed."""
    ended: list[BaseException | Commit] = []

    def late(attempt: Attempt, letters: str) -> dict[str, int]:
        driver = Driver(tmp_path, InlineEngine(), Listener())
        ended.append(driver.run("stage", [task_for("newer")])["unit"])
        return write_letters(attempt, letters)

    old = replace(task_for("older recipe"), work=late)
    with pytest.raises(WorkError, match="another run"):
        Driver(tmp_path, InlineEngine(), Listener()).run("stage", [old])

    (newer,) = ended
    log = CommitLog(tmp_path)
    assert log.get("stage", "unit") == newer
    assert (tmp_path / "out/unit.txt").read_text() == "newer"
    assert log.is_whole(newer)
    assert files_below(tmp_path / "work") == set()


def test_a_late_writer_takes_no_newer_record_back(tmp_path):
    """What was stale when it began is not what is there when it ends."""
    Driver(tmp_path, InlineEngine(), Listener()).run("stage", [task_for("oldest")])
    test_a_late_writer_of_an_earlier_recipe_does_not_win(tmp_path)


def test_the_record_of_a_late_writer_that_came_between_is_replaced(tmp_path):
    def overtaken(attempt: Attempt, letters: str) -> dict[str, int]:
        log = CommitLog(tmp_path)
        late = attempt_at(tmp_path, {"out/late.txt": "late"}, "an earlier recipe")
        log.publish(late)
        return write_letters(attempt, letters)

    task = replace(task_for("wanted"), work=overtaken)
    commit = Driver(tmp_path, InlineEngine(), Listener()).run("stage", [task])["unit"]

    log = CommitLog(tmp_path)
    assert commit.fingerprint == task.fingerprint
    assert log.get("stage", "unit") == commit
    assert files_below(tmp_path / "out") == {"unit.txt"}


def test_performing_a_committed_unit_again_does_nothing(tmp_path):
    first = perform(tmp_path, task_for("once"))
    stamp = (tmp_path / "out/unit.txt").stat().st_mtime_ns
    assert perform(tmp_path, task_for("once")) == first
    assert (tmp_path / "out/unit.txt").stat().st_mtime_ns == stamp
    assert first.facts == {"letters": 4}


def test_retracting_removes_the_record_before_its_files(tmp_path):
    log = CommitLog(tmp_path)
    commit = log.publish(attempt_at(tmp_path, {"out/a.txt": "a", "out/b.txt": "b"}))
    (tmp_path / "out/b.txt").unlink()
    (tmp_path / "out/b.txt").mkdir()  # cannot be unlinked: the removal of files stops there

    with pytest.raises(OSError):  # noqa: PT011  IsADirectoryError on Linux, another elsewhere
        log.retract(commit)

    assert log.get("stage", "unit") is None
    assert not (tmp_path / "out/a.txt").exists()


def test_a_missing_or_shortened_file_makes_a_record_worthless(tmp_path):
    log = CommitLog(tmp_path)
    commit = log.publish(attempt_at(tmp_path, {"out/a.txt": "letters", "out/b.txt": "more"}))
    assert log.is_whole(commit)
    (tmp_path / "out/a.txt").write_text("letter")
    assert not log.is_whole(commit)
    (tmp_path / "out/a.txt").write_text("letters")
    assert log.is_whole(commit)
    (tmp_path / "out/b.txt").unlink()
    assert not log.is_whole(commit)


def test_a_reader_sees_the_old_content_or_the_new_and_no_part(tmp_path):
    path = tmp_path / "whole.json"
    contents = {b"a" * 300_000, b"b" * 200_000}
    write_whole(path, next(iter(contents)))
    seen: set[bytes] = set()
    finished = threading.Event()

    def read() -> None:
        while not finished.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        for content in contents:
            write_whole(path, content)
    finished.set()
    reader.join()
    assert seen
    assert seen <= contents
    assert files_below(tmp_path) == {"whole.json"}


@pytest.mark.parametrize(
    "written",
    [
        '{"stage": "stage", "unit": "unit"}',
        '{"stage": "stage", "unit": "unit", "fingerprint": "f", "files": [], "colour": "red"}',
        '{"stage": "stage", "unit": "unit", "fingerprint": "f", "files": [{"path": "a"}]}',
        '{"stage": "stage", "unit": "unit", "fingerprint": "f", "files": null}',
        "[1, 2]",
        "7",
        '{"stage": "st',
        "",
    ],
)
def test_a_record_of_another_shape_is_explained(tmp_path, written):
    path = tmp_path / "commits/stage/unit.json"
    path.parent.mkdir(parents=True)
    path.write_text(written)
    with pytest.raises(UsageError) as told:
        CommitLog(tmp_path).get("stage", "unit")
    message = str(told.value)
    assert str(path) in message
    assert "--output" in message
    assert len(message.splitlines()) <= 3


def test_what_no_commit_names_is_removed_and_nothing_else(tmp_path):
    for name in ("ledger/a", "ledger/deep/b", "ledger/deep/empty/c", "recipe.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    removed = remove_unnamed(tmp_path, ("ledger", "absent"), {"ledger/deep/b"})
    assert removed == 2
    assert files_below(tmp_path) == {"ledger/deep/b", "recipe.yaml"}
    assert not (tmp_path / "ledger/deep/empty").exists()


NUMBERS = pa.schema([pa.field("number", pa.int64())])


def write_table(attempt: Attempt, rows: int) -> dict[str, int]:
    """Write numbers that do not compress, 8 bytes each."""
    final = f"out/{rows}.parquet"
    with TableWriter(attempt, final, NUMBERS, use_dictionary=False) as writer:
        for number in range(rows):
            writer.add({"number": number * 0x9E3779B97F4A7C15 % 2**62})
    return {}


def write_bytes(attempt: Attempt, size: int) -> dict[str, int]:
    attempt.path(f"out/{size}.bin").write_bytes(bytes(size))
    attempt.add(f"out/{size}.bin", rows=1)
    return {}


@pytest.mark.parametrize(("work", "fits", "fills"), [(write_table, 10, 600_000),
                                                    (write_bytes, 10, 3_000_000)])  # fmt: skip
def test_a_full_disk_is_named_and_keeps_what_was_committed(mounted, work, fits, fills):
    tasks = [Task("stage", str(size), "f", work, size) for size in (fits, fills)]
    with pytest.raises(WorkError, match="the disk is full") as told:
        Driver(mounted, InlineEngine(), Listener()).run("stage", tasks)
    assert len(str(told.value).splitlines()) <= 3

    log = CommitLog(mounted)
    assert list(log.commits("stage")) == [str(fits)]
    assert log.is_whole(log.commits("stage")[str(fits)])
    assert list((mounted / "work").iterdir()) == []
    assert len(files_below(mounted / "out")) == 1


def test_a_disk_too_full_for_the_record_keeps_no_part_of_it(mounted):
    """Filled to the last page: the record itself cannot be written."""
    log = CommitLog(mounted)
    (mounted / "commits/stage").mkdir(parents=True)
    fill_up(mounted / "filler")
    with pytest.raises(OSError) as told:  # noqa: PT011  the number says which
        log.publish(Commit("stage", "unit", "f", (), facts={"long": "x" * 10_000}))
    assert told.value.errno == errno.ENOSPC
    assert files_below(mounted) == {"filler"}
    with pytest.raises(WorkError, match="the disk is full"):
        write_whole(mounted / "manifest.json", b"x" * 10_000)
    assert files_below(mounted) == {"filler"}


def test_a_read_only_disk_is_named(mounted):
    remount(mounted, "ro")
    for act in (
        lambda: write_whole(mounted / "recipe.yaml", b"recipe: x"),
        lambda: Attempt(mounted, "stage", "unit"),
    ):
        with pytest.raises(WorkError, match="read-only") as told:
            act()
        assert "--output" in str(told.value)
        assert len(str(told.value).splitlines()) <= 3


def test_a_forgotten_stage_leaves_nothing(tmp_path):
    log = CommitLog(tmp_path)
    log.plan("stage", {"unit": "f"})
    log.plan("other", {"unit": "f"})
    log.set_aside("stage", {"lost": "ValueError: no"})
    log.publish(attempt_at(tmp_path, {"out/a.txt": "a"}))
    log.publish(Commit("other", "unit", "f", ()))
    log.forget("stage")
    log.forget("never there")
    assert list(log.progress()) == ["other"]
    assert log.commits("stage") == {}
    assert not (tmp_path / "out/a.txt").exists()
    assert len(log.commits("other")) == 1


def test_plans_and_failures_are_told_in_the_order_of_running(tmp_path):
    log = CommitLog(tmp_path)
    plan = log.plan("curate", {"x": "a", "y": "b"})
    log.plan("settle", {"z": "c"})
    assert log.is_planned("curate", plan)
    assert not log.is_planned("settle", plan)
    assert not log.is_planned("absent", plan)
    log.publish(Commit("curate", "x", "a", ()))
    log.set_aside("curate", {"y": "ValueError: no"})
    assert log.progress() == {
        "curate": {"units": 2, "done": 1, "failed": {"y": "ValueError: no"}},
        "settle": {"units": 1, "done": 0, "failed": {}},
    }
    log.set_aside("curate", {})
    assert log.progress()["curate"]["failed"] == {}
    assert json.loads((tmp_path / "commits/failed.json").read_bytes()) == {"curate": {}}
