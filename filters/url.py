"""The URL gate of FineWeb (Penedo et al. 2024, section 3.2), without its lists.

Order and meaning of the reasons are those of datatrove 0.10.1 (`url_filter.py`).
"""

import re
import string
from collections.abc import Collection, Container
from typing import Any

from filters.hosts import host_reader
from filters.signal import Signal

NOT_BLOCKED = "none"
REASONS = (
    "domain",
    "subdomain",
    "url",
    "hard_blacklisted",
    "soft_blacklisted",
    "blacklisted_subword",
    NOT_BLOCKED,
)
"""All that a `UrlBlocker` can answer."""

_NO_LETTER_OR_DIGIT = re.sub(rb"[a-zA-Z0-9]", b"", bytes(range(256)))
_SEPARATED = bytes.maketrans(_NO_LETTER_OR_DIGIT, b" " * len(_NO_LETTER_OR_DIGIT))
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_NEVER = " "  # in no run of letters and digits; an automaton needs a word


def normalize_word(written: str) -> str:
    """Return the ASCII letters and digits of a list's entry or a URL, in lower case."""
    ascii_only = written.encode("ascii", "ignore")
    return ascii_only.translate(_LOWER, _NO_LETTER_OR_DIGIT).decode("ascii")


class UrlBlocker:
    """Says why a URL is not wanted.

    `domains` and `urls` need `in` only and hold entries as written; the words are as
    `normalize_word` returns them, none of them empty. `soft_threshold` soft words together,
    at least one, block a URL.
    """

    def __init__(
        self,
        domains: Container[str],
        urls: Container[str],
        banned_words: Collection[str],
        soft_words: Collection[str],
        subwords: Collection[str],
        *,
        soft_threshold: int = 2,
    ) -> None:
        self._domains_of = host_reader().domains
        self._is_domain = domains.__contains__  # bound once: `in` would look it up every time
        self._is_url = urls.__contains__
        self._banned_words = frozenset(banned_words)
        self._soft_words = frozenset(soft_words)
        self._subwords = _automaton(subwords)
        self._any_word = _automaton((*subwords, *banned_words, *soft_words))
        self._soft_threshold = soft_threshold

    def block_reason(self, url: str) -> str:
        """Return the first reason that applies, or `none`.

        Reasons in their order: `domain` (the registered one), `subdomain` (the whole host
        name), `url`, `hard_blacklisted` and `soft_blacklisted` (words between separators,
        case kept), `blacklisted_subword` (anywhere in the letters and digits).
        """
        registered, host = self._domains_of(url)
        if self._is_domain(registered):
            return "domain"
        if host != registered and self._is_domain(host):
            return "subdomain"
        if self._is_url(url):
            return "url"
        # A word between separators is also among the letters and digits as a whole.
        letters_and_digits = normalize_word(url)
        if next(self._any_word.iter(letters_and_digits), None) is None:
            return NOT_BLOCKED
        return self._word_reason(url, letters_and_digits)

    def _word_reason(self, url: str, letters_and_digits: str) -> str:
        # What is not ASCII becomes a mark, which separates words as any other does.
        words = url.encode("ascii", "replace").translate(_SEPARATED).decode().split()
        if not self._banned_words.isdisjoint(words):
            return "hard_blacklisted"
        if len(self._soft_words.intersection(words)) >= self._soft_threshold:
            return "soft_blacklisted"
        if next(self._subwords.iter(letters_and_digits), None) is not None:
            return "blacklisted_subword"
        return NOT_BLOCKED


def _automaton(words: Collection[str]) -> Any:
    """Return what finds any of the words in one pass (Aho and Corasick 1975)."""
    from ahocorasick import STORE_INTS, Automaton

    automaton = Automaton(STORE_INTS)
    for word in (*words, _NEVER):
        automaton.add_word(word)
    automaton.make_automaton()
    return automaton


BLOCK_REASON = Signal(
    name="url.block_reason",
    kind=str,
    summary="Why the URL is blocked, or 'none'.",
    module=__name__,
    settings={"labels": REASONS},
)
