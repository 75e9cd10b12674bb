"""The audit's figures by language, dump or registered domain."""

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pandas as pd

from pipelines.audit.cube import count_pages
from pipelines.audit.impact import Pages, impact
from pipelines.audit.ledger import Ledger
from pipelines.audit.shifts import domain_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

By: TypeAlias = Literal["language", "domain", "dump"]
REST = "(all other)"


def impact_by(
    connection: "DuckDBPyConnection", ledger: Ledger, by: By, top: int
) -> list[dict[str, Any]]:
    """Return the rows of `impact.impact` for each of the `top` groups with the most pages.

    Each row has the group as its first key, called as `by`; what is in no such group is
    `(all other)`, and pages without a language or host are "".
    """
    return impact_of_groups(ledger, by, grouped_pages(connection, ledger, by, top))


def grouped_pages(
    connection: "DuckDBPyConnection", ledger: Ledger, by: By, top: int
) -> pd.DataFrame:
    """Count pages as `cube.count_pages` does, by group, too: the column `grouped`."""
    source, key = _grouped(connection, by, top)
    return count_pages(connection, ledger.plan.steps, by=[f"{key} AS grouped"], source=source)


def impact_of_groups(ledger: Ledger, by: By, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of `impact_by` for what `grouped_pages` has counted."""
    sizes = frame.groupby("grouped")["pages"].sum()
    names = sorted(sizes.index, key=lambda name: (name == REST, -int(sizes[name]), name))
    rows: list[dict[str, Any]] = []
    for name in names:
        group = frame[frame["grouped"] == name].reset_index(drop=True)
        rows += [{by: name, **row} for row in impact(Pages(ledger, group))]
    return rows


def _grouped(connection: "DuckDBPyConnection", by: By, top: int) -> tuple[str, str]:
    """Return SQL of the ledger with its groups, and of the group's name."""
    column = {"language": "language", "dump": "dump", "domain": "host"}[by]
    counts = connection.execute(
        f"SELECT coalesce({column}, '') AS value, count(*) AS pages FROM ledger GROUP BY ALL"
    ).df()
    named = [domain_of(host) for host in counts["value"]] if by == "domain" else counts["value"]
    counts["name"] = pd.Series(named, dtype=object)
    sizes = counts.groupby("name")["pages"].sum().reset_index()
    chosen = sizes.sort_values(["pages", "name"], ascending=[False, True])["name"].head(top)
    known = counts[counts["name"].isin(chosen)][["value", "name"]].astype(object)
    connection.register("known_groups", known)
    connection.execute("CREATE OR REPLACE TEMP TABLE groups AS SELECT * FROM known_groups")
    connection.unregister("known_groups")
    source = f"ledger LEFT JOIN groups AS g ON coalesce(ledger.{column}, '') = g.value"
    return source, f"coalesce(g.name, '{REST}')"
