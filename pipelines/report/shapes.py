"""How the value of each rule is spread over the pages, kept against removed.

Counted over every page on which it was measured, not over a sample.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from filters.rule import Rule
from pipelines.audit.cube import literal, value_sql
from pipelines.audit.ledger import Ledger
from pipelines.audit.steps import Step
from pipelines.report.scale import Scale, make_scale

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TAIL = 0.995
"""Values above this quantile share the last bar."""
_FIRES_ABOVE = (">", "<=")
"""With these a page at the constant belongs with those below it."""


def read_scales(connection: "DuckDBPyConnection", steps: Sequence[Step]) -> dict[int, Scale]:
    """Return the scale of each rule that compares with one number, by its rank.

    A rule whose number depends on the language has none: a report of one language has it.
    """
    ranks = [
        rank
        for rank, step in enumerate(steps)
        if not isinstance(step.rule.constant, str) and not step.rule.others
    ]
    columns = []
    for rank in ranks:
        value = f"{value_sql(steps[rank].rule)}::DOUBLE"
        columns += [f"min({value})", f"approx_quantile({value}, {_TAIL})"]
    if not columns:
        return {}
    found = connection.execute(f"SELECT {', '.join(columns)} FROM ledger").fetchone() or ()  # noqa: S608  quoted
    bounds = zip(found[::2], found[1::2], strict=True)
    return {
        rank: make_scale(steps[rank].rule, *(_number(bound) for bound in pair))
        for rank, pair in zip(ranks, bounds, strict=True)
    }


def _number(bound: float | None) -> float:
    return 0.0 if bound is None or not math.isfinite(bound) else float(bound)


def read_shapes(
    connection: "DuckDBPyConnection", ledger: Ledger, scales: Mapping[int, Scale]
) -> list[dict[str, Any]]:
    """Return a chart for each rule with a scale: pages kept and removed, by bar.

    Keys: `rank, measured` (pages), `edges`, `kept` and `removed`: lists of pages, one longer than
    `edges`; the first counts what lies before the first edge, the last what lies beyond the last.
    """
    steps = ledger.plan.steps
    charts = [_histogram(steps[rank].rule, scale.edges) for rank, scale in scales.items()]
    if not charts:
        return []
    query = f"SELECT status = 'kept', {', '.join(charts)} FROM ledger GROUP BY ALL"  # noqa: S608  quoted
    rows = {bool(row[0]): row[1:] for row in connection.execute(query).fetchall()}
    shapes = []
    for at, (rank, scale) in enumerate(scales.items()):
        rule = steps[rank].rule
        kept, removed = (
            _counts(rule, scale.edges, rows[side][at] if side in rows else {})
            for side in (True, False)
        )
        shapes.append(
            {
                "rank": rank,
                "edges": list(scale.edges),
                "kept": kept,
                "removed": removed,
                "measured": sum(kept) + sum(removed),
            }
        )
    return shapes


def _histogram(rule: Rule, edges: Iterable[float]) -> str:
    """Return SQL of a map from a bar's upper edge to its pages.

    DuckDB's bars end with their upper edge, exactly. Where the page at the constant belongs to
    those above it, the values' signs are turned round.
    """
    value = f"{value_sql(rule)}::DOUBLE"
    if rule.op not in _FIRES_ABOVE:
        value, edges = f"(-{value})", sorted(-edge for edge in edges)
    return f"histogram({value}, [{', '.join(literal(float(edge)) for edge in edges)}])"


def _counts(rule: Rule, edges: Sequence[float], found: Mapping[float, int] | None) -> list[int]:
    """Return the bars of `_histogram` from the lowest values to the highest."""
    bars = found or {}
    if rule.op in _FIRES_ABOVE:
        return [bars.get(edge, 0) for edge in (*edges, math.inf)]
    return [bars.get(-edge, 0) for edge in (-math.inf, *edges)]
