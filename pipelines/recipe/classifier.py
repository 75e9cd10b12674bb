"""The recipe's key `classifiers`: models by name, whose scores are signals of a text.

Their names are known from here on, so that rules can be checked; files are looked for when a
run begins (`pipelines.classifiers`), because a recipe can be read where its models are not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from filters.errors import UsageError
from filters.signal import SIGNALS, Signal, register
from pipelines.recipe.options import CLASSIFIER, RULE_NAME
from pipelines.recipe.problems import Problems, checked_options, shown
from pipelines.recipe.source import Node

_EXAMPLE = "For example: classifiers: {quality: {model: quality.bin, label: __label__hq}}"
_DIGEST = re.compile(r"[0-9a-f]{64}")


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
    if not isinstance(node.value, dict):
        fact = f"classifiers must be a map of names, not {shown(node.plain())}."
        problems.add(node.place, fact, _EXAMPLE)
        return ()
    found: list[Classifier] = []
    for name, body in node.map.items():
        if not RULE_NAME.fullmatch(name):
            fact = f"'{name}' is no name for a classifier."
            hint = "Letters, digits and _, not beginning with a digit."
            problems.add(body.place, fact, hint)
            continue
        given = Node({"model": body}, body.place) if isinstance(body.value, str) else body
        options = checked_options(f"classifiers.{name}", given, CLASSIFIER, problems)
        if options["model"] is None:
            problems.add(body.place, f"classifiers.{name} names no model.", _EXAMPLE)
            continue
        if options["sha256"] is not None and not _DIGEST.fullmatch(options["sha256"]):
            fact = f"classifiers.{name}.sha256 is no sha256: {shown(options['sha256'])}."
            problems.add(body.place, fact, "64 hexadecimal digits; leave it out to pin nothing.")
            continue
        classifier = Classifier(name, **options)
        try:
            make_known([*found, classifier])
        except UsageError as error:
            fact, _, hint = str(error).partition("\n")
            problems.add(body.place, fact, hint.strip())
            continue
        found.append(classifier)
    problems.raise_first()  # without their signals every rule that reads one looks wrong
    return tuple(found)


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
