"""What each rule does: a row per rule, in the order in which pages meet them.

Exact where every page concerned was measured; where a page had left before, estimated from the
audited ones, which were measured to the end all the same (design section 2, point 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pipelines.audit.cube import FIRES, SILENT, UNKNOWN, answers
from pipelines.audit.estimate import (
    Estimate,
    Sample,
    counted,
    pages_beyond,
    tokens_beyond,
)
from pipelines.audit.ledger import Ledger
from pipelines.audit.steps import FIRST_BLOCK, KEPT, Place, Plan, Step, place_of, rank_place

if TYPE_CHECKING:
    import pandas as pd

_Rows: TypeAlias = Any
"""A boolean array, one item for each row of counts."""
Outcome: TypeAlias = tuple[str, str | None, str | None]
"""Status, stage and rule, as the ledger has them."""


class Pages:
    """Pages of a ledger counted by what every rule says of them (`cube.count_pages`)."""

    def __init__(self, ledger: Ledger, frame: "pd.DataFrame") -> None:
        self.plan: Plan = ledger.plan
        self.answers = answers(frame, len(self.plan.steps))
        self.outcomes: list[Outcome] = list(
            zip(frame["status"], frame["stage"], frame["rule"], strict=True)
        )
        places = [place_of(self.plan, ledger.reasons, *outcome) for outcome in self.outcomes]
        self.block = np.array([place[0] for place in places], float)
        self.rank = np.array([place[1] for place in places], int)
        self.kept: _Rows = np.array([place == KEPT for place in places], bool)
        self.dropped: _Rows = (frame["status"] == "dropped").to_numpy()
        self.audited: _Rows = frame["audited"].to_numpy(bool)
        self.pages = frame["pages"].to_numpy(np.int64)
        self.tokens = frame["tokens"].to_numpy(np.float64)
        self.squares = frame["squares"].to_numpy(np.float64)

    def count(self, rows: _Rows) -> int:
        """Return how many pages are in these rows."""
        return int(self.pages[rows].sum())

    def tokens_of(self, rows: _Rows) -> int:
        """Return how many tokens are in these rows."""
        return int(self.tokens[rows].sum())

    def at(self, rank: int) -> _Rows:
        """Rows whose page the rule of that rank decided on."""
        block, _ = rank_place(self.plan, rank)
        return (self.block == block) & (self.rank == rank)

    def reached(self, rank: int) -> _Rows:
        """Rows whose page came to the rule of that rank."""
        block, _ = rank_place(self.plan, rank)
        return (self.block > block) | ((self.block == block) & (self.rank >= rank))

    def measured(self, step: Step) -> _Rows:
        """Rows on which the rules of a step's block were measured."""
        audited = self.audited & self.has_text if step.block >= FIRST_BLOCK else self.audited
        return (self.block >= step.measured_from) | audited

    @property
    def has_text(self) -> _Rows:
        """Rows whose pages have a text: some rule on it gave an answer."""
        first = [rank for rank, step in enumerate(self.plan.steps) if step.block >= FIRST_BLOCK]
        if not first:
            return np.ones(len(self.pages), bool)
        return (self.answers[:, first] != UNKNOWN).any(axis=1) | (self.block >= FIRST_BLOCK)

    def of(self, stage: str, rule: str) -> _Rows:
        """Rows with this stage and rule or reason."""
        return np.array([outcome[1:] == (stage, rule) for outcome in self.outcomes], bool)

    def silent(self, ranks: Sequence[int]) -> _Rows:
        """Rows on which each of these rules says no."""
        return (self.answers[:, list(ranks)] == SILENT).all(axis=1)

    def split(self, hits: _Rows, sampled: _Rows, others: _Rows) -> tuple[Estimate, Estimate]:
        """Return pages and tokens that `others` hold, where `sampled` have it in rows `hits`."""
        have, lack = sampled & hits, sampled & ~hits
        sample = Sample(
            self.count(sampled), self.count(have),
            self.tokens[sampled].sum(), self.tokens[have].sum(),
            self.squares[have].sum(), self.squares[lack].sum(),
        )  # fmt: skip
        beyond = self.count(others)
        return (
            pages_beyond(sample, beyond),
            tokens_beyond(sample, beyond, self.tokens_of(others)),
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule would remove: pages and tokens."""

    pages: Estimate
    tokens: Estimate


def alone(found: Pages, rank: int) -> Effect:
    """Return what the rule would remove of the pages that come to its kind of rule.

    For a rule on the text those are the pages past the gates, for a gate those that reach it:
    as if no other rule of the blocks before it and of its own were there.
    """
    step = found.plan.steps[rank]
    concerned = found.block >= (FIRST_BLOCK if step.kind == "drop" else step.block)
    known = concerned & found.measured(step)
    fires = found.answers[:, rank] == FIRES
    before = concerned & (found.block < step.measured_from)
    pages, tokens = found.split(fires, before & known, before & ~known)
    return Effect(
        counted(found.count(known & fires)) + pages,
        counted(found.tokens_of(known & fires)) + tokens,
    )


def only(found: Pages, rank: int) -> Effect:
    """Return what the rule removes that no other would: what leaving it out would give back.

    Before deduplication, which might remove some of it.
    """
    block = found.plan.steps[rank].block
    peers = [r for r, step in enumerate(found.plan.steps) if step.block == block and r != rank]
    later = [r for r, step in enumerate(found.plan.steps) if step.block > block]
    candidates = found.at(rank) & found.dropped & found.silent(peers)
    saved = found.silent(later)
    blind = found.plan.is_blind_behind(block)
    sampled = candidates & (found.audited & (not blind) if later or blind else True)
    pages, tokens = found.split(saved, sampled, candidates & ~sampled)
    known = sampled & saved
    return Effect(
        counted(found.count(known)) + pages,
        counted(found.tokens_of(known)) + tokens,
    )


def impact(found: Pages) -> list[dict[str, Any]]:
    """Return a row per rule and other outcome, in the order in which pages meet them.

    Keys: `stage, rule, expression` (None for what is no rule); `reached_pages, reached_tokens`:
    what came to it; `removed_pages, removed_tokens, removed_share` (of the pages that came),
    `failed_pages`; then of `alone` and `only`, as `alone_pages`, `alone_pages_low`,
    `alone_pages_high` and the same of tokens, equal where they were counted. What is no rule has
    null there.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for rank, step in enumerate(found.plan.steps):
        place = rank_place(found.plan, rank)
        rows[*place, ""] = {
            "stage": step.stage,
            "rule": step.rule.name,
            "expression": str(step.rule),
            **_flow(found, found.reached(rank), found.at(rank)),
            **_told("alone", alone(found, rank)),
            **_told("only", only(found, rank)),
        }
    for place, stage, rule in _other_outcomes(found):
        here = found.of(stage, rule)
        reached = (found.block > place[0]) | ((found.block == place[0]) & (found.rank >= place[1]))
        rows[*place, rule] = {
            "stage": stage,
            "rule": rule,
            "expression": None,
            **_flow(found, reached, here),
            **dict.fromkeys(_FIGURES),
        }
    return [rows[key] for key in sorted(rows)]


_FIGURES = [
    f"{what}_{unit}{end}"
    for what in ("alone", "only")
    for unit in ("pages", "tokens")
    for end in ("", "_low", "_high")
]


def _other_outcomes(found: Pages) -> set[tuple[Place, str, str]]:
    """Return place, stage and reason of what no rule of the recipe has decided."""
    ranked = {(step.stage, step.rule.name) for step in found.plan.steps}
    others = set()
    for at, (_, stage, rule) in enumerate(found.outcomes):
        if stage is not None and rule is not None and (stage, rule) not in ranked:
            place = (float(found.block[at]), int(found.rank[at]))
            if not (place[0] >= 0 and place in _rule_places(found.plan)):
                others.add((place, stage, rule))
    return others


def _rule_places(plan: Plan) -> set[Place]:
    return {rank_place(plan, rank) for rank in range(len(plan.steps))}


def _flow(found: Pages, reached: _Rows, here: _Rows) -> dict[str, Any]:
    removed = here & found.dropped
    came = found.count(reached)
    return {
        "reached_pages": came,
        "reached_tokens": found.tokens_of(reached),
        "removed_pages": found.count(removed),
        "removed_tokens": found.tokens_of(removed),
        "removed_share": found.count(removed) / came if came else 0.0,
        "failed_pages": found.count(here & ~found.dropped),
    }


def _told(name: str, effect: Effect) -> dict[str, float]:
    told = {}
    for unit, figure in (("pages", effect.pages), ("tokens", effect.tokens)):
        told[f"{name}_{unit}"] = figure.value
        told[f"{name}_{unit}_low"], told[f"{name}_{unit}_high"] = figure.low, figure.high
    return told
