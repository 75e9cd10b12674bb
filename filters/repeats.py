"""What counts as the same text, and as the same line: normal forms for exact deduplication.

Also here: the removal of a text's lines or paragraphs that other documents have.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from filters.minhash import simplify

Unit: TypeAlias = Literal["line", "paragraph"]

_UNITS = {"line": re.compile(r"\n+"), "paragraph": re.compile(r"\n[^\S\n]*\n\s*")}
_KEY_BYTES = 8


def normal_text(text: str) -> str:
    """Return the form in which equal texts are exact duplicates.

    Space between words is one space, and letters that are the same but for their case or
    their encoding are the same: canonical caseless matching, definition D145 of the Unicode
    Standard, section 3.13. Nothing else is taken away: texts that differ by a number or a mark
    are not the same.
    """
    words = " ".join(text.split())
    if words.isascii():
        return words.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", words).casefold())


def hash64(text: str) -> int:
    """Return a 64-bit key of a text, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).digest(), "little")


@dataclass(frozen=True, slots=True)
class Passage:
    """A line or a paragraph of a text, and where it is."""

    start: int
    end: int
    """Behind the passage and the break that follows it."""
    key: int | None
    """64-bit hash of its normal form; None where that is too short to be looked for."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """A text without what other documents have already."""

    text: str
    spans: int
    """Stretches that were removed; passages next to each other are one."""
    chars: int
    """Characters that were removed, line breaks included."""


def passages(text: str, unit: Unit, min_chars: int) -> Iterator[Passage]:
    """Yield a text's lines or paragraphs, in order; together they are the whole text.

    Two are equal if they are after lower case, numbers as 0, no punctuation and no accents,
    as in CCNet (Wenzek et al. 2020, section 3.1); its unit is a line of a WET file. Those whose
    normal form has fewer than `min_chars` characters have no key.
    """
    start = 0
    for found in _UNITS[unit].finditer(text):
        yield _passage(text, start, found.start(), found.end(), min_chars)
        start = found.end()
    if start < len(text):
        yield _passage(text, start, len(text), len(text), min_chars)


def _passage(text: str, start: int, stop: int, end: int, min_chars: int) -> Passage:
    normal = simplify(text[start:stop]) if stop - start >= max(min_chars, 1) else ""
    key = hash64(normal) if normal and len(normal) >= min_chars else None
    return Passage(start, end, key)


def without_passages(text: str, unit: Unit, min_chars: int, repeated: Collection[int]) -> Shortened:
    """Remove the passages whose key is `repeated`; what is left is as it was, but for its ends."""
    kept: list[str] = []
    spans = 0
    inside = False
    for passage in passages(text, unit, min_chars):
        removed = passage.key is not None and passage.key in repeated
        spans += removed and not inside
        inside = removed
        if not removed:
            kept.append(text[passage.start : passage.end])
    if not spans:
        return Shortened(text, 0, 0)
    left = "".join(kept).strip("\n")
    return Shortened(left, spans, len(text) - len(left))
