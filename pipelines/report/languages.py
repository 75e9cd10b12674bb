"""The report's table of languages: what went in, what came out, which rules removed most."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from filters.languages import find_language
from pipelines.audit.groups import REST, grouped_pages, impact_of_groups
from pipelines.audit.ledger import Ledger
from pipelines.language_names import language_name
from pipelines.report.facts import counted_languages

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

MOST = 120
"""Languages that the report names; the others are one row."""
_RULES = 3


def count_by_language(connection: "DuckDBPyConnection", ledger: Ledger) -> "pd.DataFrame":
    """Count pages by decision, by what each rule says of them and by language.

    Such counts are those of all pages as well: adding them up is not looking again.
    """
    return grouped_pages(connection, ledger, "language", MOST)


def read_languages(
    connection: "DuckDBPyConnection", ledger: Ledger, counted: "pd.DataFrame"
) -> list[dict[str, Any]]:
    """Return a row for each language, most pages first; the last, of all others, has no label.

    `pages, kept, tokens, kept_tokens`, and in `removed` the rules that removed most of them, as
    `[rule, pages]`. Pages are counted as `cuvee audit --by language` does.
    """
    removed: dict[str | None, list[list[Any]]] = {}
    for row in impact_of_groups(ledger, "language", counted):
        gone = int(row["removed_pages"] + row["failed_pages"])
        label = None if row["language"] == REST else row["language"]
        if gone:
            removed.setdefault(label, []).append([row["rule"], gone])
    return [
        {**_named(label), **_figures(figures), "removed": _largest(removed.get(label, []))}
        for label, *figures in counted_languages(connection, MOST)
    ]


def _named(label: str | None) -> dict[str, Any]:
    """Return a label, and what it means where that is known."""
    found = find_language(label) if label else None
    if found is None:
        return {"label": label, "name": None, "code": None}
    return {"label": label, "name": language_name(found), "code": str(found)}


def _figures(figures: Sequence[int]) -> dict[str, int]:
    names = ("pages", "kept", "tokens", "kept_tokens")
    return dict(zip(names, figures, strict=True))


def _largest(rules: list[list[Any]]) -> list[list[Any]]:
    return sorted(rules, key=lambda rule: (-rule[1], rule[0]))[:_RULES]
