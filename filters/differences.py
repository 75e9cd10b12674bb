"""Where two texts differ: lines first, then words inside lines that were replaced."""

import re
from difflib import SequenceMatcher

from filters.span import Span

_MOST_PAIRS = 1_000_000
"""Pairs of parts that are compared; beyond it all of a stretch counts as different."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

WHAT = "differs"


def differing(a: str, b: str) -> tuple[list[Span], list[Span]]:
    """Return the parts of each text that the other does not have in this place, in order."""
    ours: list[Span] = []
    theirs: list[Span] = []
    for start, end, other, other_end in _changes(_LINE, a, b):
        one, two = a[start:end], b[other:other_end]
        words = _changes(_WORD, one, two) if one and two else [(0, len(one), 0, len(two))]
        for first, last, first_other, last_other in words:
            ours.append(Span(start + first, start + last, WHAT))
            theirs.append(Span(other + first_other, other + last_other, WHAT))
    return _nonempty(ours), _nonempty(theirs)


def _nonempty(spans: list[Span]) -> list[Span]:
    return [span for span in spans if span.start < span.end]


def _changes(parts: re.Pattern[str], a: str, b: str) -> list[tuple[int, int, int, int]]:
    """Return start and end in both texts of each stretch that differs."""
    ours, theirs = parts.findall(a), parts.findall(b)
    if len(ours) * len(theirs) > _MOST_PAIRS:
        return [] if a == b else [(0, len(a), 0, len(b))]
    at, at_other = _starts(ours), _starts(theirs)
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    return [
        (at[i], at[j], at_other[k], at_other[m])
        for what, i, j, k, m in matcher.get_opcodes()
        if what != "equal"
    ]


def _starts(parts: list[str]) -> list[int]:
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + len(part))
    return starts
