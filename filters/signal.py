"""Signals: pure functions of one text, registered by name.

A signal counts; it never decides. Counts are integers so that a ratio can be
taken in float64 when a rule is applied, with any threshold, on any day.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from filters.errors import UsageError

if TYPE_CHECKING:
    from filters.text import Text

Value: TypeAlias = int | float | str
"""One measurement: a count, a model's score or a label."""


class NoValueError(ValueError):
    """A signal has no value for a text: why, in words for the ledger."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that can be measured.

    `settings` holds whatever is inside the measurement (an n, a list of stop
    words, a length); it goes into the fingerprint, so that columns measured in
    another way are never mixed up.
    """

    name: str
    kind: type
    summary: str
    module: str
    version: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    measure: "Callable[[Text], Value] | None" = None
    """None for what is measured elsewhere: by a gate or by an edit."""

    @property
    def source(self) -> str:
        """The file that defines the signal, relative to the repository."""
        return self.module.replace(".", "/") + ".py"

    def fingerprint(self, words: str, *made_by: Any) -> str:
        """Digest of what determines the value: name, version, settings, tokenizer.

        `made_by` is whatever else does: the edits that made the text, a model's digest.
        """
        facts = {
            "made_by": made_by,
            "name": self.name,
            "version": self.version,
            "settings": self.settings,
            "words": words,
        }
        canonical = json.dumps(facts, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


SIGNALS: dict[str, Signal] = {}
"""Every registered signal of a text, by bare name. Filled when `filters.catalog` is imported."""


def register(item: Signal) -> Signal:
    """Add a signal to `SIGNALS`; UsageError if the name is taken by another function."""
    taken = SIGNALS.get(item.name)
    if taken is not None and taken.module != item.module:
        raise UsageError(
            f"signal '{item.name}' of {item.source} is already defined in {taken.source}.\n"
            "  Give one of them another name."
        )
    SIGNALS[item.name] = item
    return item


F = TypeVar("F", bound="Callable[[Text], int]")


def signal(
    *, version: int, name: str | None = None, settings: Mapping[str, Any] | None = None
) -> Callable[[F], F]:
    """Register a function of a `Text` that returns a count.

    `version` must grow whenever the function may return another number for the
    same text. The first line of the docstring is shown by `cuvee signals`.
    """

    def wrap(function: F) -> F:
        register(
            Signal(
                name=name or function.__name__,
                kind=int,
                summary=(function.__doc__ or "").strip().partition("\n")[0],
                module=function.__module__,
                version=version,
                settings=dict(settings or {}),
                measure=function,
            )
        )
        return function

    return wrap
