"""A recipe's judges: one for each of its languages, made when a page in it comes."""

from collections.abc import Mapping
from functools import cached_property

from filters.gopher import stop_word_signal
from filters.judge import Judge
from filters.memo import Memo
from filters.segment import segmenter
from filters.signal import Signal
from pipelines.recipe.model import Recipe


class Judges:
    """Judge texts by the words, stop words and thresholds of their language."""

    def __init__(self, recipe: Recipe, models: Mapping[str, Signal], memo: Memo) -> None:
        """`models` are signals that ask the recipe's models, the same in every language."""
        self._recipe = recipe
        self._memo = memo
        self._languages = dict(recipe.languages)
        self._own: dict[str, Judge] = {}
        self.segmenter = segmenter(recipe.words)
        self._models = models
        own = {**recipe.own_signals, **models}
        self.common = Judge(recipe.blocks, self.segmenter, own, memo, later=recipe.final_rules)
        """That of a recipe of one language; of several, for pages in none of them."""

    @cached_property
    def fingerprint(self) -> str:
        """What decides where words begin and end, in every language of the recipe.

        UsageError where the tokenizer of one needs a package that is not installed.
        """
        others = {label: segmenter(its.words) for label, its in self._languages.items()}
        told = [f"{label}={its.fingerprint}" for label, its in sorted(others.items())]
        return " ".join([self.segmenter.fingerprint, *told])

    def restart(self) -> None:
        """Begin a crawl file: blocks of datatrove start anew in every language."""
        for judge in (self.common, *self._own.values()):
            judge.restart()

    def of(self, language: str | None) -> Judge:
        """Return the judge of pages in a language, by the model's label."""
        label = language or ""
        its = self._languages.get(label)
        if its is None:
            return self.common
        if label not in self._own:
            signal = stop_word_signal(its.stop_words)
            own = {**self._recipe.own_signals, signal.name: signal, **self._models}
            words = segmenter(its.words)
            blocks, later = self._recipe.blocks, self._recipe.final_rules
            self._own[label] = Judge(blocks, words, own, self._memo, label, later)
        return self._own[label]
