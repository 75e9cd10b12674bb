"""Parts of a text: what a signal has counted, or an edit has cut."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (behind the last) of a text, and what they are, in words."""

    start: int
    end: int
    what: str
