"""Where a change takes and gives: by language, by domain, and as examples."""

from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from filters.hosts import HostReader
from pipelines.audit.cube import literal, quoted, value_sql
from pipelines.audit.moves import LOST, PASSES
from pipelines.audit.steps import Plan

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HOSTS = 2_000
"""Hosts with the most changed pages that are put together into domains; the rest is one row."""
_REST = "(all other)"
_SHOWN = ("file_path", "record", "id", "url", "language", "token_count")
"""What an example says of its page."""


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
    if chosen.empty:
        return []
    ranks = [_rank(plan, row.rule, row.rank) for row in chosen.itertuples()]
    pages = _pages(connection, plan, chosen, [rank for rank in ranks if rank is not None])
    told = []
    for row, rank in zip(chosen.itertuples(), ranks, strict=True):
        page = pages[row.file_path, row.record]
        why = {"rule": row.rule, "expression": None, "value": None}
        if rank is not None:
            rule = plan.steps[rank].rule
            why = {
                "rule": rule.name,
                "expression": str(rule.of(page["language"]) or rule),
                "value": page[f"v{rank}"],
            }
        told.append({name: page[name] for name in _SHOWN} | why)
    return told


def _rank(plan: Plan, rule: str | None, rank: float) -> int | None:
    """Return the rank of the rule that decided a page, or of the one that would."""
    name = (rule or "").removeprefix("undefined:")
    if name in plan.names():
        return plan.names().index(name)
    return None if pd.isna(rank) else int(rank)


def _pages(
    connection: "DuckDBPyConnection", plan: Plan, chosen: pd.DataFrame, ranks: list[int]
) -> dict[tuple[str, int], dict[str, Any]]:
    """Return these pages with what the rules of those ranks read on each, by file and record."""
    columns = [
        *map(quoted, _SHOWN),
        *(f"{value_sql(plan.steps[rank].rule)} AS v{rank}" for rank in sorted({*ranks})),
    ]
    # By constants, so that DuckDB skips the files and row groups that cannot hold the pages.
    files = ", ".join(literal(path) for path in chosen["file_path"].unique())
    records = ", ".join(str(int(record)) for record in chosen["record"].unique())
    found = connection.execute(
        f"SELECT {', '.join(columns)} FROM ledger"
        f" WHERE file_path IN ({files}) AND record IN ({records})"
    )
    names = [column[0] for column in found.description or ()]
    pages = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {(page["file_path"], page["record"]): page for page in pages}
