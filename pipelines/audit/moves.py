"""Pages whose decision another recipe would change, found in the ledger.

`find_moves` makes the table `moved`, a row per page. A page that another rule catches before the
one that had decided is certain. A page whose own rule lets it go is followed through the rules
that were measured on it; what lies behind those only its audited like can say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipelines.audit.cube import fires_sql
from pipelines.audit.outcomes import JOINED, placed, register
from pipelines.audit.sample import has_text_sql
from pipelines.audit.steps import KEPT, Plan, Reasons, rank_place

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BLOCK = 10_000
"""More rules than a block has: places become numbers that sort as they do."""
_LAST = 1e18

PASSES = "(touched AND own IS NULL AND ((NOT later) OR (audited AND whole IS NULL AND has_text)))"
"""SQL for pages of `moved` that would pass every rule, as far as that is known."""
UNSURE = "(touched AND own IS NULL AND later AND NOT audited)"
"""SQL for pages of `moved` on which later rules were not measured."""
LOST = "(NOT touched AND status = 'kept')"
"""SQL for kept pages of `moved` that a rule would drop."""


@dataclass(frozen=True, slots=True)
class Move:
    """What is asked: the old and new plan, which new steps are new, which old decisions fall."""

    before: Plan
    plan: Plan
    changed: Sequence[int]
    """Ranks of steps in the new plan."""
    touched: set[tuple[str, str]]
    """Stage and name of old rules that are changed or gone."""


def find_moves(
    connection: "DuckDBPyConnection", outcomes: pd.DataFrame, move: Move, reasons: Reasons
) -> None:
    """Make the temporary table `moved`.

    Columns: `file_path, record, host, language, status, stage, rule, audited, token_count,
    cluster_id, cluster_size`, `block`: where the page had been decided, `touched`: its own rule
    has changed, `later`: rules lie behind its block, `own`: twice the rank of the step that
    decides now among the steps that were measured on every such page, plus 1 where that is
    undefined; null if none does; `whole`: the same among all steps, for audited pages;
    `has_text`.
    """
    table = placed(outcomes, move.plan, reasons)
    table["at"] = [_at((b, r)) for b, r in zip(table["block"], table["rank"], strict=True)]
    # Where a rule is gone, the new plan does not say in which block it had decided.
    table = placed(table, move.before, reasons)
    names = [_decided_by(move.before, row.block, row.rank) for row in table.itertuples()]
    table["touched"] = [name in move.touched for name in names]
    table["same"] = [_same(move.plan, name) for name in names]
    last = max([move.plan.last_block(), *move.plan.foreign.values()])
    table["later"] = table["block"] < last
    register(connection, table)
    caught = _first(move, move.changed, "o.at > {at}")
    own = _first(move, range(len(move.plan.steps)), "o.block >= {block}")
    whole = _first(move, range(len(move.plan.steps)), "audited")
    columns = (
        "file_path, record, host, language, status, stage, rule, audited, token_count, cluster_id,"
        " cluster_size, o.block, o.touched, o.later, o.same"
    )
    has_text = has_text_sql(move.before)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE moved AS SELECT * EXCLUDE (same) FROM ("
        f"SELECT {columns}, {caught} AS own, NULL::BIGINT AS whole, true AS has_text"
        f" FROM {JOINED} WHERE NOT o.touched AND ({_any(move)})"
        f" UNION ALL SELECT {columns}, {own} AS own, {whole} AS whole, {has_text} AS has_text"
        f" FROM {JOINED} WHERE o.touched"
        ") WHERE own IS DISTINCT FROM same"
    )


def _decided_by(plan: Plan, block: float, rank: int) -> tuple[str, str] | None:
    """Return stage and name of the rule at a place; None where no rule has decided."""
    step = plan.steps[rank] if 0 <= rank < len(plan.steps) else None
    return (step.stage, step.rule.name) if step is not None and step.block == block else None


def _same(plan: Plan, name: tuple[str, str] | None) -> int:
    """Return what `own` says of a page that its own rule, though changed, drops; -1 if gone."""
    for rank, step in enumerate(plan.steps):
        if (step.stage, step.rule.name) == name:
            return 2 * rank
    return -1


def _at(place: tuple[float, int]) -> float:
    return _LAST if place == KEPT else place[0] * _BLOCK + place[1]


def _first(move: Move, ranks: Sequence[int], condition: str) -> str:
    """Return SQL of the first of these steps that decides where the condition holds."""
    cases = []
    for rank in ranks:
        step = move.plan.steps[rank]
        at = _at(rank_place(move.plan, rank))
        holds = condition.format(at=at, block=step.block)
        fires = fires_sql(step.rule)
        cases.append(f"WHEN {holds} AND {fires} THEN {2 * rank}")
        cases.append(f"WHEN {holds} AND {fires} IS NULL THEN {2 * rank + 1}")
    return f"CASE {' '.join(cases)} END::BIGINT" if cases else "NULL::BIGINT"


def _any(move: Move) -> str:
    """Return SQL for whether a changed step catches a page before what had decided on it."""
    caught = [
        f"(o.at > {_at(rank_place(move.plan, rank))}"
        f" AND coalesce({fires_sql(move.plan.steps[rank].rule)}, true))"
        for rank in move.changed
    ]
    return " OR ".join(caught) or "false"
