"""Pages of a finished run with their text, rule and measured numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from filters.catalog import TEXT
from filters.errors import UsageError, nearest
from pipelines.ledger import LEDGER_FIELDS
from pipelines.tables import open_folder

_NAMED_RULES = 8


@dataclass(frozen=True, slots=True)
class ShownPage:
    """One page of the ledger; `text` is as extracted, None where the run did not keep it."""

    row: dict[str, Any]
    signals: dict[str, Any]
    text: str | None

    def measured(self) -> dict[str, Any]:
        """Return every value that was measured, by the name that rules use."""
        language = {
            "language.code": self.row["language"],
            "language.score": self.row["language_score"],
        }
        values = {**language, **self.signals}
        return {
            name.removeprefix(f"{TEXT}."): value
            for name, value in values.items()
            if value is not None
        }


def find_pages(
    root: Path, *, kept: bool = False, rule: str | None = None, limit: int = 5
) -> Iterator[ShownPage]:
    """Yield up to `limit` pages in the ledger's order: kept ones, or those that `rule` removed.

    Without either, pages of every outcome. UsageError for a rule that removed nothing.
    """
    ledger = open_folder(root / "ledger")
    wanted = pc.scalar(value=True)
    if kept:
        wanted = pc.field("status") == "kept"
    elif rule is not None:
        wanted = pc.field("rule") == rule
    rows = ledger.head(limit, filter=wanted).to_pylist()
    if not rows and rule is not None:
        _refuse(root, rule)
    for row in rows:
        yield _with_text(root, row)


def _refuse(root: Path, rule: str) -> None:
    table = open_folder(root / "ledger").to_table(columns=["rule"])
    fired = sorted(name for name in table["rule"].unique().to_pylist() if name)
    near = nearest(rule, fired)
    some = f"Some that did: {', '.join(fired[:_NAMED_RULES])}" if fired else "No rule removed any."
    hint = f"Did you mean '{near}'?" if near else some
    raise UsageError(f"{root}: no page was removed by '{rule}'.\n  {hint}")


def _with_text(root: Path, row: dict[str, Any]) -> ShownPage:
    fixed = {field.name for field in LEDGER_FIELDS}
    signals = {name: value for name, value in row.items() if name not in fixed}
    documents = root / "documents"
    text = None
    if documents.is_dir():
        match = (pc.field("file_path") == row["file_path"]) & (pc.field("record") == row["record"])
        table = open_folder(documents).to_table(columns=["text"], filter=match)
        text = table["text"][0].as_py() if table.num_rows else None
    return ShownPage({name: row[name] for name in row if name in fixed}, signals, text)
