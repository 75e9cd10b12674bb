"""A stratified sample of units, and totals estimated from it with an interval.

Pure. Units are put into strata by group and size and drawn without replacement. A total
is the combined ratio estimate on size; its variance comes from how much units of one
stratum differ from the ratio, with finite-population correction and Satterthwaite's
degrees of freedom (Cochran, Sampling Techniques, 3rd edition, 1977, sections 5.4 and
6.11), times the square of expected by sampled size (Wu, Biometrika 69, 1982), which
covers better where few units are drawn. Where single units hold most of what is asked for,
as the kept text of an odd crawl among others, a small sample covers less than it says.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import NormalDist
from typing import TypeVar

CONFIDENCE = 0.90
_UNITS_PER_STRATUM = 3  # with two, an interval rests on one difference per stratum
_LEAST_FREEDOM = 2.0
# Student's t at 0.95, one degree of freedom and up: two-sided 90 %.
_T = (
    6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812,
    1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729, 1.725,
)  # fmt: skip
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that may be drawn."""

    number: int
    group: str
    """What it belongs to, such as a dump: units of two groups share a stratum only in need."""
    size: float
    """What its totals are expected to be in proportion to; 1 for each where it is not known."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A unit that was drawn and looked at."""

    stratum: int
    size: float
    read: float
    """Which share of it was looked at, from 0 to 1; the rest was extrapolated."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """All units that a stratum has, drawn or not."""

    units: int
    size: float


@dataclass(frozen=True, slots=True)
class Survey:
    """What was drawn, from what."""

    strata: tuple[Stratum, ...]
    seen: tuple[Seen, ...]

    @property
    def is_complete(self) -> bool:
        """Whether everything was looked at: then a total is a count, not an estimate."""
        units = sum(stratum.units for stratum in self.strata)
        return len(self.seen) == units and all(unit.read >= 1 for unit in self.seen)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A total, between bounds that hold it with `CONFIDENCE`; None where too little was seen."""

    value: float
    low: float | None
    high: float | None

    def times(self, factor: float) -> "Estimate":
        """Return the estimate in another measure."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Estimate(self.value * factor, low, high)

    def plus(self, constant: float) -> "Estimate":
        """Return the estimate of the total and something that is known."""
        low = None if self.low is None else self.low + constant
        high = None if self.high is None else self.high + constant
        return Estimate(self.value + constant, low, high)


def stratify(units: Sequence[Unit], draws: int) -> list[list[Unit]]:
    """Put units into strata of about equal size in all, by group and then by size of a unit.

    So a stratum of big units has few of them, and a big unit is drawn more often.
    """
    most = max(draws // _UNITS_PER_STRATUM, 1)
    ordered = sorted(units, key=lambda unit: (unit.group, unit.size, unit.number))
    groups = [list(members) for _, members in groupby(ordered, key=lambda unit: unit.group)]
    sizes = [_size(group) for group in groups]
    if len(groups) >= most:
        return [[unit for group in run for unit in group] for run in _cut(groups, sizes, most)]
    whole = sum(sizes) or 1.0
    strata = []
    for group, size in zip(groups, sizes, strict=True):
        pieces = 1 + int((most - len(groups)) * size / whole)
        strata += _cut(group, [unit.size for unit in group], pieces)
    return strata


def draw(strata: Sequence[Sequence[Unit]], draws: int, seed: int) -> list[list[Unit]]:
    """Draw so many units, as evenly from the strata as they go; the same ones for a seed."""
    chance = random.Random(seed)  # noqa: S311  a sample that can be drawn again is wanted
    counts = [0] * len(strata)
    for _ in range(min(draws, sum(map(len, strata)))):
        open_ones = [at for at, members in enumerate(strata) if counts[at] < len(members)]
        counts[min(open_ones, key=lambda at: counts[at])] += 1
    return [
        chance.sample(list(members), count) for members, count in zip(strata, counts, strict=True)
    ]


def estimate(survey: Survey, values: Sequence[float]) -> Estimate:
    """Estimate the total over all units from the `values` of those that were seen."""
    expected = sum(stratum.size for stratum in survey.strata)
    if survey.is_complete or not survey.seen:
        total = float(sum(values))
        return Estimate(total, total, total) if survey.seen else Estimate(0.0, None, None)
    survey = _without_thin_strata(survey)
    weights = _weights(survey)
    sampled = sum(w * unit.size for w, unit in zip(weights, survey.seen, strict=True))
    summed = sum(w * value for w, value in zip(weights, values, strict=True))
    scale = expected / sampled if sampled else 1.0
    ratio = summed / sampled if sampled else 0.0
    parts = _variances(survey, values, ratio)
    freedom = _freedom(parts)
    if freedom is None:
        return Estimate(summed * scale, None, None)
    half = scale * sum(part for part, _ in parts) ** 0.5 * student_t(freedom)
    seen = sum(value * unit.read for value, unit in zip(values, survey.seen, strict=True))
    return Estimate(summed * scale, max(summed * scale - half, seen), summed * scale + half)


def student_t(freedom: float) -> float:
    """Return the two-sided quantile for `CONFIDENCE`; of a fraction, that of the number below."""
    if freedom < len(_T) + 1:
        return _T[max(int(freedom), 1) - 1]
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _size(units: Iterable[Unit]) -> float:
    return sum(unit.size for unit in units)


def _cut(items: Sequence[_Item], weights: Sequence[float], pieces: int) -> list[list[_Item]]:
    """Cut into runs of about equal weight, at most so many, none of them empty."""
    whole = sum(weights) or 1.0
    runs: list[list[_Item]] = [[] for _ in range(pieces)]
    passed = 0.0
    for item, weight in zip(items, weights, strict=True):
        runs[min(int((passed + weight / 2) / whole * pieces), pieces - 1)].append(item)
        passed += weight
    return [run for run in runs if run]


def _share(survey: Survey, stratum: int) -> float:
    """Return which share of a stratum was looked at: units that were cut short count in part."""
    whole = survey.strata[stratum].size
    read = sum(unit.size * unit.read for unit in survey.seen if unit.stratum == stratum)
    return min(read / whole, 1.0) if whole else 1.0


def _without_thin_strata(survey: Survey) -> Survey:
    """Join strata that say nothing of how units differ: one unit of several, or a part of one."""
    while len(survey.strata) > 1:
        counts = [
            sum(unit.stratum == at for unit in survey.seen) for at in range(len(survey.strata))
        ]
        thin = [
            at
            for at, count in enumerate(counts)
            if count == 0 or (count == 1 and _share(survey, at) < 1)
        ]
        if not thin:
            break
        first = max(min(thin[0], len(survey.strata) - 2), 0)
        survey = _joined(survey, first)
    return survey


def _joined(survey: Survey, first: int) -> Survey:
    """Return the survey with a stratum and the next one as one."""
    one, other = survey.strata[first : first + 2]
    both = Stratum(one.units + other.units, one.size + other.size)
    strata = (*survey.strata[:first], both, *survey.strata[first + 2 :])
    seen = tuple(
        Seen(unit.stratum - (unit.stratum > first), unit.size, unit.read) for unit in survey.seen
    )
    return Survey(strata, seen)


def _weights(survey: Survey) -> list[float]:
    """Return for each unit seen how many units of its stratum it stands for."""
    numbers = [unit.stratum for unit in survey.seen]
    return [survey.strata[at].units / numbers.count(at) for at in numbers]


def _variances(survey: Survey, values: Sequence[float], ratio: float) -> list[tuple[float, int]]:
    """Return each stratum's part of the variance, with its degrees of freedom."""
    parts = []
    for at, stratum in enumerate(survey.strata):
        left = 1 - _share(survey, at)
        off = [
            value - ratio * unit.size
            for unit, value in zip(survey.seen, values, strict=True)
            if unit.stratum == at
        ]
        if left <= 0 or not off:
            continue
        mean = sum(off) / len(off)
        spread = sum((each - mean) ** 2 for each in off) / max(len(off) - 1, 1)
        parts.append((stratum.units**2 * left * spread / len(off), len(off) - 1))
    return parts


def _freedom(parts: Sequence[tuple[float, int]]) -> float | None:
    """Return Satterthwaite's degrees of freedom; None where they are too few for an interval."""
    if sum(freedom for _, freedom in parts) < _LEAST_FREEDOM:
        return None
    whole = sum(part for part, _ in parts)
    squares = sum(part**2 / freedom for part, freedom in parts if freedom)
    return whole**2 / squares if squares else float(sum(freedom for _, freedom in parts))
