"""Edits: functions from text to text that also count what they did.

An edit makes a new revision of the text, named after the edit; signals that come
later in a recipe measure that revision (design section 2, point 3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from filters.signal import Signal
from filters.text import Text

Options: TypeAlias = Mapping[str, Any]
"""The options of an edit by name, complete: a recipe's values over the defaults."""


@dataclass(frozen=True, slots=True)
class Edited:
    """The new text, and the values of the edit's own signals by bare name."""

    text: str
    counts: dict[str, int]
    word_count: int | None = None
    """The number of words of the new text, where the edit has found it on its way."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Something that rewrites a text.

    `options` holds every option with its default, `meanings` what each does. `signals`
    are measured by `apply` itself and belong to the revision that it makes.
    """

    name: str
    summary: str
    version: int
    options: Options
    meanings: Mapping[str, str]
    signals: Mapping[str, Signal]
    apply: Callable[[Text, Options], Edited]


def own_signals(module: str, version: int, summaries: Mapping[str, str]) -> dict[str, Signal]:
    """Return signals, by name, that an edit measures itself; `summaries` says what each counts."""
    return {
        name: Signal(name=name, kind=int, summary=summary, module=module, version=version)
        for name, summary in summaries.items()
    }
