"""The edits that a recipe puts after deduplication: what is published is what they leave."""

from functools import cached_property
from typing import Any

from filters.catalog import EDITS
from filters.datatrove_block import Block, BlockStage
from filters.errors import CuveeError
from filters.judge import Column, Decision
from filters.segment import segmenter
from filters.text import Text
from pipelines.recipe.model import Recipe


class FinalEdits:
    """The edits and formatters that a recipe puts after deduplication, for one curated file."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._steps = [
            Block(stage)
            if isinstance(stage, BlockStage)
            else (EDITS[stage.name], {**EDITS[stage.name].options, **stage.options})
            for stage in recipe.final_edits
        ]

    def warm_up(self, text: str) -> None:
        """Load all that texts will need."""
        for step in self._steps:
            if isinstance(step, Block):
                step.warm_up()
            else:
                edit, options = step
                edit.apply(Text(text, segmenter(self._recipe.words)), options)

    @cached_property
    def columns(self) -> list[Column]:
        """The ledger's columns for the edits' own signals."""
        columns: list[Column] = []
        made_by: tuple[Any, ...] = ()
        for step in self._steps:
            if isinstance(step, Block):
                made_by = (*made_by, step.stage.made_by)
                continue
            edit, _ = step
            columns += [
                Column(f"{edit.name}.{name}", own, edit.name, made_by)
                for name, own in edit.signals.items()
            ]
        return columns

    def apply(self, raw: str) -> tuple[str, dict[str, int], Decision | None]:
        """Return the published text and what the edits counted, by column name.

        The decision says that a step could not do this text; then nothing is published.
        """
        try:
            return self._apply(raw)
        except CuveeError:
            raise
        except Exception as error:  # noqa: BLE001  it costs the page, not the file
            return raw, {}, raised(error)

    def _apply(self, raw: str) -> tuple[str, dict[str, int], Decision | None]:
        counts: dict[str, int] = {}
        for step in self._steps:
            if isinstance(step, Block):
                passed = step.apply(raw, {})  # a formatter sees nothing but the text
                if passed.outcome is not None:
                    return raw, {}, Decision(passed.outcome, "quality", passed.reason)
                raw = passed.text
                continue
            edit, options = step
            edited = edit.apply(Text(raw, segmenter(self._recipe.words)), options)
            raw = edited.text
            counts.update((f"{edit.name}.{name}", n) for name, n in edited.counts.items())
        return raw, counts, None


def raised(error: Exception) -> Decision:
    """Return what becomes of a page on whose text something has raised."""
    return Decision("failed", "quality", f"error:{type(error).__name__}")
