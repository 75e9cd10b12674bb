"""The sampled pages as columns that a script decides over: each rule's values, exactly.

A rule's column is its distinct values in ascending order, as float64, and for each page the place
of its value among them. Comparing places with the place of a threshold is the same as comparing
values with the threshold, and takes a quarter of the room.
"""

import base64
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from filters.rule import Rule
from pipelines.audit.ledger import Ledger
from pipelines.audit.steps import DEDUP, FINAL_BLOCK, Plan, Step, place_of

if TYPE_CHECKING:
    import pandas as pd

MISSING = 0xFFFF
"""Place of a value that is undefined or was not measured."""
WHOLE_WALK = 0xFFFF
"""Exit of a page that no step but the rules has decided on."""


def sample_columns(ledger: Ledger, pages: "pd.DataFrame") -> dict[str, Any]:
    """Return pages of `panel_sample` as plain data.

    `rules`: for each `values` (base64 of little-endian float64, or labels) and `places` (base64
    of uint16). `exits` (uint16): after how many rules something else decides on the page
    (extraction, deduplication …), `WHOLE_WALK` where nothing does. `outcomes` names what decided
    in the run, `outcome` (uint16) which for each page; then `audited` (uint8), `weight` (float64),
    `tokens` (uint32).
    """
    plan = ledger.plan
    triples = list(zip(pages["status"], pages["stage"], pages["rule"], strict=True))
    outcomes = sorted(set(triples), key=lambda triple: [part or "" for part in triple])
    exits = {triple: exit_of(ledger, triple) for triple in outcomes}
    number = {triple: at for at, triple in enumerate(outcomes)}
    came = {triple: place_of(plan, ledger.reasons, *triple)[0] >= DEDUP for triple in outcomes}
    known = pages["audited"].to_numpy(bool) | np.array([came[triple] for triple in triples], bool)
    return {
        "size": len(pages),
        "rules": [
            _column(
                _compared(step.rule, _measured(step, pages[f"v{rank}"], known), pages), step.rule
            )
            for rank, step in enumerate(plan.steps)
        ],
        "walls": foreign_walls(plan),
        "outcomes": [list(triple) for triple in outcomes],
        "outcome": _packed([number[triple] for triple in triples], "<u2"),
        "exits": _packed([exits[triple] for triple in triples], "<u2"),
        "audited": _packed(pages["audited"], "u1"),
        "weight": _packed(pages["weight"], "<f8"),
        "tokens": _packed(pages["token_count"].fillna(0), "<u4"),
    }


def exit_of(ledger: Ledger, outcome: tuple[str, str | None, str | None]) -> int:
    """Return after how many rules a step that is none of them decided so; else `WHOLE_WALK`."""
    status, stage, rule = outcome
    plan = ledger.plan
    names = {(step.stage, step.rule.name) for step in plan.steps}
    bare = (rule or "").removeprefix("undefined:")
    if status == "kept" or (stage, bare) in names:
        return WHOLE_WALK
    place = place_of(plan, ledger.reasons, status, stage, rule)
    return sum((float(step.block), rank) < place for rank, step in enumerate(plan.steps))


def foreign_walls(plan: Plan) -> list[int]:
    """Return after how many rules blocks of datatrove stand: what they would say is not known."""
    numbers = sorted(set(plan.foreign.values()))
    return [sum(step.block < number for step in plan.steps) for number in numbers]


def _measured(step: Step, values: Any, known: npt.NDArray[np.bool_]) -> Any:
    """Return a rule's values without those that only an earlier rule was asked about.

    What rules after deduplication read is known of a page as a whole, or not at all.
    """
    return values.where(known) if step.block == FINAL_BLOCK else values


def _compared(rule: Rule, values: Any, pages: "pd.DataFrame") -> Any:
    """Return what a script compares of each page: its value, or 1 where the rule fires.

    The latter of a rule that is another one in another language: then languages are settled here.
    """
    if not rule.others:
        return values
    known = values.astype(object).where(values.notna(), None)
    asked = [rule.of(language) for language in pages["language"]]
    fires = [
        0.0 if own is None else math.nan if value is None else float(own.compare(value))
        for own, value in zip(asked, known, strict=True)
    ]
    return np.array(fires, float)


def _column(values: Any, rule: Rule) -> dict[str, Any]:
    if isinstance(rule.constant, str) and not rule.others:
        return _labels(values)
    numbers = np.asarray(values, np.float64)
    known = ~np.isnan(numbers)
    distinct, places = np.unique(numbers[known], return_inverse=True)
    column = np.full(len(numbers), MISSING, np.uint16)
    column[known] = places
    return {"values": _packed(distinct, "<f8"), "places": _packed(column, "<u2")}


def _labels(values: Any) -> dict[str, Any]:
    known = values.notna()
    distinct = sorted(set(values[known]))
    number = {label: at for at, label in enumerate(distinct)}
    places = [
        number[value] if there else MISSING for value, there in zip(values, known, strict=True)
    ]
    return {"labels": distinct, "places": _packed(places, "<u2")}


def _packed(values: Sequence[Any] | npt.ArrayLike, kind: str) -> str:
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode()
