"""Copies of pages that are no duplicates, to lengthen a crawl.

A copy has the page's markup and its words, but long words have changed places, so that
hardly any run of five words is left, and some have become words that no page has.
"""

import random
import re

LONG = 4
"""Letters of the shortest word that is moved; shorter ones carry the grammar."""

_NEW_WORDS = 50  # one long word in so many becomes a new one, as the next page of a crawl has some
_HIDDEN = re.compile(
    r"<(script|style|textarea|title)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE
)
_WORD = re.compile(rf"(?<![&\w])[a-z]{{{LONG},}}(?![\w;])")


def altered(html: str, copy: int) -> str:
    """Return copy number `copy` (from 1) of a page; the same on every run."""
    spans = [found.span() for start, end in _visible(html) for found in _words(html, start, end)]
    words = [html[start:end] for start, end in spans]
    chance = random.Random(f"{copy}:{len(html)}")
    chance.shuffle(words)
    pieces, at = [], 0
    for (start, end), word in zip(spans, words, strict=True):
        pieces += [html[at:start], _new(word, chance) if chance.random() * _NEW_WORDS < 1 else word]
        at = end
    return "".join([*pieces, html[at:]])


def _words(html: str, start: int, end: int) -> list[re.Match[str]]:
    return list(_WORD.finditer(html, start, end))


def _visible(html: str) -> list[tuple[int, int]]:
    """Return the stretches between tags, scripts and comments."""
    stretches, at = [], 0
    for hidden in _HIDDEN.finditer(html):
        stretches.append((at, hidden.start()))
        at = hidden.end()
    return [*stretches, (at, len(html))]


def _new(word: str, chance: random.Random) -> str:
    letters = list(word)
    letters[chance.randrange(len(letters))] = chance.choice("bcdfghjklmnpqrstvwxyz")
    return "".join(letters)
