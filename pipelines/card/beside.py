"""What lies beside a card: recipe, funnel, checksums; and which files those are."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.card.facts import Facts
from pipelines.recipe.rule_stages import RULE_STAGES

FUNNEL = pa.schema(
    [
        pa.field("step", pa.int64()),
        pa.field("status", pa.string()),
        pa.field("stage", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("block", pa.string()),
        pa.field("condition", pa.string()),
        pa.field("pages", pa.int64()),
        pa.field("tokens", pa.int64()),
    ]
)
"""`funnel.parquet`: what became of the pages, in the order in which they meet the rules.

`stage` and `rule` are null for the kept pages, `block` but for the reasons of a block of
datatrove, `condition` where no rule of the recipe decided.
"""

_FIGURES = [
    f"{what}_{unit}{end}"
    for what in ("alone", "only")
    for unit in ("pages", "tokens")
    for end in ("", "_low", "_high")
]
AUDIT = pa.schema(
    [
        pa.field("stage", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("expression", pa.string()),
        pa.field("reached_pages", pa.int64()),
        pa.field("reached_tokens", pa.int64()),
        pa.field("removed_pages", pa.int64()),
        pa.field("removed_tokens", pa.int64()),
        pa.field("removed_share", pa.float64()),
        pa.field("failed_pages", pa.int64()),
        *(pa.field(name, pa.float64()) for name in _FIGURES),
    ]
)
"""`audit.parquet`: the rows of `pipelines.audit.impact.impact`."""

BESIDE = {
    "croissant.json": "the dataset in Croissant 1.1, with where it comes from (PROV-O)",
    "domains.parquet": "pages, bytes of text and tokens of every registered domain, by rank",
    "funnel.parquet": "the funnel above as a table",
    "audit.parquet": "what each rule removes first, alone, and only it, with intervals",
    "annex.md": "the fields of the EU's template for the public summary of training content",
    "annex.json": "the same, for programs",
    "recipe.yaml": "the complete recipe",
    "SHA256SUMS": "sha256 of every file, for `sha256sum -c`",
}
"""What `cuvee card` writes besides the card and its figure, below `dataset/`."""


def funnel_rows(facts: Facts) -> Iterable[dict[str, Any]]:
    """Yield the rows of `FUNNEL`."""
    rules = facts.rules
    for step, row in enumerate(facts.manifest["funnel"]):
        judged = row["status"] == "dropped" and row["stage"] in RULE_STAGES
        yield {
            "step": step,
            "status": row["status"],
            "stage": row["stage"] or None,
            "rule": row["rule"] or None,
            "block": row.get("block"),
            "condition": rules.get(row["rule"]) if judged and not row.get("block") else None,
            "pages": row["pages"],
            "tokens": row["tokens"],
        }


def audit_table(root: Path) -> pa.Table:
    """Return the table of `AUDIT` for a finished run that has pages."""
    from pipelines.audit import Audit

    rows = Audit(root).rules().reindex(columns=AUDIT.names)  # a recipe may have no rules
    return pa.Table.from_pandas(rows, schema=AUDIT, preserve_index=False)


def checksums(files: Iterable[Mapping[str, Any]]) -> str:
    """Return `SHA256SUMS` of files below `dataset/`, as `sha256sum -c` reads it there."""
    lines = {str(item["path"]).removeprefix("dataset/"): item["sha256"] for item in files}
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(lines.items()))
