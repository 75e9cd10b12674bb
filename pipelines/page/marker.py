"""Marks in a page's text what a rule of the run's recipe has counted."""

from collections.abc import Mapping
from functools import cached_property, partial

from filters.edit import Options
from filters.errors import UsageError
from filters.evidence import can_mark, evidence, found_by
from filters.gopher import STOP_WORDS
from filters.segment import Segmenter, segmenter
from filters.span import Finder, Span
from filters.text import Text
from pipelines.benchmarks import table_of
from pipelines.recipe.recorded import recorded_benchmarks, recorded_word_lists
from pipelines.recipe.source import Node
from pipelines.word_lists import words_of


class Marker:
    """Knows of a run's recipe what marks depend on: its edits and how it finds words."""

    def __init__(self, recipe: Node) -> None:
        self._recipe = recipe

    def marks(self, text: str, signal: str, language: str | None) -> list[Span]:
        """Return the parts that a signal, by the ledger's name, has counted; none if unknown.

        `language` is the label of the page's.
        """
        finder = self._finders.get(signal.rpartition(".")[2])
        words = self.segmenter(language) if finder or can_mark(signal) else None
        if words is None:
            return []
        made = Text(text, words)
        if finder is not None:
            return found_by(finder, made, signal, self.edits)
        return evidence(made, signal, self.edits, self._stop_words(language))

    @cached_property
    def _finders(self) -> Mapping[str, Finder]:
        """What finds pieces of benchmarks and words of lists, where the very files are here."""
        words = {each.name: words_of(each).spans for each in recorded_word_lists(self._recipe)}
        return words | {
            signal: partial(table_of(benchmark).spans, n)
            for benchmark in recorded_benchmarks(self._recipe)
            for signal, n in zip(benchmark.signals, benchmark.ngrams, strict=True)
        }

    def _said(self, key: str, language: str | None) -> Node | None:
        """Return what the recipe says of words in a language."""
        several = self._recipe.map.get("languages")
        layer = several.map.get(language or "") if several else None
        return layer.map.get(key) if layer else self._recipe.map.get(key)

    def _stop_words(self, language: str | None) -> tuple[str, ...]:
        given = self._said("stop_words", language)
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

    def segmenter(self, language: str | None) -> Segmenter | None:
        """Return what finds words; None where its package is not here: then nothing is marked."""
        words = self._said("words", language)
        try:
            return segmenter(str(words.plain()) if words else "en")
        except UsageError:
            return None
