"""One suite for every engine: whatever runs the units, the driver keeps the same promises."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from filters.errors import UsageError, WorkError
from pipelines.driver import Driver
from pipelines.execute import Engine, InlineEngine, RayEngine, Task, open_engine
from pipelines.storage import Commit, CommitLog
from tests.pipelines import units
from tests.pipelines.units import Listener, calls_of, task, tasks

MIB = 1 << 20
NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def ray_engine() -> Iterator[Engine]:
    """Ray, embedded in this process, with two slots."""
    from ray import cloudpickle

    # Workers cannot import a module of the tests.
    cloudpickle.register_pickle_by_value(units)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with open_engine("ray", workers=2, address=None) as engine:
            yield engine


@pytest.fixture(params=["inline", "ray"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return InlineEngine() if request.param == "inline" else request.getfixturevalue("ray_engine")


def drive(root: Path, engine: Engine, wanted: list[Task], **options: int) -> dict[str, Commit]:
    return Driver(root, engine, Listener(), **options).run("stage", wanted)


def no_attempt_is_left(root: Path) -> bool:
    return list((root / "work").iterdir()) == []


# First of all, while no Ray runs in this process.
def test_no_ray_to_join_is_explained(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "not an address")
    with (
        pytest.raises(UsageError, match="no Ray could be reached") as told,
        open_engine("ray", workers=None, address=None),
    ):
        pass
    assert "RAY_ADDRESS" in str(told.value)
    assert len(str(told.value).splitlines()) <= 3


def test_more_memory_than_there_is_is_refused_at_once(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with (
        pytest.raises(UsageError, match="memory_per_worker: 1000000000000 bytes") as told,
        open_engine("ray", workers=1, address=None, memory=10**12),
    ):
        pass
    assert len(str(told.value).splitlines()) <= 3


def test_every_unit_commits_and_results_come_in_order(tmp_path, engine):
    listener = Listener()
    done = Driver(tmp_path, engine, listener).run("stage", tasks(NAMES[::-1]))
    assert list(done) == list(NAMES[::-1])
    assert CommitLog(tmp_path).commits("stage") == done
    assert {(tmp_path / f"out/{name}").read_text() for name in NAMES} == set(NAMES)
    assert listener.told[0] == "stage: 5 units, 0 done"
    assert sorted(listener.told[1:-1]) == list(NAMES)
    assert listener.told[-1] == "stage ended"
    assert no_attempt_is_left(tmp_path)


def test_a_second_run_does_nothing(tmp_path, engine):
    first = drive(tmp_path, engine, tasks(NAMES))
    assert drive(tmp_path, engine, tasks(NAMES)) == first
    assert [calls_of(tmp_path, name) for name in NAMES] == [1] * 5


def test_only_the_unit_whose_fingerprint_changed_is_done_again(tmp_path, engine):
    drive(tmp_path, engine, tasks(NAMES))
    changed = [*tasks("abd"), task("c", fingerprint="other"), task("e")]
    done = drive(tmp_path, engine, changed)
    assert list(done) == list("abdce")
    assert done["c"].fingerprint == "other"
    assert [calls_of(tmp_path, name) for name in NAMES] == [1, 1, 2, 1, 1]


def test_a_unit_that_lost_a_file_is_done_again(tmp_path, engine):
    drive(tmp_path, engine, tasks(NAMES))
    (tmp_path / "out/b").unlink()
    (tmp_path / "out/d").write_text("")
    drive(tmp_path, engine, tasks(NAMES))
    assert [calls_of(tmp_path, name) for name in NAMES] == [1, 2, 1, 2, 1]
    assert (tmp_path / "out/b").read_text() == "b"
    assert (tmp_path / "out/d").read_text() == "d"


def test_a_unit_that_is_no_more_is_taken_back(tmp_path, engine):
    drive(tmp_path, engine, tasks(NAMES))
    drive(tmp_path, engine, tasks("ab"))
    assert list(CommitLog(tmp_path).commits("stage")) == ["a", "b"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b"]


def test_a_unit_that_raises_once_is_tried_again(tmp_path, engine):
    done = drive(tmp_path, engine, [task("a"), task("b", units.raise_once), task("c")])
    assert list(done) == ["a", "b", "c"]
    assert calls_of(tmp_path, "b") == 2
    assert CommitLog(tmp_path).progress()["stage"]["failed"] == {}
    assert no_attempt_is_left(tmp_path)


def test_a_unit_that_always_raises_is_set_aside_and_named(tmp_path, engine):
    wanted = [task("a"), task("b", units.raise_always), task("c")]
    with pytest.raises(WorkError) as told:
        drive(tmp_path, engine, wanted)
    first, *rest = str(told.value).splitlines()
    assert first == ("stage: 1 unit(s) failed, the first is b: ValueError: b cannot be done")
    assert len(rest) <= 2
    assert calls_of(tmp_path, "b") == 2
    log = CommitLog(tmp_path)
    assert list(log.commits("stage")) == ["a", "c"]
    reason = "ValueError: b cannot be done"
    assert log.progress()["stage"] == {"units": 3, "done": 2, "failed": {"b": reason}}
    assert no_attempt_is_left(tmp_path)

    done = drive(tmp_path, engine, tasks("abc"))  # mended
    assert list(done) == ["a", "b", "c"]
    assert log.progress()["stage"]["failed"] == {}
    assert [calls_of(tmp_path, name) for name in "abc"] == [1, 3, 1]


def test_as_many_units_may_fail_as_the_recipe_allows(tmp_path, engine):
    wanted = [task("a", units.raise_always), task("b"), task("c", units.raise_always)]
    done = drive(tmp_path, engine, wanted, max_failed_units=2)
    assert list(done) == ["b"]
    assert sorted(CommitLog(tmp_path).progress()["stage"]["failed"]) == ["a", "c"]
    with pytest.raises(WorkError, match="2 unit"):
        drive(tmp_path, engine, wanted, max_failed_units=1)


def test_wrong_use_ends_the_run_at_once(tmp_path, engine):
    many = [task(f"u{number:02d}", units.write_slowly) for number in range(30)]
    with pytest.raises(UsageError) as told:
        drive(tmp_path, engine, [task("a", units.refuse), *many])
    assert str(told.value) == "the recipe is wrong.\n  Mend it."
    assert calls_of(tmp_path, "a") == 1
    # What was under way may end; nothing new is begun.
    assert sum(calls_of(tmp_path, item.unit) for item in many) <= engine.slots * 3


def test_units_are_drawn_as_slots_become_free(tmp_path, engine):
    drawn = 0

    def endless() -> Iterator[Task]:
        nonlocal drawn
        for number in itertools.count():
            drawn += 1
            yield task(f"u{number:03d}")

    for ended, (_, outcome) in enumerate(engine.run(tmp_path, endless())):
        assert isinstance(outcome, Commit)
        assert drawn - ended <= engine.slots * 3
        if ended == 15:
            break
    # More than one per slot, so that no slot waits for the driver.
    assert drawn - 15 >= engine.slots


def test_the_inline_engine_works_in_this_process(tmp_path):
    done = drive(tmp_path, InlineEngine(), tasks("ab"))
    assert {commit.facts["pid"] for commit in done.values()} == {os.getpid()}


def test_ray_works_in_processes_of_its_own(tmp_path, ray_engine):
    assert ray_engine.slots == 2
    done = drive(tmp_path, ray_engine, [task(name, units.write_slowly) for name in NAMES])
    assert os.getpid() not in {commit.facts["pid"] for commit in done.values()}


def test_a_worker_that_has_grown_makes_way_after_its_unit(tmp_path, ray_engine):
    few, listener = RayEngine(2, 256 * MIB), Listener()
    grow = [task(name, units.grow) for name in NAMES]
    done = Driver(tmp_path, few, listener).run("stage", grow)
    assert len({commit.facts["pid"] for commit in done.values()}) == len(NAMES)
    assert [calls_of(tmp_path, name) for name in NAMES] == [1] * 5
    assert sorted(listener.told[1:-1]) == list(NAMES)
    assert CommitLog(tmp_path).progress()["stage"]["failed"] == {}
    assert no_attempt_is_left(tmp_path)
    small = drive(
        tmp_path / "other", ray_engine, [task(name, units.write_slowly) for name in NAMES]
    )
    assert len({commit.facts["pid"] for commit in small.values()}) < len(NAMES)


def test_a_unit_whose_worker_dies_once_is_tried_again(tmp_path, ray_engine):
    done = drive(tmp_path, ray_engine, [task("a"), task("b", units.die_once), task("c")])
    assert list(done) == ["a", "b", "c"]
    assert calls_of(tmp_path, "b") == 2
    assert (tmp_path / "out/b").read_text() == "b"


def test_a_unit_whose_worker_always_dies_is_set_aside_after_five_tries(tmp_path, ray_engine):
    with pytest.raises(WorkError, match="failed, the first is b: ") as told:
        drive(tmp_path, ray_engine, [task("a"), task("b", units.die_always), task("c")])
    assert len(str(told.value).splitlines()) <= 3
    assert calls_of(tmp_path, "b") == 5
    assert list(CommitLog(tmp_path).commits("stage")) == ["a", "c"]


def test_a_lost_worker_does_not_use_up_the_try_of_an_error(tmp_path, ray_engine):
    assert list(drive(tmp_path, ray_engine, [task("a", units.die_and_raise)])) == ["a"]
    assert calls_of(tmp_path, "a") == 3
