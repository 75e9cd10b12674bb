"""A text with parts of it marked: in colour on a terminal, else by plain marks around them.

`{so}` is what a rule has counted, or what differs; `[-so-]` is what an edit cut.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.text import Text as Styled

from filters.span import Span
from pipelines.terminal import harmless

SHOWN = 600
"""Characters of a text that are shown where not all of it is wanted; 200 more with marks."""
_START, _AROUND = 200, 60
"""The first characters, and those on either side of a mark."""
_MARK, _CUT = "bold black on yellow", "strike dim"

Range = tuple[int, int]


def marked_text(
    text: str, marks: Sequence[Span], cuts: Sequence[Span] = (), *, full: bool, plain: bool
) -> Styled:
    """Return a text from a crawl, harmless, with its marks; `full`: all of it, not excerpts."""
    text = harmless(text)  # one character for one: places stay
    cut = merged(cuts)
    mark = without(merged(marks), cut)
    shown = Styled()
    end = 0
    for start, stop in [(0, len(text))] if full else excerpts(len(text), merged([*marks, *cuts])):
        shown.append(" … " if start > end else "")
        for piece in _pieces(text, start, stop, mark, cut, plain=plain):
            shown.append_text(piece)
        end = stop
    if end < len(text):
        shown.append(f" … ({len(text):,} characters; --full shows all)")
    return shown


def merged(spans: Sequence[Span]) -> list[Range]:
    """Return what spans cover, as ranges that do not touch."""
    found: list[Range] = []
    for start, end in sorted((span.start, span.end) for span in spans if span.start < span.end):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def without(ranges: Sequence[Range], removed: Sequence[Range]) -> list[Range]:
    """Return what is left of ranges without others, all of them sorted."""
    left: list[Range] = []
    for start, end in ranges:
        at = start
        for first, last in removed:
            if last <= at or first >= end:
                continue
            if first > at:
                left.append((at, first))
            at = last
        if at < end:
            left.append((at, end))
    return left


def excerpts(length: int, ranges: Sequence[Range]) -> list[Range]:
    """Return which parts of a text to show: its start, and what is around the first marks."""
    if length <= SHOWN:
        return [(0, length)]
    if not ranges:
        return [(0, SHOWN)]
    found: list[Range] = [(0, _START)]
    for start, end in ranges:
        left = SHOWN + _START - sum(last - first for first, last in found)
        if left <= 0:
            break
        first = max(start - _AROUND, found[-1][1])
        last = min(end + _AROUND, first + left, length)
        if first > found[-1][1]:
            found.append((first, last))
        elif last > first:
            found[-1] = (found[-1][0], last)
    return found


def _pieces(
    text: str, start: int, stop: int, marks: Sequence[Range], cuts: Sequence[Range], *, plain: bool
) -> Iterator[Styled]:
    inside = [item for item in (*marks, *cuts) if item[0] < stop and item[1] > start]
    bounds = {start, stop, *(min(max(at, start), stop) for item in inside for at in item)}
    cutting = {max(item[0], start) for item in inside if item in cuts}
    marking = {max(item[0], start) for item in inside if item in marks}
    for first, last in pairwise(sorted(bounds)):
        piece = text[first:last]
        if first in cutting:
            yield Styled(f"[-{piece}-]") if plain else Styled(piece, _CUT)
        elif first in marking:
            yield Styled(f"{{{piece}}}") if plain else Styled(piece, _MARK)
        else:
            yield Styled(piece)
