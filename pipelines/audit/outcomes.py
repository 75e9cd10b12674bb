"""The outcomes of a run (status, stage, rule), with their place among the rules of a recipe.

There are a few dozen, whatever the number of pages; a query about pages joins them.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from pipelines.audit.cube import literal
from pipelines.audit.steps import Plan, Reasons, place_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

JOINED = (
    "ledger JOIN outcomes AS o ON ledger.status = o.o_status"
    " AND coalesce(ledger.stage, '') = o.o_stage AND coalesce(ledger.rule, '') = o.o_rule"
)
"""SQL of the ledger with what `register` knows of each page's outcome."""


def count_outcomes(connection: "DuckDBPyConnection") -> pd.DataFrame:
    """Return every outcome of the ledger with its pages and tokens, and those of audited pages."""
    frame = connection.execute(
        "SELECT status, stage, rule, count(*) AS pages,"
        " coalesce(sum(token_count), 0)::BIGINT AS tokens,"
        " count(*) FILTER (audited) AS audited_pages"
        " FROM ledger GROUP BY ALL"
    ).df()
    for name in ("stage", "rule"):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def placed(outcomes: pd.DataFrame, plan: Plan, reasons: Reasons) -> pd.DataFrame:
    """Return outcomes with `block` and `rank`: where a recipe has them (`steps.place_of`)."""
    rows = zip(outcomes["status"], outcomes["stage"], outcomes["rule"], strict=True)
    places = [place_of(plan, reasons, *row) for row in rows]
    columns = {"block": [place[0] for place in places], "rank": [place[1] for place in places]}
    return outcomes.assign(**columns)


def register(connection: "DuckDBPyConnection", outcomes: pd.DataFrame) -> None:
    """Make outcomes with further columns the table `outcomes`, for `JOINED`."""
    keys = {
        "o_status": outcomes["status"],
        "o_stage": outcomes["stage"].fillna(""),
        "o_rule": outcomes["rule"].fillna(""),
    }
    rest = outcomes.drop(columns=["status", "stage", "rule", "pages", "tokens", "audited_pages"])
    known = pd.DataFrame(keys).astype(object).join(rest)
    connection.register("known_outcomes", known)
    connection.execute("CREATE OR REPLACE TEMP TABLE outcomes AS SELECT * FROM known_outcomes")
    connection.unregister("known_outcomes")


def outcome_sql(outcomes: pd.DataFrame) -> str:
    """Return SQL for whether a page of the ledger has one of these outcomes."""
    conditions = []
    for (status, stage), rows in outcomes.groupby(["status", "stage"], dropna=False):
        where = f"stage = {literal(stage)}" if isinstance(stage, str) else "stage IS NULL"
        condition = f"status = {literal(status)} AND {where}"
        names = [literal(rule) for rule in rows["rule"] if isinstance(rule, str)]
        if names:
            condition += f" AND rule IN ({', '.join(names)})"
        conditions.append(f"({condition})")
    return f"({' OR '.join(conditions)})" if conditions else "false"


def count(connection: "DuckDBPyConnection", rows: str) -> tuple[int, int]:
    """Return pages and tokens of SQL `rows` (a table with a condition) that have `token_count`."""
    query = f"SELECT count(*), coalesce(sum(token_count), 0)::BIGINT FROM {rows}"
    pages, tokens = one_row(connection, query)
    return int(pages), int(tokens)


def one_row(connection: "DuckDBPyConnection", query: str) -> tuple[Any, ...]:
    """Return the single row of a query; fetched whole, so that the connection is free again."""
    row: tuple[Any, ...] = connection.execute(query).fetchall()[0]
    return row
