"""Marks in a page's text what a rule of the run's recipe has counted."""

from collections.abc import Mapping
from functools import cached_property, partial

from filters.edit import Options
from filters.errors import UsageError
from filters.evidence import Finder, can_mark, evidence, found_by
from filters.gopher import STOP_WORDS
from filters.segment import Segmenter, segmenter
from filters.span import Span
from filters.text import Text
from pipelines.benchmarks import table_of
from pipelines.recipe.recorded import recorded_benchmarks
from pipelines.recipe.source import Node


class Marker:
    """Knows of a run's recipe what marks depend on: its edits and how it finds words."""

    def __init__(self, recipe: Node) -> None:
        self._recipe = recipe

    def marks(self, text: str, signal: str) -> list[Span]:
        """Return the parts that a signal, by the ledger's name, has counted; none if unknown."""
        finder = self._finders.get(signal.rpartition(".")[2])
        if self.segmenter is None or not (finder or can_mark(signal)):
            return []
        made = Text(text, self.segmenter)
        if finder is not None:
            return found_by(finder, made, signal, self.edits)
        return evidence(made, signal, self.edits, self._stop_words)

    @cached_property
    def _finders(self) -> Mapping[str, Finder]:
        """What finds pieces of benchmarks, where the very files of items are on this machine."""
        return {
            signal: partial(table_of(benchmark).spans, n)
            for benchmark in recorded_benchmarks(self._recipe)
            for signal, n in zip(benchmark.signals, benchmark.ngrams, strict=True)
        }

    @property
    def _stop_words(self) -> tuple[str, ...]:
        given = self._recipe.map.get("stop_words")
        return tuple(str(word.plain()) for word in given.items) if given else STOP_WORDS

    @cached_property
    def edits(self) -> Mapping[str, Options]:
        """The recipe's edits with their options, in order; blocks of datatrove by their names."""
        recipe = self._recipe
        found: dict[str, Options] = {}
        for stage in recipe.map["stages"].items if "stages" in recipe.map else []:
            for kind, body in stage.map.items():
                if kind in ("edit", "datatrove"):
                    found |= {name: node.plain() or {} for name, node in body.map.items()}
        return found

    @cached_property
    def segmenter(self) -> Segmenter | None:
        """What finds words; None where its package is not here, and then nothing is marked."""
        words = self._recipe.map.get("words")
        try:
            return segmenter(str(words.plain()) if words else "en")
        except UsageError:
            return None
