"""A scale for each rule's value: the stops of its slider, the axis and bins of its chart.

Positions on a scale are numbers of stops, so that one picture serves values between 0 and 1 and
counts of words from 1 to a million: where values spread over more than a few hundred steps,
stops lie ever farther apart.
"""

import math
from dataclasses import dataclass

from filters.rule import Rule

_STOPS = 160
"""About so many stops on a slider."""
_BINS = 40
"""About so many bars in a chart."""
_MARGIN = 0.06
"""Of the values' span: there is room on both sides of a threshold."""
_PER_DECADE = (10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 25, 28, 30, 35, 40, 45, 50, 60, 70, 80, 90)
"""Round numbers, evenly spread as far as round numbers are."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Stops in ascending order; `edges` are those between bars, the rule's constant among them."""

    stops: tuple[float, ...]
    edges: tuple[float, ...]


def make_scale(rule: Rule, low: float, high: float) -> Scale:
    """Return the scale of a rule with a number, for values that mostly lie from `low` to `high`."""
    low, high, constant = float(low), float(high), float(rule.constant)
    whole = rule.denominator is None and low.is_integer() and constant.is_integer()
    margin = 1.0 if whole else _MARGIN * max(high - low, abs(constant))
    below = max(constant - margin, 0.0) if constant > 0 else constant - margin
    low, high = min(low, below), max(high, constant + margin)
    if whole and high - low > _STOPS:
        stops = [low, *_growing(max(low, 0.0), high)]
    else:
        stops = _even(low, high, whole=whole)
    found = sorted({*stops, constant})
    return Scale(tuple(found), _edges(found, found.index(constant)))


def _even(low: float, high: float, *, whole: bool) -> list[float]:
    """Return stops with one step between them, from below `low` to above `high`."""
    step = _round_step(max(high - low, 1e-9) / _STOPS)
    if whole:
        step = max(step, 1)
    first, last = math.floor(low / step), math.ceil(high / step)
    if last - first < 4:  # noqa: PLR2004  nothing varies: a slider needs room all the same
        last = first + 4
    digits = max(0, -math.floor(math.log10(step)))
    return [round(at * step, digits) for at in range(first, last + 1)]


def _round_step(step: float) -> float:
    """Return the next larger of 1, 2, 5, 10 … times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(round(power * nice, 12) for nice in (1, 2, 5, 10) if power * nice >= step * 0.999)


def _growing(low: float, high: float) -> list[float]:
    """Return whole numbers from `low` to above `high`, ten to a decade and more."""
    stops = [float(number) for number in range(10)]
    power = 1
    while stops[-1] < high:
        stops += [float(number * power) for number in _PER_DECADE]
        power *= 10
    first = max((at for at, stop in enumerate(stops) if stop <= low), default=0)
    last = next(at for at, stop in enumerate(stops) if stop >= high)
    return stops[first : last + 1]


def _edges(stops: list[float], at: int) -> tuple[float, ...]:
    """Return every n-th stop, counted from the rule's constant, and both ends."""
    wide = max(1, round(len(stops) / _BINS))
    inner = {stops[place] for place in range(at % wide, len(stops), wide)}
    return tuple(sorted({stops[0], *inner, stops[-1]}))
