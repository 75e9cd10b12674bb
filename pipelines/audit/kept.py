"""Kept pages and tokens of two runs by language and by domain."""

from typing import TYPE_CHECKING

import pyarrow as pa

from pipelines.audit.shifts import domain_of

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

MOST_DOMAINS = 1_000
"""Domains that are listed, those with the largest shift."""


def by_language(connection: "DuckDBPyConnection") -> "pd.DataFrame":
    """Return kept pages and tokens by language, most pages first."""
    return connection.execute(
        _both("coalesce(language, '')", "language")
        + " ORDER BY greatest(pages_a, pages_b) DESC, language"
    ).df()


def by_domain(connection: "DuckDBPyConnection", *, tokens: bool) -> "pd.DataFrame":
    """Return kept pages and tokens by registered domain where they differ, largest shift first.

    Without `tokens`, where the pages differ.
    """
    from duckdb.func import PythonUDFType

    connection.create_function(
        "domain_of", _domains, ["VARCHAR"], "VARCHAR", type=PythonUDFType.ARROW
    )
    hosts = _both("coalesce(host, '')", "host")
    return connection.execute(
        "SELECT * FROM (SELECT domain_of(host) AS domain,"
        " sum(pages_a)::BIGINT AS pages_a, sum(tokens_a)::BIGINT AS tokens_a,"
        " sum(pages_b)::BIGINT AS pages_b, sum(tokens_b)::BIGINT AS tokens_b"
        f" FROM ({hosts}) GROUP BY domain)"
        f" WHERE pages_a <> pages_b{' OR tokens_a <> tokens_b' if tokens else ''}"
        " ORDER BY abs(pages_a - pages_b) DESC, abs(tokens_a - tokens_b) DESC, domain"
        f" LIMIT {MOST_DOMAINS}"
    ).df()


def _both(key: str, name: str) -> str:
    sides = [
        f"SELECT {key} AS {name}, count(*) AS pages_{side},"
        f" coalesce(sum(token_count), 0)::BIGINT AS tokens_{side}"
        f" FROM {side} WHERE status = 'kept' GROUP BY ALL"
        for side in ("a", "b")
    ]
    counts = ", ".join(
        f"coalesce({what}_{side}, 0) AS {what}_{side}"
        for side in ("a", "b")
        for what in ("pages", "tokens")
    )
    return f"SELECT {name}, {counts} FROM ({sides[0]}) FULL JOIN ({sides[1]}) USING ({name})"


def _domains(hosts: pa.ChunkedArray) -> pa.Array:
    return pa.array([domain_of(host) for host in hosts.to_pylist()], pa.string())
