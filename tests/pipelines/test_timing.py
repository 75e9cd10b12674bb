"""Where a unit's time goes: the clock that books it, and the sums over units."""

import time

import pytest

from pipelines.timing import STEPS, StepClock, add_up, by_step, peak_memory


def busy(seconds: float) -> None:
    """Use the processor for so long."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_time_is_booked_on_the_step_that_ends():
    clock = StepClock()
    busy(0.03)
    clock.lap("extract", 7)
    time.sleep(0.03)
    clock.lap("write")
    busy(0.01)
    clock.lap("extract", 5)
    spent = clock.read()
    assert list(spent) == ["extract", "write"]  # the others were not taken
    assert 0.04 <= spent["extract"]["cpu_seconds"] < 0.07
    assert spent["extract"]["bytes"] == 12
    assert spent["write"]["cpu_seconds"] < 0.02 < spent["write"]["wall_seconds"]


def test_nothing_is_lost_between_two_laps():
    clock = StepClock()
    began = time.thread_time()
    for step in STEPS * 20:
        busy(0.0002)
        clock.lap(step)
    took = time.thread_time() - began
    booked = sum(figures["cpu_seconds"] for figures in clock.read().values())
    assert booked == pytest.approx(took, rel=0.05)


def test_beginning_again_forgets():
    clock = StepClock()
    busy(0.02)
    clock.lap("read", 3)
    busy(0.02)
    clock.restart()
    clock.lap("url")
    spent = clock.read()
    assert list(spent) == ["url"]
    assert spent["url"]["cpu_seconds"] < 0.01


def test_a_step_that_nobody_knows_is_an_error():
    with pytest.raises(KeyError):
        StepClock().lap("extrakt")


def test_units_add_up_by_step():
    one = {"read": {"cpu_seconds": 1.0, "wall_seconds": 2.0, "bytes": 3}}
    two = {
        "read": {"cpu_seconds": 0.5, "wall_seconds": 0.25, "bytes": 4},
        "url": {"cpu_seconds": 9.0, "wall_seconds": 9.0, "bytes": 0},
    }
    assert add_up([one, two]) == {
        "read": {"cpu_seconds": 1.5, "wall_seconds": 2.25, "bytes": 7},
        "url": {"cpu_seconds": 9.0, "wall_seconds": 9.0, "bytes": 0},
    }
    assert one["read"]["bytes"] == 3
    assert add_up([]) == {}


def test_what_a_stage_spends_beyond_its_steps_has_a_row_of_its_own():
    stages = {
        "curate": {"cpu_seconds": 5.0, "steps": {"read": {"cpu_seconds": 1.0},
                                                 "extract": {"cpu_seconds": 3.0}}},
        "settle": {"cpu_seconds": 2.0},
        "plan": {},
    }  # fmt: skip
    assert by_step(stages) == {
        "read": 1.0, "extract": 3.0, "rest of curate": 1.0, "settle": 2.0, "plan": 0.0,
    }  # fmt: skip


def test_clocks_that_disagree_leave_no_debt():
    stages = {"curate": {"cpu_seconds": 1.0, "steps": {"read": {"cpu_seconds": 1.1}}}}
    assert by_step(stages)["rest of curate"] == 0.0


def test_memory_is_in_bytes_and_never_falls():
    before = peak_memory()
    assert before > 10 << 20
    held = bytearray(before + (8 << 20))
    after = peak_memory()
    del held
    assert after - before >= 4 << 20
    assert peak_memory() >= after
