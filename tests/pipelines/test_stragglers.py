"""When a unit under way is given to a second worker; the clock is moved by hand."""

import itertools
from dataclasses import dataclass

import pytest

from filters.errors import UsageError
from pipelines.stragglers import Stragglers


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def watching(least: float = 10) -> tuple[Stragglers, Clock]:
    clock = Clock()
    return Stragglers(least, clock), clock


def test_nobody_is_given_away_while_all_slots_are_in_use():
    stragglers, clock = watching()
    for clock.now in (0, 1000, 100_000):
        assert stragglers.due(["a", "b", "c"], slots=2) == []
        assert stragglers.due(["a", "b"], slots=2) == []


def test_who_waited_for_a_slot_is_not_taken_for_slow():
    stragglers, clock = watching()
    stragglers.due(["a", "b"], slots=2)
    clock.now = 1000
    assert stragglers.due(["a"], slots=2) == []
    clock.now += 9
    assert stragglers.due(["a"], slots=2) == []
    clock.now += 2
    assert stragglers.due(["a"], slots=2) == ["a"]


def test_patience_is_three_times_the_longest_unit():
    stragglers, clock = watching()
    stragglers.took(100)
    stragglers.took(2)
    assert stragglers.due(["a"], slots=2) == []
    clock.now = 299
    assert stragglers.due(["a"], slots=2) == []
    clock.now = 301
    assert stragglers.due(["a"], slots=2) == ["a"]


def test_only_free_slots_are_used():
    stragglers, clock = watching()
    assert stragglers.due(["a", "b", "c"], slots=5) == []
    clock.now = 11
    assert stragglers.due(["a", "b", "c"], slots=5) == ["a", "b"]
    assert stragglers.due(["a", "b", "c", "a", "b"], slots=5) == []
    assert stragglers.due(["a", "b", "c", "a", "b"], slots=6) == ["c"]


def test_each_copy_has_to_wait_longer_and_there_are_three_at_most():
    stragglers, clock = watching()
    given = []
    for clock.now in itertools.chain(range(200), (10_000, 100_000)):
        given += [clock.now] * len(stragglers.due(["a"], slots=8))
    assert given == [11, 32, 73]


def test_the_environment_says_how_long(monkeypatch):
    monkeypatch.setenv("CUVEE_STRAGGLER_SECONDS", "2.5")
    assert Stragglers().least == 2.5
    monkeypatch.delenv("CUVEE_STRAGGLER_SECONDS")
    assert Stragglers().least == 600
    monkeypatch.setenv("CUVEE_STRAGGLER_SECONDS", "soon")
    with pytest.raises(UsageError, match="CUVEE_STRAGGLER_SECONDS is 'soon'"):
        Stragglers()
