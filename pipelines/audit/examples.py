"""Pages that two runs treat otherwise, each with the numbers that made its decisions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.audit.cube import quoted
from pipelines.audit.ledger import Ledger
from pipelines.audit.matching import SIDES
from pipelines.audit.recipes import written_for
from pipelines.audit.steps import COLUMNS, Plan, Step

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ABOUT = ("id", "url", "file_path", "record", "status", "stage", "rule", "language", "token_count")
_MOST_CHANGES = 20
"""Kinds of another decision, the commonest ones, of which examples are drawn."""

_KINDS: Mapping[str, str] = {
    "only_a": "SELECT k1, k2 FROM pairs WHERE ob IS NULL",
    "only_b": "SELECT k1, k2 FROM pairs WHERE oa IS NULL",
    "other_language": "SELECT k1, k2 FROM pairs WHERE la <> lb",
    "other_text": "SELECT k1, k2 FROM other_text",
    "other_extraction": "SELECT k1, k2 FROM other_extraction ANTI JOIN other_text USING (k1, k2)",
    "other_tokens": "SELECT k1, k2 FROM pairs ANTI JOIN other_text USING (k1, k2)"
    " WHERE oa = ob AND ta <> tb",
}


def draw_examples(
    connection: "DuckDBPyConnection", a: Ledger, b: Ledger, count: int
) -> list[dict[str, Any]]:
    """Return `count` pages of each kind of difference and of each change of decision.

    Chosen by a hash of their keys, so the same ones every time. Each is a map: `what` (`decision`,
    `only_a`, …), `id, url, file_path, record`, and under `a` and `b`, where a run has it, `status,
    stage, rule, language, tokens` and `numbers`: of each rule that decided in one of the runs, as
    this run has it, what its comparison reads and gives.
    """
    connection.execute(
        "CREATE TEMP TABLE chosen AS SELECT 'decision' AS what, k1, k2 FROM ("
        " SELECT k1, k2, oa, ob, row_number() OVER (PARTITION BY oa, ob ORDER BY hash(k1, k2), k1)"
        " AS n, count(*) OVER (PARTITION BY oa, ob) AS size FROM pairs WHERE oa <> ob)"
        f" WHERE n <= {int(count)} ORDER BY size DESC, oa, ob, n LIMIT {int(count) * _MOST_CHANGES}"
    )
    for what, query in _KINDS.items():
        connection.execute(
            f"INSERT INTO chosen SELECT '{what}', k1, k2 FROM ({query})"
            f" ORDER BY hash(k1, k2), k1 LIMIT {int(count)}"
        )
    order = connection.execute("SELECT what, k1, k2 FROM chosen ORDER BY rowid").fetchall()
    pages = {side: _pages(connection, side, of) for side, of in zip(SIDES, (a, b), strict=True)}
    return [_example(what, key, pages, (a.plan, b.plan)) for what, *key in order]


def _pages(
    connection: "DuckDBPyConnection", side: str, ledger: Ledger
) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the chosen rows of one run, by key."""
    reads = [name for step in ledger.plan.steps for name in step.columns]
    names = dict.fromkeys(name for name in (*_ABOUT, *reads) if name in ledger.schema.names)
    rows = connection.execute(
        f"SELECT k1, k2, {', '.join(map(quoted, names))} FROM {side}"
        " SEMI JOIN chosen USING (k1, k2)"
    )
    columns = [item[0] for item in rows.description or ()]
    found = [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]
    return {(row["k1"], row["k2"]): row for row in found}


def _example(
    what: str,
    key: Sequence[Any],
    pages: Mapping[str, Mapping[tuple[str, int], dict[str, Any]]],
    plans: tuple[Plan, Plan],
) -> dict[str, Any]:
    rows = {side: pages[side].get((key[0], key[1])) for side in SIDES}
    known = next(row for row in rows.values() if row is not None)
    deciding = dict.fromkeys(row["rule"] for row in rows.values() if row and row["rule"])
    told: dict[str, Any] = {"what": what}
    told |= {name: known[name] for name in ("id", "url", "file_path", "record")}
    for side, plan in zip(SIDES, plans, strict=True):
        row = rows[side]
        told[side] = row and {
            **{name: row[name] for name in ("status", "stage", "rule", "language")},
            "tokens": row["token_count"],
            "numbers": _numbers(row, [plan.step(name) for name in deciding]),
        }
    return told


def _numbers(row: Mapping[str, Any], steps: Sequence[Step | None]) -> list[dict[str, Any]]:
    values = {**row, **{name: row.get(column) for name, column in COLUMNS.items()}}
    return [
        {
            "rule": step.rule.name,
            "fires_if": written_for(step.rule, row["language"]),
            "value": step.rule.value(values),
            "fires": step.rule.fires(values),
        }
        for step in steps
        if step is not None
    ]
