"""Thresholds moved together to a kept share, each at the same quantile as in a reference.

FineWeb-2 (Penedo et al. 2025, arXiv 2506.20920, section 3.3) carries thresholds to another
language by taking the value at the quantile that the threshold has in a reference. Here the
reference is another run, or the run itself; to keep a given share, all rules' removed shares are
multiplied by one factor, so that a rule that removes twice as much as another still does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from filters.errors import UsageError
from filters.rule import Rule
from pipelines.audit.ledger import Ledger
from pipelines.audit.sample import measured_sample
from pipelines.audit.steps import Step
from pipelines.recipe.rule_stages import GATE_STAGES

_SAMPLE = 50_000
Method: TypeAlias = Literal["quantile", "meanstd", "medianratio", "10tail"]
"""How a threshold is found; the names are those that FineWeb-2's paper gives its methods."""
BY_REFERENCE = ("meanstd", "medianratio")
"""Methods that need a reference and leave no say in the kept share."""
_TAIL = 0.1
"""Share of the pages that each rule alone removes, by `10tail`."""
_MOST = 1 << 20
"""The largest factor that is tried."""
_HALVINGS = 50
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tuned:
    """Thresholds for a kept share."""

    rules: pd.DataFrame
    """`rule, before, after, removes`: the threshold as it is and as it would be, and the share of
    the pages past the gates that the rule would then remove alone."""
    kept_before: float
    """Share of the pages past the gates that pass every rule, on the sample."""
    kept_after: float
    sets: tuple[str, ...]
    """The changes, as `--set` takes them."""
    pages: int
    """Pages of the sample."""
    notes: list[str]


class _Pages:
    """A sample's pages past the gates, and what the rules would read on them."""

    def __init__(self, ledger: Ledger, size: int) -> None:
        sample = measured_sample(ledger, size)
        sample = sample[~sample["stage"].isin(GATE_STAGES) & sample["weight"].notna()]
        self.weight = sample["weight"].to_numpy(float)
        self.total = float(self.weight.sum())
        self.count = len(sample)
        self.ranks = [r for r, step in enumerate(ledger.plan.steps) if step.kind == "drop"]
        self.steps = [ledger.plan.steps[rank] for rank in self.ranks]
        self.values = [
            pd.to_numeric(sample[f"v{rank}"], errors="coerce").to_numpy(float)
            for rank in self.ranks
        ]  # fmt: skip
        self.sorted = [_cumulated(values, self.weight) for values in self.values]

    def removed(self, rules: Sequence[Rule]) -> list[float]:
        """Return the share of the pages that each rule would remove alone."""
        return [
            float(self.weight[_fires(rule, values)].sum()) / self.total
            for rule, values in zip(rules, self.values, strict=True)
        ]

    def kept(self, rules: Sequence[Rule]) -> float:
        """Return the share of the pages that pass all rules."""
        dropped = np.zeros(self.count, bool)
        for rule, values in zip(rules, self.values, strict=True):
            dropped |= _fires(rule, values)
        return float(self.weight[~dropped].sum()) / self.total


def tune(
    ledger: Ledger,
    keep: float | None,
    like: Ledger | None = None,
    *,
    method: Method = "quantile",
    size: int = _SAMPLE,
) -> Tuned:
    """Return thresholds that keep `keep` of the pages past the gates, as nearly as they can.

    `like` is a reference run whose quantiles are taken; without `keep` exactly those. With
    another `method` thresholds stand as many standard deviations from the mean as the
    reference's (`meanstd`), at as many times the median (`medianratio`), or where each rule alone
    removes a tenth of the pages (`10tail`).
    UsageError for a run without measured pages or without rules that have a threshold.
    """
    for asked in (ledger, like):
        if asked is not None and any(step.rule.others for step in asked.plan.steps):
            raise UsageError(
                f"{asked.root}: its thresholds differ by language, so they move by language.\n"
                "  Tune those of one: --language LABEL"
            )
    pages = _Pages(ledger, size)
    rules = [step.rule for step in pages.steps]
    if not pages.count or not any(map(_moves, pages.steps)):
        raise UsageError(
            f"{ledger.root}: no page past the gates was measured by a rule with a threshold.\n"
            "  Tune a run that has some, or raise its audit_fraction."
        )
    before = pages.kept(rules)
    tuned = _tuned(pages, _Pages(like, size) if like is not None else None, keep, method)
    frame = pd.DataFrame(
        {
            "rule": [rule.name for rule in rules],
            # Not as one kind of number: a count's threshold is an integer and stays one.
            "before": pd.Series([rule.constant for rule in rules], dtype=object),
            "after": pd.Series([rule.constant for rule in tuned], dtype=object),
            "removes": pages.removed(tuned),
        }
    )
    sets = tuple(
        f"{new.name}={new.constant}"
        for old, new in zip(rules, tuned, strict=True)
        if old.constant != new.constant
    )
    return Tuned(frame, before, pages.kept(tuned), sets, pages.count, list(ledger.notes))


def _tuned(
    pages: _Pages, reference: _Pages | None, keep: float | None, method: Method
) -> list[Rule]:
    if reference is not None and method in BY_REFERENCE:
        carried = _as_far_from_the_mean if method == "meanstd" else _at_as_many_medians
        return [*_carried(pages, reference, carried)]
    if method == "10tail":
        return _moved_rules(pages, [_TAIL] * len(pages.steps), 1.0)
    own = pages.removed([step.rule for step in pages.steps])
    shares = own if reference is None else _shares_like(pages, reference)
    factor = 1.0 if keep is None else _factor(pages, shares, keep)
    return _moved_rules(pages, shares, factor)


_Weighted: TypeAlias = tuple[_Floats, _Floats]
"""What a rule reads on the pages that it is known of, and those pages' weights."""


def _carried(
    pages: _Pages,
    reference: _Pages,
    carried: Callable[[float, _Weighted, _Weighted], float | None],
) -> Iterator[Rule]:
    """Yield the rules, each with its threshold in the reference carried over to the pages.

    A rule keeps its own where the reference has none of its name, or `carried` has no answer.
    """
    theirs = {step.rule.name: at for at, step in enumerate(reference.steps)}
    for at, step in enumerate(pages.steps):
        other = theirs.get(step.rule.name)
        if other is None or not _moves(step):
            yield step.rule
            continue
        constant: Any = reference.steps[other].rule.constant
        value = carried(float(constant), _known(reference, other), _known(pages, at))
        if value is None:
            yield step.rule
        else:
            yield replace(step.rule, constant=_as_before(step.rule, max(value, 0.0)))


def _known(pages: _Pages, at: int) -> _Weighted:
    values = pages.values[at]  # noqa: PD011  no pandas
    known = ~np.isnan(values)
    return values[known], pages.weight[known]


def _as_far_from_the_mean(constant: float, there: _Weighted, here: _Weighted) -> float | None:
    """Return what is as many standard deviations from the mean; None where nothing varies."""
    theirs, ours = _spread(*there), _spread(*here)
    if theirs is None or ours is None:
        return None
    return ours[0] + (constant - theirs[0]) / theirs[1] * ours[1]


def _at_as_many_medians(constant: float, there: _Weighted, here: _Weighted) -> float | None:
    """Return what is as many times the median; None where a median is 0."""
    theirs, ours = _median(*there), _median(*here)
    return constant / theirs * ours if theirs and ours else None


def _median(values: _Floats, weight: _Floats) -> float:
    """Return the least value with half of the weight at or below it; 0 without values."""
    if not len(values):
        return 0.0
    distinct, below = _cumulated(values, weight)
    return float(distinct[np.searchsorted(below, below[-1] / 2)])


def _spread(values: _Floats, weight: _Floats) -> tuple[float, float] | None:
    """Return mean and standard deviation; None where nothing varies."""
    if not len(values):
        return None
    mean = float(np.average(values, weights=weight))
    variance = float(np.average((values - mean) ** 2, weights=weight))
    return (mean, variance**0.5) if variance > 0 else None


def _moves(step: Step) -> bool:
    """Return whether a rule has a threshold; one that asks whether there is any has none."""
    rule = step.rule
    asks = rule.denominator is None and rule.constant in (0, 1)
    return not isinstance(rule.constant, str) and rule.op not in ("==", "!=") and not asks


def _fires(rule: Rule, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return where the rule fires; what is undefined does not."""
    constant: Any = rule.constant
    fires: npt.NDArray[np.bool_] = {
        "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
        "==": np.equal, "!=": np.not_equal,
    }[rule.op](values, constant)  # fmt: skip
    return fires


def _cumulated(values: _Floats, weight: _Floats) -> tuple[_Floats, _Floats]:
    """Return the distinct values, ascending, and the weight at or below each."""
    known = ~np.isnan(values)
    distinct, at = np.unique(values[known], return_inverse=True)
    return distinct, np.cumsum(np.bincount(at, weight[known], len(distinct)))


def _shares_like(pages: _Pages, reference: _Pages) -> list[float]:
    """Return the shares that the reference's rules of the same names remove there."""
    rules = [step.rule for step in reference.steps]
    shares = {r.name: share for r, share in zip(rules, reference.removed(rules), strict=True)}
    own = pages.removed([step.rule for step in pages.steps])
    names = [step.rule.name for step in pages.steps]
    return [shares.get(name, share) for name, share in zip(names, own, strict=True)]


def _factor(pages: _Pages, shares: Sequence[float], keep: float) -> float:
    """Return the factor on all shares with which the kept share is nearest to `keep`."""
    low, high = 0.0, 1.0
    while pages.kept(_moved_rules(pages, shares, high)) > keep and high < _MOST:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        more = pages.kept(_moved_rules(pages, shares, middle)) > keep
        low, high = (middle, high) if more else (low, middle)
    ends = [(abs(pages.kept(_moved_rules(pages, shares, f)) - keep), f) for f in (low, high)]
    return min(ends)[1]


def _moved_rules(pages: _Pages, shares: Sequence[float], factor: float) -> list[Rule]:
    """Return the rules with thresholds that remove `factor` times their shares."""
    moved = []
    for step, share, (distinct, below) in zip(pages.steps, shares, pages.sorted, strict=True):
        rule = step.rule
        if _moves(step) and share > 0 and len(distinct):
            wanted = min(share * factor, 1.0) * pages.total
            rule = replace(rule, constant=_threshold(rule, distinct, below, wanted))
        moved.append(rule)
    return moved


def _threshold(rule: Rule, distinct: _Floats, below: _Floats, wanted: float) -> int | float:
    """Return the tightest threshold whose rule removes at most the weight `wanted`.

    The one that the rule has where that removes the same: between two values that occur, all
    thresholds do.
    """
    slack = 1e-9 * float(below[-1])
    low = rule.op.startswith("<")
    # The number of distinct values, from the smallest, that lie on the threshold's lower side.
    edge = wanted + slack if low else float(below[-1]) - wanted - slack
    count = int(np.searchsorted(below, edge, side="right" if low else "left")) + (not low)
    inclusive = rule.op in ("<=", ">")
    old: Any = rule.constant
    if int(np.searchsorted(distinct, old, side="right" if inclusive else "left")) == count:
        return float(old) if isinstance(old, float) else int(old)
    at = min(max(count - inclusive, 0), len(distinct) - 1)
    return _as_before(rule, float(distinct[at]))


def _as_before(rule: Rule, value: float) -> int | float:
    """Return a threshold as short as a person would write it: four digits, or an integer."""
    if isinstance(rule.constant, int) and rule.denominator is None:
        return round(value)
    return float(f"{value:.4g}")
