"""The views of a text that signals read, with the place of each of their parts."""

import re
from collections.abc import Iterator
from typing import TypeAlias

from filters.text import Text

Part: TypeAlias = tuple[int, str]
"""Where a part begins, and the part."""

_LINE_RUN = re.compile(r"\n+")
_PARAGRAPH_BREAK = re.compile(r"\n{2,}")


def line_parts(raw: str) -> Iterator[Part]:
    """Yield the parts of `Text.lines`."""
    start = 0
    for line in raw.splitlines(keepends=True):
        yield start, line.splitlines()[0]
        start += len(line)


def run_parts(raw: str) -> Iterator[Part]:
    """Yield the parts of `Text.line_runs`."""
    return _between(_LINE_RUN, raw, 0)


def paragraph_parts(raw: str) -> Iterator[Part]:
    """Yield the parts of `Text.paragraphs`."""
    return _between(_PARAGRAPH_BREAK, raw.strip(), len(raw) - len(raw.lstrip()))


def nonblank_parts(raw: str) -> Iterator[Part]:
    """Yield the parts of `Text.nonblank_lines`."""
    start = 0
    for line in raw.split("\n"):
        if line.strip():
            yield start, line
        start += len(line) + 1


def ended_parts(raw: str) -> Iterator[Part]:
    r"""Yield the parts that a `\n` ends each, and what is behind the last one."""
    start = 0
    for line in raw.removesuffix("\n").split("\n") if raw else ():
        yield start, line
        start += len(line) + 1


def _between(breaks: re.Pattern[str], raw: str, offset: int) -> Iterator[Part]:
    start = 0
    for match in breaks.finditer(raw):
        yield offset + start, raw[start : match.start()]
        start = match.end()
    yield offset + start, raw[start:]


def _word_places(text: Text) -> list[tuple[int, int]]:
    places = []
    at = 0
    for word in text.words:
        start = text.raw.find(word, at)
        if start < 0:
            return []
        at = start + len(word)
        places.append((start, at))
    return places


def word_places(text: Text) -> list[tuple[int, int]]:
    """Return start and end of each word of `Text.words`.

    Empty where a tokenizer gives words that the text does not hold in this order.
    """
    return text.share(_word_places)
