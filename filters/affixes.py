"""spaCy's way with one chunk of text, unless a special case may match among its tokens.

A chunk is whitespace-free. spaCy takes marks off its ends, one each time around, until
nothing changes or a special case is left, and then parts what is left where an infix
matches (`tokenizer.pyx`, `_split_affixes`, `_attach_tokens`). The same over spaCy's own
compiled patterns is several times faster than to make a document of one word, and words
framed by the commonest marks need no pattern of spaCy at all. spaCy's last pass, which
matches special cases on the tokens (`_apply_special_cases`), is not done here: where it
could change something, `split` gives no answer and spaCy itself is asked.
"""

import hashlib
import re
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

_PLAIN_PATTERNS = frozenset({"da3f619948314220"})
"""Digests of patterns (those of English) that are known to part what `_FRAMED` matches as it does.

Every opening and closing mark below is a prefix or suffix of one character there, two full stops
or more are one of all; a single one is a suffix behind anything but a capital. Between letters the
joints are infixes; beside a digit `.`, `,` and `:` are none. Letters behind a digit are a suffix
where they are a unit. A core has no dot beside a letter, so no address (`url_match`) is among them.
"""

_FRAMED = re.compile(
    r"""(?P<open>["'(\[$\#“‘—]*)
        (?P<core>[A-Za-z]{2,}
               |[A-Za-z]+(?:[-–—/][A-Za-z]+)+
               |[A-Za-z]*[0-9]+(?:[.,:][0-9]+)*(?:[A-Za-z]+[0-9]+)*(?P<unit>[A-Za-z]*))
        (?P<genitive>(?:['’][sS])?)
        (?P<close>[,;:!?)\]"'”’]*)
        (?P<stop>(?:(?<![A-Z])\.)?|\.\.+)
        (?P<more>[,;:!?)\]"'”’]*)""",
    re.VERBOSE,
)  # fmt: skip
_JOINT = re.compile("([-–—/])")
FRAMING_MARKS = (*"\"'([$#“‘—-–/,;:!?)]”’.", "'s", "'S", "’s", "’S")
"""What `_FRAMED` splits off, as tokens, but for full stops."""
_NO_LIMIT = 1 << 62


class AffixSplitter:
    """Splits chunks as a spaCy tokenizer does; `pairs` are neighbours in its special cases."""

    def __init__(self, tokenizer: Any, pairs: set[tuple[str, str]]) -> None:
        from spacy.lang.char_classes import UNITS  # spaCy takes a second to import
        from spacy.symbols import ORTH

        self.special = {
            case: [token[ORTH] for token in tokens] for case, tokens in tokenizer.rules.items()
        }
        # One that makes a single token of itself changes nothing where a token equals it.
        self.changing = {case for case, tokens in self.special.items() if tokens != [case]}
        self._pairs = pairs
        self._prefix: Callable[[str], Any] = tokenizer.prefix_search or _nothing
        self._suffix: Callable[[str], Any] = tokenizer.suffix_search or _nothing
        self._infixes: Callable[[str], Any] = tokenizer.infix_finditer or _none
        self._is_url: Callable[[str], Any] = tokenizer.url_match or _nothing
        self._can_split = tokenizer.token_match is None
        self.splits_framed = self._can_split and patterns_digest(tokenizer) in _PLAIN_PATTERNS
        framed = map(_FRAMED.fullmatch, self.special)
        self.special_cores = {found["core"] for found in framed if found}
        self.units = frozenset(UNITS.split("|"))

    def split(self, chunk: str) -> list[str] | None:
        """Return the tokens of a chunk, or None where only spaCy itself knows.

        Chunks with single spaces between are split one by one: together they have other
        tokens only if a special case matches across a space.
        """
        if not self._can_split:
            return None
        if self.splits_framed:
            if chunk.isalpha() and chunk.isascii() and chunk not in self.special:
                return [chunk]
            framed = _FRAMED.fullmatch(chunk)
            if framed is not None and self._is_whole(framed["core"], framed["unit"]):
                return self._settled(_tokens(framed))
        if " " in chunk:
            return self._joined([self.split(part) for part in chunk.split(" ")])
        return self._parted(chunk)

    def _is_whole(self, core: str, unit: str | None) -> bool:
        return core not in self.special_cores and unit not in self.units

    def _parted(self, chunk: str) -> list[str] | None:
        """Take one mark off each end until nothing changes, then part what is left."""
        before: list[str] = []
        after: list[str] = []
        size = _NO_LIMIT
        while chunk and len(chunk) < size and chunk not in self.special:
            size = len(chunk)
            found = self._prefix(chunk)
            head = found.end() if found else 0
            if head and chunk[head:] in self.special:
                before.append(chunk[:head])
                chunk = chunk[head:]
                break
            found = self._suffix(chunk[head:])
            tail = found.end() - found.start() if found else 0
            if tail and chunk[:-tail] in self.special:
                after.append(chunk[-tail:])
                chunk = chunk[:-tail]
                break
            if head:
                before.append(chunk[:head])
            if tail and head + tail <= size:
                after.append(chunk[size - tail :])
                chunk = chunk[: size - tail]
            chunk = chunk[head:]
        return self._settled([*before, *self._core(chunk), *reversed(after)])

    def _joined(self, parts: list[list[str] | None]) -> list[str] | None:
        known = [part for part in parts if part is not None]
        return self._settled([*chain.from_iterable(known)]) if len(known) == len(parts) else None

    def _core(self, chunk: str) -> list[str]:
        if chunk in self.special:
            return self.special[chunk]
        if not chunk or (self.splits_framed and chunk.isalnum()) or self._is_url(chunk):
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
        if not self.changing.isdisjoint(tokens) or not self._pairs.isdisjoint(pairwise(tokens)):
            return None
        return tokens


def _tokens(framed: re.Match[str]) -> list[str]:
    """Return the tokens of what `_FRAMED` has matched."""
    core, genitive, stop = framed["core"], framed["genitive"], framed["stop"]
    parts = [core] if core.isalnum() or framed["unit"] is not None else _JOINT.split(core)
    ends = [*([genitive] if genitive else ()), *framed["close"], *([stop] if stop else ())]
    return [*framed["open"], *parts, *ends, *framed["more"]]


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
