"""spaCy's way with one chunk of text, for the chunks in which no special case has a part.

A chunk is whitespace-free. spaCy takes marks off its ends, one each time around, and then
parts it where an infix matches (`tokenizer.pyx`, `_split_affixes`, `_attach_tokens`). The
same over spaCy's own compiled patterns is several times faster than to make a document of
one word. Where a special case could have a say, `split` gives no answer and spaCy itself
is asked.
"""

import hashlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

_PLAIN_PATTERNS = frozenset({"da3f619948314220"})
"""Patterns that are known to leave words of ASCII letters whole; see `_leaves_letters`."""

_SENTENCE_MARKS = frozenset(",;:!?)")
_NO_LIMIT = 1 << 62


class AffixSplitter:
    """Splits chunks as a spaCy tokenizer does; `pairs` are neighbours in its special cases."""

    def __init__(self, tokenizer: Any, pairs: set[tuple[str, str]]) -> None:
        self._special = frozenset(tokenizer.rules)
        self._pairs = pairs
        self._prefix: Callable[[str], Any] = tokenizer.prefix_search or _nothing
        self._suffix: Callable[[str], Any] = tokenizer.suffix_search or _nothing
        self._infixes: Callable[[str], Any] = tokenizer.infix_finditer or _none
        self._is_url: Callable[[str], Any] = tokenizer.url_match or _nothing
        self._can_split = tokenizer.token_match is None
        self._leaves_letters = patterns_digest(tokenizer) in _PLAIN_PATTERNS

    def split(self, chunk: str) -> list[str] | None:
        """Return the tokens of a chunk, or None where only spaCy itself knows."""
        if not self._can_split or chunk in self._special:
            return None
        if self._leaves_letters and chunk.isascii():
            if chunk.isalpha():
                return [chunk]
            word, mark = chunk[:-1], chunk[-1]
            if word.isalpha() and (mark in _SENTENCE_MARKS or (mark == "." and word[-1].islower())):
                return self._settled([word, mark])
        return self._parted(chunk)

    def _parted(self, chunk: str) -> list[str] | None:
        """Take one mark off each end until nothing changes, then part what is left."""
        before: list[str] = []
        after: list[str] = []
        size = _NO_LIMIT
        while chunk and len(chunk) < size:
            if chunk in self._special:
                return None
            size = len(chunk)
            found = self._prefix(chunk)
            head = found.end() if found else 0
            if head and chunk[head:] in self._special:
                return None
            found = self._suffix(chunk[head:])
            tail = found.end() - found.start() if found else 0
            if tail and chunk[:-tail] in self._special:
                return None
            if head:
                before.append(chunk[:head])
            if tail and head + tail <= size:
                after.append(chunk[size - tail :])
                chunk = chunk[: size - tail]
            chunk = chunk[head:]
        return self._settled([*before, *self._core(chunk), *reversed(after)])

    def _core(self, chunk: str) -> list[str]:
        if not chunk or self._is_url(chunk):
            return [chunk] if chunk else []
        parts, start = [], 0
        for found in self._infixes(chunk):
            first, behind = found.span()
            if not first:
                continue
            parts += [chunk[start:first], chunk[first:behind]]
            start = behind
        return [part for part in (*parts, chunk[start:]) if part]

    def _settled(self, tokens: list[str]) -> list[str] | None:
        """Return the tokens unless a special case may match among them."""
        if not self._special.isdisjoint(tokens) or not self._pairs.isdisjoint(pairwise(tokens)):
            return None
        return tokens


def patterns_digest(tokenizer: Any) -> str:
    """Return a digest of all patterns of a spaCy tokenizer."""
    found = (
        tokenizer.prefix_search, tokenizer.suffix_search,
        tokenizer.infix_finditer, tokenizer.url_match,
    )  # fmt: skip
    written = [getattr(getattr(search, "__self__", None), "pattern", "") for search in found]
    return hashlib.sha256("\0".join(written).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _nothing(_: str) -> None:
    return None


def _none(_: str) -> tuple[()]:
    return ()
