"""The recipe's key `classifiers`: models by name, whose scores are signals of a text.

Their names are known from here on, so that rules can be checked; files are looked for when a
run begins (`pipelines.classifiers`), because a recipe can be read where its models are not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from filters.signal import SIGNALS, Signal, register
from pipelines.recipe.named import NamedKey, is_free, read_entry, read_named
from pipelines.recipe.named_options import CLASSIFIER
from pipelines.recipe.problems import Problems
from pipelines.recipe.source import Node

_KEY = NamedKey(
    key="classifiers",
    noun="classifier",
    options=CLASSIFIER,
    required=("model",),
    example="For example: classifiers: {quality: {model: quality.bin, label: __label__hq}}",
)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model whose score of a text is the signal `name`."""

    name: str
    model: str
    """A file, a folder, or the name of a repository on the Hub."""
    file: str | None = None
    """Which file of the repository; of a folder on this machine, too."""
    label: str | None = None
    """Whose probability the score is; None for a model that gives one number."""
    revision: str | None = None
    """Branch, tag or commit of the repository."""
    sha256: str | None = None
    """Of the file, or of the names and digests of a folder's files."""

    def plain(self) -> dict[str, Any]:
        """Return the options as a recipe has them."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}


def read_classifiers(node: Node, problems: Problems) -> tuple[Classifier, ...]:
    """Return a recipe's classifiers, and make their signals known to the checks of its rules."""
    make_known(())
    found = read_named(_KEY, node, _classifier, problems)
    problems.raise_first()  # without their signals every rule that reads one looks wrong
    make_known(found)
    return found


def _classifier(name: str, body: Node, problems: Problems) -> Classifier | None:
    options = read_entry(_KEY, name, body, problems)
    if options is None or not is_free(_KEY, name, [name], body.place, problems):
        return None
    return Classifier(name, **options)


def make_known(classifiers: Iterable[Classifier]) -> None:
    """Register the signals of these classifiers, and of no others; UsageError for a taken name."""
    for name in [name for name, signal in SIGNALS.items() if signal.module == __name__]:
        del SIGNALS[name]
    for classifier in classifiers:
        register(as_signal(classifier))


def as_signal(classifier: Classifier) -> Signal:
    """Return a classifier's signal, which cannot be measured before its model is there."""
    which = f" of {classifier.label}" if classifier.label else ""
    summary = f"Score{which} by the classifier {classifier.model}."
    return Signal(name=classifier.name, kind=float, summary=summary, module=__name__)
