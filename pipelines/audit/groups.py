"""The audit's figures by language, dump, registered domain, or a label such as CCNet's bucket."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from filters.catalog import TEXT
from filters.errors import UsageError, nearest
from pipelines.audit.cube import count_pages, quoted
from pipelines.audit.impact import Pages, impact
from pipelines.audit.ledger import Ledger
from pipelines.audit.shifts import domain_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BUCKET = "bucket"
_COLUMNS = {"language": "language", "dump": "dump", "domain": "host"}
REST = "(all other)"


def impact_by(
    connection: "DuckDBPyConnection", ledger: Ledger, by: str, top: int
) -> list[dict[str, Any]]:
    """Return the rows of `impact.impact` for each of the `top` groups with the most pages.

    `by` is language, domain, dump, a label that the run has measured, or bucket for the one that a
    perplexity gives. Each row has the group as its first key, called as `by`; what is in no such
    group is `(all other)`, and pages without a language, host or label are "".
    UsageError for what is none of these.
    """
    return impact_of_groups(ledger, by, grouped_pages(connection, ledger, by, top))


def grouped_pages(
    connection: "DuckDBPyConnection", ledger: Ledger, by: str, top: int
) -> pd.DataFrame:
    """Count pages as `cube.count_pages` does, by group, too: the column `grouped`."""
    source, key = _grouped(connection, ledger, by, top)
    return count_pages(connection, ledger.plan.steps, by=[f"{key} AS grouped"], source=source)


def impact_of_groups(ledger: Ledger, by: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of `impact_by` for what `grouped_pages` has counted."""
    sizes = frame.groupby("grouped")["pages"].sum()
    names = sorted(sizes.index, key=lambda name: (name == REST, -int(sizes[name]), name))
    rows: list[dict[str, Any]] = []
    for name in names:
        group = frame[frame["grouped"] == name].reset_index(drop=True)
        rows += [{by: name, **row} for row in impact(Pages(ledger, group))]
    return rows


def group_column(ledger: Ledger, by: str) -> str:
    """Return the ledger's column that `by` means; UsageError where it has none."""
    labels = [name for name in ledger.signals if pa.types.is_string(ledger.schema.field(name).type)]
    if by == BUCKET:
        return _bucket_column(ledger, labels)
    column = _COLUMNS.get(by) or next((own for own in (by, f"{TEXT}.{by}") if own in labels), None)
    if column is None:
        known = [*_COLUMNS, BUCKET, *(name.removeprefix(f"{TEXT}.") for name in labels)]
        close = nearest(by, known)
        meant = f"Did you mean '{close}'?  " if close else ""
        raise UsageError(
            f"{ledger.root}: '{by}' is no label that its pages have.\n"
            f"  {meant}They can be told apart by {', '.join(known)}."
        )
    return column


def _bucket_column(ledger: Ledger, labels: list[str]) -> str:
    found = [name for name in labels if name.endswith(f"_{BUCKET}")]
    if not found:
        raise UsageError(
            f"{ledger.root}: its pages have no bucket.\n"
            "  A perplexity with cut-offs gives one: perplexity: {wiki: {model: …, head: 340, "
            "tail: 520}}"
        )
    if len(found) > 1:
        names = ", ".join(name.removeprefix(f"{TEXT}.") for name in found)
        raise UsageError(f"{ledger.root}: its pages have several buckets.\n  Say which: {names}")
    return found[0]


def _grouped(
    connection: "DuckDBPyConnection", ledger: Ledger, by: str, top: int
) -> tuple[str, str]:
    """Return SQL of the ledger with its groups, and of the group's name."""
    column = quoted(group_column(ledger, by))
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
