"""The URL gate of FineWeb (Penedo et al. 2024, section 3.2), without its lists.

Order and meaning of the reasons are those of datatrove 0.10.1 (`url_filter.py`).
"""

import re
from collections.abc import Collection, Container
from functools import cache
from typing import Any

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

_SEPARATORS = re.compile(r"[^a-zA-Z0-9]+")


def normalize_word(written: str) -> str:
    """Return the ASCII letters and digits of a list's entry or a URL, in lower case."""
    return _SEPARATORS.sub("", written).lower()


class UrlBlocker:
    """Says why a URL is not wanted.

    `domains` and `urls` need `in` only and hold entries as written; the words are as
    `normalize_word` returns them. `soft_threshold` soft words together block a URL.
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
        self._domains = domains
        self._urls = urls
        self._banned_words = frozenset(banned_words)
        self._soft_words = frozenset(soft_words)
        self._subwords = tuple(sorted(subwords))
        self._soft_threshold = soft_threshold

    def block_reason(self, url: str) -> str:
        """Return the first reason that applies, or `none`.

        Reasons in their order: `domain` (the registered one), `subdomain` (the whole host
        name), `url`, `hard_blacklisted` and `soft_blacklisted` (words between separators,
        case kept), `blacklisted_subword` (anywhere in the letters and digits).
        """
        host = _splitter()(url)
        if host.top_domain_under_public_suffix in self._domains:
            return "domain"
        if host.fqdn in self._domains:
            return "subdomain"
        if url in self._urls:
            return "url"
        return self._word_reason(url)

    def _word_reason(self, url: str) -> str:
        words = set(_SEPARATORS.split(url))
        if not self._banned_words.isdisjoint(words):
            return "hard_blacklisted"
        if len(self._soft_words & words) >= self._soft_threshold:
            return "soft_blacklisted"
        normalized = normalize_word(url)
        if any(subword in normalized for subword in self._subwords):
            return "blacklisted_subword"
        return NOT_BLOCKED


@cache
def _splitter() -> Any:
    """Return the host splitter on its bundled public-suffix list: no network, no cache folder."""
    from tldextract import TLDExtract  # slow to import

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


BLOCK_REASON = Signal(
    name="url.block_reason",
    kind=str,
    summary="Why the URL is blocked, or 'none'.",
    module=__name__,
    settings={"labels": REASONS},
)
