"""What deduplication can do to the pages that a change of rules brings to it, or takes from it.

Which pages repeat each other among others than before, only a run can say: here are bounds. With
rules after deduplication a cluster's fate hangs on the one page that stays of it: where another
page takes its place, these rules decide on that one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.audit.cube import fires_sql, literal
from pipelines.audit.estimate import Estimate
from pipelines.audit.impact import Effect
from pipelines.audit.moves import PASSES
from pipelines.audit.outcomes import one_row
from pipelines.audit.steps import Plan
from pipelines.recipe.rule_stages import FINAL

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LEAVES = "NOT touched AND (status = 'kept' OR stage = 'dedup')"
"""SQL for pages of `moved` that no rule had removed."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Pages, each with their tokens, whose fate turns with what comes to deduplication."""

    surely_back: tuple[int, int] = (0, 0)
    """Repeats that come back because what they repeat leaves."""
    most_back: tuple[int, int] = (0, 0)
    """All repeats that may."""
    spoiled: tuple[int, int] = (0, 0)
    """Kept pages, at most, in whose place one may come that a rule after deduplication drops."""

    @property
    def is_open(self) -> bool:
        """Whether there is anything that only another deduplication can say."""
        return bool(self.most_back[0] or self.spoiled[0])


NOTHING = Turn()


def find_turn(connection: "DuckDBPyConnection", plan: Plan) -> Turn:
    """Return what turns in the table `moved` (`pipelines.audit.moves`) under the new plan."""
    surely, most = _returning(connection, plan)
    return Turn(surely, most, _spoiled(connection, plan))


def _returning(
    connection: "DuckDBPyConnection", plan: Plan
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many repeats surely come back because what they repeat leaves, and at most.

    Of each cluster whose kept page does not come to deduplication any more, one of those that are
    left stays in its place; which of them would be told apart is for deduplication to say.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE broken AS"
        " SELECT cluster_id, bool_or(stage IS DISTINCT FROM 'dedup') AS headless FROM moved"
        f" WHERE own // 2 < {plan.final} AND cluster_id IS NOT NULL"
        f" AND (status = 'kept' OR stage IN ('dedup', {literal(FINAL)})) GROUP BY ALL"
    )
    fires = [f"coalesce({fires_sql(step.rule)}, true)" for step in plan.steps[plan.final :]]
    stays = f"NOT ({' OR '.join(fires)})" if fires else "true"
    surely, tokens, most, most_tokens = one_row(
        connection,
        f"WITH left_over AS (SELECT l.cluster_id, b.headless AND bool_and({stays}) AS back,"
        f" count(*) FILTER ({stays}) AS pages,"
        f" coalesce(sum(token_count) FILTER ({stays}), 0) AS tokens,"
        " coalesce(min(token_count), 0) AS least"
        " FROM ledger AS l JOIN broken AS b USING (cluster_id)"
        " WHERE l.stage = 'dedup' AND NOT EXISTS (SELECT 1 FROM moved AS m"
        " WHERE m.file_path = l.file_path AND m.record = l.record)"
        " GROUP BY l.cluster_id, b.headless)"
        " SELECT count(*) FILTER (back), coalesce(sum(least) FILTER (back), 0)::BIGINT,"
        " coalesce(sum(pages), 0)::BIGINT, coalesce(sum(tokens), 0)::BIGINT FROM left_over",
    )
    return (surely, tokens), (most, most_tokens)


def _spoiled(connection: "DuckDBPyConnection", plan: Plan) -> tuple[int, int]:
    """Return how many kept pages one may come before that rules after deduplication drop.

    Each page that comes anew to deduplication and is not known to pass those rules can stand for
    the cluster of one kept page; its tokens are at most those of the longest.
    """
    if plan.final == len(plan.steps):
        return 0, 0
    pages, tokens = one_row(
        connection,
        f"SELECT count(*), (SELECT coalesce(max(token_count), 0) FROM ledger WHERE status = 'kept')"
        f" FROM moved WHERE touched AND own IS NULL AND stage <> {literal(FINAL)} AND NOT {PASSES}"
        f" AND (coalesce(whole, -1) < 0 OR whole // 2 >= {plan.final})",
    )
    return pages, pages * tokens


def within(kept: Effect, gained: Effect, share: float, turn: Turn) -> Effect:
    """Return what stays after deduplication of what is kept and gained.

    It may take anything of the latter; `share` is what it has left of all pages so far.
    """
    figures = []
    for unit, name in enumerate(("pages", "tokens")):
        stays, more = getattr(kept, name).value, getattr(gained, name)
        surely, most, spoiled = (
            each[unit] for each in (turn.surely_back, turn.most_back, turn.spoiled)
        )
        value = stays + surely + more.value * share
        low = max(stays + surely - spoiled, 0)
        high = stays + surely + more.high + most - surely
        figures.append(Estimate(value, low, high, more.informed))
    return Effect(*figures)
