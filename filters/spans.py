"""Numbers of a signal that somebody else has measured on stretches of a text.

RedPajama-V2 and Dolma keep each signal as a list of `[start, end, score]`: one such span for a
number of the whole document, one for each line or paragraph otherwise. A rule compares one
number, so a list is reduced to one; what a mean or a share needs are two of them, which the
rule divides. Formats: arXiv 2411.12372, appendix B.2; the Dolma toolkit's docs/data-format.md.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

Spans: TypeAlias = Sequence[tuple[float, float, float]]
"""Start and end in characters, and score."""

REDUCTIONS: Mapping[str, tuple[Callable[[Spans], float | None], str]] = MappingProxyType(
    {
        "spans": (lambda spans: float(len(spans)), "how many there are"),
        "sum": (lambda spans: math.fsum(score for _, _, score in spans), "their sum"),
        "least": (
            lambda spans: min((score for _, _, score in spans), default=None),
            "the least of them",
        ),
        "most": (
            lambda spans: max((score for _, _, score in spans), default=None),
            "the greatest of them",
        ),
        "chars": (
            lambda spans: math.fsum((end - start) * score for start, end, score in spans),
            "characters, each as often as that says",
        ),
    }
)
"""What stands behind `__` at the end of a name, what it computes, and what that is.

Of no span at all, `least` and `most` are null, the others 0.
"""


def split_name(name: str) -> tuple[str, str | None]:
    """Return a signal's own name and how its spans are reduced: `a__b__sum` is the sum of `a__b`.

    None for the number of a signal of the whole document.
    """
    own, mark, how = name.rpartition("__")
    return (own, how) if mark and own and how in REDUCTIONS else (name, None)


def reduced(found: Any, how: str | None) -> float | None:
    """Return the number of what stands under a signal's name: a plain number, or spans.

    Without `how` the score of the only span. None for null, for another shape, for a score
    that is not finite, and for several spans of which none is meant.
    """
    plain = _number(found)
    spans = [(0.0, 0.0, plain)] if plain is not None else _spans(found)
    if spans is None:
        return None
    if how is None:
        return spans[0][2] if len(spans) == 1 else None
    if plain is not None and how == "chars":
        return None  # it says of no characters
    value = REDUCTIONS[how][0](spans)
    return value if value is None or math.isfinite(value) else None


def _spans(found: Any) -> list[tuple[float, float, float]] | None:
    """Return the spans as numbers; those whose score is null say nothing and are left out."""
    if not isinstance(found, list):
        return None
    spans = []
    for span in found:
        if not isinstance(span, list) or len(span) != 3:  # noqa: PLR2004  start, end, score
            return None
        start, end, score = map(_number, span)
        if span[2] is None:
            continue
        if start is None or end is None or score is None:
            return None
        spans.append((start, end, score))
    return spans


def _number(value: Any) -> float | None:
    if not isinstance(value, bool | int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return number if math.isfinite(number) else None
