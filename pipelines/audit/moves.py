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
from pipelines.audit.outcomes import outcome_sql, placed
from pipelines.audit.sample import has_text_sql
from pipelines.audit.steps import FIRST_BLOCK, KEPT, Plan, Reasons, Step, rank_place

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS = (
    "file_path, record, host, language, status, stage, rule, audited, token_count, cluster_id,"
    " cluster_size"
)
_BLOCK = 10_000
"""More rules than a block has: places become numbers that sort as they do."""
_LAST = 1e18

PASSES = "(touched AND own IS NULL AND ((NOT later) OR (audited AND whole IS NULL AND has_text)))"
"""SQL for pages of `moved` that would pass every rule, as far as that is known."""
UNSURE = "(touched AND own IS NULL AND later AND (NOT audited OR coalesce(whole = -1, false)))"
"""SQL for pages of `moved` of which nobody knows what would become of them."""
SEEN = "(touched AND own IS NULL AND later AND audited AND NOT blind)"
"""SQL for audited pages of `moved` that say what would become of those."""
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
    cluster_id, cluster_size`, `touched`: its own rule has changed, `later`: rules lie behind the
    block where it had been decided, `own`: twice the rank of the step that decides now among the
    steps that were measured on every such page, plus 1 where that is undefined; null if none
    does; `whole`: the same among all steps, for audited pages, and -1 where that depends on what a
    block of datatrove would say that the page had not come to; `blind`: such a block lies behind,
    so that no page that passes is known; `has_text`.
    """
    table = placed(outcomes, move.plan, reasons)
    table["at"] = [_at((b, r)) for b, r in zip(table["block"], table["rank"], strict=True)]
    # Where a rule is gone, the new plan does not say in which block it had decided.
    table = placed(table, move.before, reasons)
    names = [_decided_by(move.before, row.block, row.rank) for row in table.itertuples()]
    fallen = table.assign(name=names)[[name in move.touched for name in names]]
    standing = table.drop(index=fallen.index)
    # Columns of all rules are read only if a page is let go.
    go = f"{outcome_sql(fallen)} AND NOT ({_stay(move, fallen)})"
    any_goes = connection.execute(f"SELECT 1 FROM ledger WHERE {go} LIMIT 1").fetchall()
    rows = _caught(move, standing)
    if any_goes:
        rows = f"{rows} UNION ALL {_let_go(move, fallen, go)}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE moved AS {rows}")


def _caught(move: Move, standing: pd.DataFrame) -> str:
    """Return SQL of the pages that a changed step catches before what had decided on them."""
    cases, reached = [], []
    for rank in move.changed:
        rule = move.plan.steps[rank].rule
        behind = outcome_sql(standing[standing["at"] > _at(rank_place(move.plan, rank))])
        cases += _cases(f"{behind} AND ", fires_sql(rule), rank)
        reached.append(f"({behind} AND coalesce({fires_sql(rule)}, true))")
    own = f"CASE {' '.join(cases)} END" if cases else "NULL"
    where = " OR ".join(reached) or "false"
    return (
        f"SELECT {_COLUMNS}, false AS touched, false AS later, {own}::BIGINT AS own,"
        f" NULL::BIGINT AS whole, false AS blind, true AS has_text FROM ledger WHERE {where}"
    )


def _let_go(move: Move, fallen: pd.DataFrame, go: str) -> str:
    """Return SQL of the pages that their own rule lets go, with what decides on them now."""
    walls = sorted(move.plan.foreign.values())
    last = max([move.plan.last_block(), *walls])
    by_block = [(block, outcome_sql(rows)) for block, rows in fallen.groupby("block")]
    block = _choose([(f"{block!r}", condition) for block, condition in by_block])
    own, whole = [], []
    least = fallen["block"].min()
    # What stands before the first of the rules that fall had said no, and says it still.
    silent = {_named(step) for step in move.before.steps[: int(fallen["rank"].min())]}
    for rank, step in enumerate(move.plan.steps):
        if _named(step) in silent and rank not in move.changed:
            continue
        fires = fires_sql(step.rule)
        before = [wall for wall in walls if wall <= step.block]
        whole += _cases("", fires, rank, _unless_blind(before, f"{2 * rank + 1}"))
        if step.block <= least:
            own += _cases("", fires, rank)
        elif step.block <= fallen["block"].max():
            own += _cases(f"block >= {step.block} AND ", fires, rank)
    first = f"CASE {' '.join(own)} END" if own else "NULL"
    passes = _unless_blind(walls, "NULL")
    every = f"CASE {' '.join(whole)} ELSE {passes} END" if whole else passes
    blind = f"block < {walls[-1]}" if walls else "false"
    has_text = "true" if least >= FIRST_BLOCK else has_text_sql(move.before)
    rows = f"SELECT *, {block} AS block FROM ledger WHERE {go}"
    return (
        f"SELECT {_COLUMNS}, true AS touched, block < {last} AS later, {first}::BIGINT AS own,"
        f" (CASE WHEN audited THEN {every} END)::BIGINT AS whole, {blind} AS blind,"
        f" {has_text} AS has_text FROM ({rows})"
    )


def _stay(move: Move, fallen: pd.DataFrame) -> str:
    """Return SQL for pages that their own rule, though changed, still drops and no earlier one."""
    stays = []
    for name, rows in fallen[fallen["status"] == "dropped"].groupby("name", sort=False):
        rank = next((r for r, s in enumerate(move.plan.steps) if _named(s) == name), None)
        if rank is None:
            continue
        earlier = [r for r in move.changed if r < rank]
        others = [f"NOT coalesce({fires_sql(move.plan.steps[r].rule)}, true)" for r in earlier]
        fires = f"coalesce({fires_sql(move.plan.steps[rank].rule)}, false)"
        stays.append(" AND ".join([outcome_sql(rows), fires, *others]))
    return " OR ".join(f"({condition})" for condition in stays) or "false"


def _named(step: Step) -> tuple[str, str]:
    return step.stage, step.rule.name


def _cases(condition: str, fires: str, rank: int, undefined: str = "") -> list[str]:
    return [
        f"WHEN {condition}{fires} THEN {2 * rank}",
        f"WHEN {condition}{fires} IS NULL THEN {undefined or 2 * rank + 1}",
    ]


def _unless_blind(walls: Sequence[int], value: str) -> str:
    """Return SQL of a value, and of -1 on pages that left before the last of some blocks."""
    return f"CASE WHEN block < {walls[-1]} THEN -1 ELSE {value} END" if walls else value


def _choose(values: Sequence[tuple[str, str]]) -> str:
    """Return SQL that is the first value whose condition holds; without conditions null."""
    if len(values) == 1:
        return values[0][0]
    cases = [f"WHEN {condition} THEN {value}" for value, condition in values]
    return f"CASE {' '.join(cases)} END" if cases else "NULL"


def _decided_by(plan: Plan, block: float, rank: int) -> tuple[str, str] | None:
    """Return stage and name of the rule at a place; None where no rule has decided."""
    step = plan.steps[rank] if 0 <= rank < len(plan.steps) else None
    return (step.stage, step.rule.name) if step is not None and step.block == block else None


def _at(place: tuple[float, int]) -> float:
    return _LAST if place == KEPT else place[0] * _BLOCK + place[1]
