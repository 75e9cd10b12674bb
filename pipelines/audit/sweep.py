"""A rule's whole curve: what would pass every rule, for each threshold it could have.

Pages that pass all others matter: those that pass this one too, and those that it alone removes.
Where later rules were not measured on a page that it removed, the audited ones like it count for
those that were not.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from filters.errors import UsageError
from filters.rule import Rule
from pipelines.audit.changes import Changes, changed_recipe, changed_steps, new_plan, unknown_rule
from pipelines.audit.cube import value_sql
from pipelines.audit.ledger import Ledger
from pipelines.audit.moves import PASSES, SEEN, UNSURE, Move, find_moves
from pipelines.audit.outcomes import JOINED, count, count_outcomes, placed, register
from pipelines.audit.published import Published, published_thresholds
from pipelines.audit.steps import FINAL_BLOCK, Step, passed_rules

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Sweep:
    """A rule's curve and where thresholds stand on it."""

    rule: Rule
    curve: pd.DataFrame
    """`threshold, pages, tokens`: what would pass every rule with it, ascending; and
    `estimated_pages`: how many of those pages are estimated."""
    marks: list[Published]
    """Thresholds of this recipe and of published ones."""
    notes: list[str]


def sweep(ledger: Ledger, name: str, *, points: int = 40) -> Sweep:
    """Return a rule's curve at about `points` thresholds: quantiles of the values that occur.

    UsageError for a rule that the recipe does not have, or that compares labels.
    """
    step = ledger.plan.step(name)
    if step is None:
        raise unknown_rule(name, ledger.plan)
    if isinstance(step.rule.constant, str) or step.rule.op in ("==", "!="):
        raise UsageError(
            f"rule '{name}' compares labels ({step.rule}), so it has no threshold to sweep.\n"
            "  Leave it out instead: cuvee whatif DIR --drop " + name
        )
    if step.rule.others:
        raise UsageError(
            f"rule '{name}' has a threshold for each language: {step.rule.brief}.\n"
            "  Sweep that of one: --language LABEL"
        )
    with ledger.connect() as connection:
        values = _values(connection, ledger, step)
    marks = [Published("this run", float(step.rule.constant), ""), *published_thresholds(step.rule)]
    curve = _curve(step.rule, values, [mark.threshold for mark in marks], points)
    return Sweep(step.rule, curve, marks, [*ledger.notes, *_notes(step, values)])


def _values(connection: "DuckDBPyConnection", ledger: Ledger, step: Step) -> pd.DataFrame:
    """Return `value, pages, tokens, estimated` of all that passes every other rule."""
    tree = changed_recipe(ledger, Changes(drops=(step.rule.name,)))
    plan = new_plan(tree)
    outcomes = count_outcomes(connection)
    touched: set[tuple[str, str]] = {(step.stage, step.rule.name)}
    move = Move(ledger.plan, plan, changed_steps(ledger.plan, plan), touched)
    find_moves(connection, outcomes, move, ledger.reasons)
    unsure, _ = count(connection, f"moved WHERE {UNSURE}")
    seen, _ = count(connection, f"moved WHERE {SEEN}")
    value = value_sql(step.rule)
    found = placed(outcomes, ledger.plan, ledger.reasons)
    register(connection, found.assign(passed=[_passed(step, block) for block in found["block"]]))
    passing = connection.execute(
        f"SELECT {value} AS value, count(*) AS pages, coalesce(sum(token_count), 0) AS tokens,"
        f" 0.0 AS estimated FROM {JOINED} WHERE o.passed GROUP BY ALL"
    ).df()
    factor = 1 + (unsure / seen if seen else 0.0)
    weight = f"CASE WHEN later THEN {factor!r}::DOUBLE ELSE 1.0 END"
    removed = connection.execute(
        f"SELECT {value} AS value, sum(m.weight) AS pages,"
        " coalesce(sum(l.token_count * m.weight), 0) AS tokens, sum(m.weight - 1) AS estimated"
        f" FROM ledger AS l JOIN (SELECT file_path, record, {weight} AS weight FROM moved"
        f" WHERE {PASSES}) AS m ON l.file_path = m.file_path AND l.record = m.record GROUP BY ALL"
    ).df()
    frame = pd.concat([passing, removed]).astype(float)
    frame = frame[frame["value"].notna()].sort_values("value", ignore_index=True)
    frame.attrs = {"unsure": unsure, "seen": seen}
    return frame


def _passed(step: Step, block: float) -> bool:
    """Return whether pages decided there passed all that a rule's pages come to before it."""
    return passed_rules(block) and (step.block < FINAL_BLOCK or block > FINAL_BLOCK)


def _curve(rule: Rule, values: pd.DataFrame, marked: list[float], points: int) -> pd.DataFrame:
    """Return what passes at quantiles of the values and at the marked thresholds."""
    found = values["value"].to_numpy(float)
    thresholds = sorted({*marked, *(_nice(v) for v in _quantiles(values, points))})
    sums = {
        name: np.concatenate(([0.0], np.cumsum(values[name].to_numpy(float))))
        for name in ("pages", "tokens", "estimated")
    }
    # A rule `<` fires below its threshold, `<=` also on it, `>` above it.
    side = {"<": "left", "<=": "right", ">": "right", ">=": "left"}[rule.op]
    at = np.searchsorted(found, thresholds, side=side)  # type: ignore[call-overload]  # its literal
    rows: dict[str, Any] = {"threshold": thresholds}
    for name, total in sums.items():
        passed = total[-1] - total[at] if rule.op.startswith("<") else total[at]
        rows["estimated_pages" if name == "estimated" else name] = passed
    return pd.DataFrame(rows)


def _quantiles(values: pd.DataFrame, points: int) -> npt.NDArray[np.float64]:
    if values.empty:
        return np.array([])
    weights = np.cumsum(values["pages"].to_numpy(float))
    wanted = np.linspace(0, weights[-1], points)
    at = np.minimum(np.searchsorted(weights, wanted), len(values) - 1)
    chosen: npt.NDArray[np.float64] = values["value"].to_numpy(float)[at]
    return chosen


def _nice(value: float) -> float:
    """Return a threshold with four digits: no more are worth typing."""
    return float(f"{value:.4g}")


def _notes(step: Step, values: pd.DataFrame) -> list[str]:
    unsure, seen = values.attrs["unsure"], values.attrs["seen"]
    notes = ["Pages that would pass every rule; near-duplicates are still among them."]
    if step.block == FINAL_BLOCK:
        notes = ["Pages that would be kept: this rule stands after deduplication."]
    if unsure:
        notes.append(
            f"{unsure:,} page(s) that it removed left before later rules were measured; "
            + (f"{seen:,} audited page(s) like them stand for them." if seen else
               "none like them was audited, so looser thresholds show too few.")
        )  # fmt: skip
    return notes
