"""Where a change takes and gives: by language, by domain, and as examples."""

from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from filters.hosts import HostReader
from pipelines.audit.cube import quoted, value_sql
from pipelines.audit.moves import LOST, PASSES
from pipelines.audit.steps import Plan

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HOSTS = 2_000
"""Hosts with the most changed pages that are put together into domains; the rest is one row."""
_REST = "(all other)"


def by_language(connection: "DuckDBPyConnection") -> pd.DataFrame:
    """Return lost and gained pages and tokens by language, most changed first.

    Gained ones are those that are certain; see `whatif.WhatIf.gained` for the estimate of all.
    """
    return _sides(connection, "coalesce(language, '')").rename(columns={"name": "language"})


def by_domain(connection: "DuckDBPyConnection") -> pd.DataFrame:
    """Return lost and gained pages and tokens by registered domain, most changed first."""
    hosts = _sides(connection, "coalesce(host, '')")
    named = [domain_of(host) for host in hosts["name"][:_HOSTS]]
    domains = [*named, *[_REST] * (len(hosts) - len(named))]
    frame = hosts.drop(columns="name").assign(domain=domains)
    grouped = frame.groupby("domain", sort=True).sum().reset_index()
    order = (grouped["lost_pages"] + grouped["gained_pages"]).sort_values(
        ascending=False, kind="stable"
    )
    return grouped.loc[order.index].reset_index(drop=True)


def _sides(connection: "DuckDBPyConnection", key: str) -> pd.DataFrame:
    sums = ", ".join(
        f"count(*) FILTER ({condition}) AS {side}_pages,"
        f" coalesce(sum(token_count) FILTER ({condition}), 0)::BIGINT AS {side}_tokens"
        for side, condition in (("lost", LOST), ("gained", PASSES))
    )
    return connection.execute(
        f"SELECT {key} AS name, {sums} FROM moved WHERE {LOST} OR {PASSES}"
        " GROUP BY name ORDER BY lost_pages + gained_pages DESC, name"
    ).df()


@cache
def _reader() -> HostReader:
    return HostReader()


def domain_of(host: str) -> str:
    """Return the registered domain of a host, or the host where it has none."""
    return _reader().domains(f"http://{host}/")[0] or host


def examples(
    connection: "DuckDBPyConnection", plan: Plan, which: str, number: int
) -> list[dict[str, Any]]:
    """Return some of these pages, chosen by hash: `url, id, language, token_count, rule, value`.

    `rule` is the one of `plan` that drops the page, `value` the left side of its comparison.
    """
    chosen = connection.execute(
        "SELECT file_path, record, own // 2 AS rank, rule FROM moved"
        f" WHERE {which} ORDER BY md5_number_lower(file_path || '#' || record) LIMIT {number}"
    ).df()
    found = [_example(connection, plan, row) for row in chosen.itertuples()]
    return [example for example in found if example]


def _example(connection: "DuckDBPyConnection", plan: Plan, row: Any) -> dict[str, Any]:
    names = plan.names()
    rank = names.index(row.rule) if row.rule in names else row.rank
    step = None if pd.isna(rank) else plan.steps[int(rank)]
    value = value_sql(step.rule) if step else "NULL"
    columns = ", ".join(
        map(quoted, ("file_path", "record", "id", "url", "language", "token_count"))
    )
    # By constants, so that DuckDB skips the files and row groups that cannot hold the page.
    found = connection.execute(
        f"SELECT {columns}, {value} AS value FROM ledger WHERE file_path = ? AND record = ?",
        [row.file_path, int(row.record)],
    ).fetchall()
    if not found:
        return {}
    keys = ("file_path", "record", "id", "url", "language", "token_count", "value")
    told = dict(zip(keys, found[0], strict=True))
    return told | {
        "rule": step.rule.name if step else row.rule,
        "expression": str(step.rule) if step else None,
    }
