"""What the ledger says of the lines that a page has lost to earlier ones."""

from collections.abc import Sequence
from pathlib import Path

from filters.judge import Column
from filters.signal import Signal
from pipelines.dedup.pages import Pages
from pipelines.recipe.kinds import LinesOptions
from pipelines.recipe.model import Recipe
from pipelines.tables import read_table

LINES = LinesOptions.kind
_SUMMARIES = {
    "removed_spans": "Stretches of text that were removed because an earlier page has them.",
    "removed_chars": "Characters of them, line breaks included.",
}
_MODULE, _VERSION = "filters.repeats", 1


def removal_columns(recipe: Recipe) -> list[Column]:
    """Return the ledger's columns on what was removed; none if the recipe has no lines removed."""
    kinds = recipe.dedup.kinds if recipe.dedup else ()
    return [
        Column(f"{LINES}.{name}", _signal(name, summary), LINES, (options.plain(),))
        for options in kinds
        if isinstance(options, LinesOptions)
        for name, summary in _SUMMARIES.items()
    ]


def _signal(name: str, summary: str) -> Signal:
    return Signal(name=name, kind=int, summary=summary, module=_MODULE, version=_VERSION)


class Removals:
    """What each page of a file has lost, by record."""

    def __init__(self, pages: Pages, verdicts: Sequence[tuple[str, Path]]) -> None:
        kinds = [kind for kind, _ in verdicts]
        self._before = kinds[: kinds.index(LINES)] if LINES in kinds else []
        self._lost: dict[int, tuple[int, int]] | None = None
        if pages.edits is not None:
            table = read_table(pages.edits, ["record", "spans", "chars"])
            records, spans, chars = (table[name].to_pylist() for name in table.column_names)
            lost = zip(spans, chars, strict=True)
            self._lost = dict(zip(records, lost, strict=True))

    def of(self, record: int, removed_by: str | None) -> dict[str, int]:
        """Return the values by column; none for a page that left before lines were looked at."""
        if self._lost is None or removed_by in self._before:
            return {}
        values = self._lost.get(record, (0, 0))
        return {f"{LINES}.{name}": n for name, n in zip(_SUMMARIES, values, strict=True)}
