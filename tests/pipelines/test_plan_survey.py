"""Samples and the intervals drawn from them, on numbers whose totals are known."""

import random
from collections.abc import Iterator, Sequence

import pytest

from pipelines.plan.survey import (
    Estimate,
    Seen,
    Stratum,
    Survey,
    Unit,
    draw,
    estimate,
    stratify,
    student_t,
)


def made_units(count: int, seed: int, spread: float = 0.5) -> list[Unit]:
    chance = random.Random(seed)
    return [
        Unit(number, f"dump {number % 3}", chance.lognormvariate(0, spread))
        for number in range(count)
    ]


def surveyed(
    units: Sequence[Unit], values: Sequence[float], draws: int, seed: int
) -> tuple[Survey, list[float]]:
    strata = stratify(units, draws)
    drawn = [(at, unit) for at, some in enumerate(draw(strata, draws, seed)) for unit in some]
    sizes = tuple(Stratum(len(some), sum(unit.size for unit in some)) for some in strata)
    seen = tuple(Seen(at, unit.size, 1.0) for at, unit in drawn)
    return Survey(sizes, seen), [values[unit.number] for _, unit in drawn]


def surveys(count: int, draws: int, *, alike: bool = False) -> Iterator[tuple[Estimate, float]]:
    """Estimates beside the truth, of populations whose units differ from what their size says."""
    for seed in range(500):
        chance = random.Random(f"values {seed}")
        units = made_units(count, seed)
        values = [0.1 * unit.size * max(1 + chance.gauss(0, 0.4), 0) for unit in units]
        if alike:
            units = [Unit(unit.number, unit.group, 1.0) for unit in units]
        yield estimate(*surveyed(units, values, draws, seed)), sum(values)


@pytest.mark.parametrize(("count", "draws"), [(12, 6), (60, 4), (300, 12), (300, 40)])
@pytest.mark.parametrize("alike", [False, True], ids=["sizes known", "sizes not known"])
def test_nine_of_ten_intervals_hold_the_truth(count: int, draws: int, alike: bool):
    held = [found.low <= truth <= found.high for found, truth in surveys(count, draws, alike=alike)]
    assert 0.84 <= sum(held) / len(held) <= 0.96


def test_estimates_are_right_on_the_average():
    off = [found.value / truth - 1 for found, truth in surveys(200, 12)]
    assert abs(sum(off) / len(off)) < 0.02


def test_a_larger_sample_says_more():
    def width(draws: int) -> float:
        found = [(found.high - found.low) / truth for found, truth in surveys(200, draws)]
        return sum(found) / len(found)

    assert width(48) < 0.6 * width(12)


def test_units_that_were_cut_short_leave_more_open():
    units = made_units(40, 1)
    values = [unit.size * (1 + unit.number % 5) for unit in units]
    survey, seen = surveyed(units, values, 40, 0)
    whole = estimate(survey, seen)
    assert (whole.low, whole.value, whole.high) == pytest.approx((sum(values),) * 3)
    part = Survey(survey.strata, tuple(Seen(s.stratum, s.size, 0.5) for s in survey.seen))
    assert part.is_complete is False
    assert estimate(part, seen).high > whole.high


def test_what_was_seen_is_the_least_there_is():
    survey = Survey((Stratum(6, 6.0),), tuple(Seen(0, 1.0, 1.0) for _ in range(3)))
    found = estimate(survey, [0.0, 0.0, 30.0])
    assert found.low == 30.0
    assert found.value == pytest.approx(60.0)


@pytest.mark.parametrize("draws", [1, 2])
def test_too_few_units_give_no_interval(draws: int):
    units = made_units(30, 3)
    found = estimate(*surveyed(units, [unit.size for unit in units], draws, 0))
    assert found.value == pytest.approx(sum(unit.size for unit in units))
    assert found.low is None
    assert found.high is None


def test_strata_of_one_seen_unit_are_joined():
    strata = (Stratum(5, 50.0), Stratum(5, 50.0), Stratum(5, 50.0))
    seen = tuple(Seen(at, 10.0, 1.0) for at in (0, 1, 1, 2))  # a unit of two strata has failed
    found = estimate(Survey(strata, seen), [8.0, 10.0, 12.0, 14.0])
    assert found.low is not None
    assert found.low < 15 * 11.0 < found.high


def test_strata_are_of_one_group_and_of_like_sizes():
    big = range(0, 100, 10)
    units = [Unit(n, "ab"[n >= 50], 20.0 if n in big else 1.0) for n in range(100)]
    strata = stratify(units, 12)
    assert sorted(unit.number for some in strata for unit in some) == list(range(100))
    assert [sorted({(u.group, u.size) for u in some}) for some in strata] == [
        [("a", 1.0), ("a", 20.0)], [("a", 20.0)], [("b", 1.0), ("b", 20.0)], [("b", 20.0)],
    ]  # fmt: skip
    # A big unit is drawn more often than a small one: as many of few.
    assert len(strata[1]) < 5
    assert [len(some) for some in draw(strata, 12, 0)] == [3, 3, 3, 3]


def test_more_groups_than_strata_share_them():
    units = [Unit(number, f"dump {number:03}", 1.0) for number in range(100)]
    strata = stratify(units, 12)
    assert [len(some) for some in strata] == [25, 25, 25, 25]


def test_a_sample_can_be_drawn_again():
    strata = stratify(made_units(50, 5), 9)
    one, again, other = (draw(strata, 9, seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert [len(some) for some in one] == [3, 3, 3]
    assert sum(map(len, draw(strata, 1000, 0))) == 50


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 6.314), (4.9, 2.132), (30, 1.697), (120, 1.658), (1e9, 1.645)]
)
def test_the_quantiles_are_those_of_the_tables(freedom: float, quantile: float):
    assert student_t(freedom) == pytest.approx(quantile, abs=1e-3)
