"""The funnel of a run, also of one that has not finished: then of what is committed so far."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.audit.ledger import open_ledger
from pipelines.audit.outcomes import count_outcomes, placed
from pipelines.manifest import check_format, read_manifest


def read_funnel(root: Path) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return a run's manifest and what is to be said of it.

    Of a run that has not finished, what a funnel needs of one: `recipe, pages, rows, tokens,
    funnel`, from the files that are done; `tokens` is None where they are not counted yet.
    UsageError where no run is, or nothing is done yet.
    """
    manifest = read_manifest(root) if check_format(root) else None
    if manifest is not None:
        return manifest, ()
    ledger = open_ledger(root)
    with ledger.connect() as connection:
        counted = count_outcomes(connection)
    rows = placed(counted, ledger.plan, ledger.reasons).sort_values(["block", "rank", "rule"])
    funnel = rows[["status", "stage", "rule", "pages", "tokens"]].to_dict("records")
    kept = [row for row in funnel if row["status"] == "kept"]
    tokens = sum(row["tokens"] for row in kept)
    name = ledger.recipe.map["recipe"].plain() if "recipe" in ledger.recipe.map else ""
    return {
        "recipe": {"name": name},
        "pages": sum(row["pages"] for row in funnel),
        "rows": sum(row["pages"] for row in kept),
        "tokens": tokens or None,
        "funnel": funnel,
    }, ledger.notes
