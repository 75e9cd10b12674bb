"""Parts of a text: what a signal has counted, or an edit has cut."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from filters.text import Text


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (behind the last) of a text, and what they are, in words."""

    start: int
    end: int
    what: str


Finder: TypeAlias = Callable[[Text], Iterable[Span]]
"""Finds the parts of a text that a signal counts."""
