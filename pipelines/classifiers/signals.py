"""The signals of a recipe's classifiers, with their models' digests in the fingerprint."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from filters.classifier import Scorer
from filters.signal import Signal
from pipelines.classifiers.files import find_files
from pipelines.classifiers.opened import check_classifier, open_classifier
from pipelines.recipe.classifier import Classifier, as_signal

if TYPE_CHECKING:
    from filters.text import Text
    from pipelines.recipe.model import Recipe

PREFIX = "classifier:"
"""Before a classifier's name among the digests of a run's assets."""


def classifier_signals(classifiers: Iterable[Classifier]) -> Mapping[str, Signal]:
    """Return the signals, by name; UsageError where a model is not there.

    Models are loaded at the first text that is measured.
    """
    return {each.name: _signal(each) for each in classifiers}


def classifier_digests(classifiers: Iterable[Classifier]) -> dict[str, str]:
    """Return the sha256 of every model, after checking that each can be used."""
    return {f"{PREFIX}{each.name}": check_classifier(each) for each in classifiers}


def pinned(recipe: "Recipe") -> "Recipe":
    """Return the recipe with each model's sha256 in it; UsageError where one cannot be used."""
    digests = classifier_digests(recipe.classifiers)
    found = (replace(each, sha256=digests[f"{PREFIX}{each.name}"]) for each in recipe.classifiers)
    return replace(recipe, classifiers=tuple(found))


def _signal(classifier: Classifier) -> Signal:
    def measure(text: "Text") -> float:
        return _scorer(classifier)(text.raw)

    settings = {"model_sha256": find_files(classifier).sha256, "label": classifier.label}
    return replace(as_signal(classifier), measure=measure, settings=settings)


@lru_cache(maxsize=8)
def _scorer(classifier: Classifier) -> Scorer:
    """Return what scores texts; the file is not looked at again for every page."""
    return open_classifier(classifier)
