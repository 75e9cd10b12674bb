"""A cheap look at a page, to see whether its main text can be in the language that is wanted.

The plain text of the whole page, navigation and all, costs a fraction of an
extraction and holds the main text too. Where the language model gives the wanted
label next to nothing there, the extracted text will hardly pass either. That text is read in
short stretches from all over the page: a head would be mostly navigation, and the
whole costs several times as much for nearly the same decisions.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filters.judge import Decision
from filters.language import LanguageIdentifier
from filters.signal import Signal
from filters.text import without_surrogates
from pipelines.recipe.parts import CascadeOptions

SCORE = Signal(
    name="cascade.score",
    kind=float,
    summary="The language model's score of the wanted language on the page's cheap text.",
    module=__name__,
    settings={"stretches": 8, "stretch": 256},
)
CHECKED = Signal(
    name="cascade.checked",
    kind=int,
    summary="1 where a page was to be skipped and went the whole way all the same, else 0.",
    module=__name__,
)
COLUMNS = (SCORE, CHECKED)
"""The ledger's columns; null for a page that the cascade did not look at."""
SKIPPED = Decision("dropped", "language", "cascade_language")

_STRETCHES, _STRETCH = SCORE.settings["stretches"], SCORE.settings["stretch"]
_PLAIN: Mapping[str, Any] = {
    "main_content": False,
    "preserve_formatting": False,
    "list_bullets": False,
    "alt_texts": False,
}
_SCALE = 1 << 64


@dataclass(frozen=True, slots=True)
class Glance:
    """What the cheap text says of a page."""

    language: str
    """The likeliest label."""
    language_score: float
    score: float
    """That of the wanted label."""
    hopeless: bool
    """Whether the score lies below the recipe's margin."""
    checked: bool
    """Whether the page goes the whole way all the same, to measure what is lost."""

    @property
    def values(self) -> tuple[float, int]:
        """What the ledger's columns hold, in their order."""
        return self.score, int(self.checked)

    @property
    def skipped(self) -> bool:
        """Whether the page is spared the extraction."""
        return self.hopeless and not self.checked


class Cascade:
    """Looks at pages for a recipe whose gate wants `language`."""

    def __init__(
        self, options: CascadeOptions, language: str, identifier: LanguageIdentifier
    ) -> None:
        self._options = options
        self._language = language
        self._identifier = identifier

    def look(self, html: str, page_id: str, *, audited: bool) -> Glance | None:
        """Look at a decoded page; None where its cheap text cannot be had or holds nothing.

        Such a page leaves everything open and is to go the whole way.
        """
        text = _cheap_text(html)
        scores = self._identifier.scores(text) if text else {}
        if not scores:
            return None
        language, language_score = next(iter(scores.items()))
        score = scores.get(self._language, 0.0)
        hopeless = score < self._options.language
        checked = hopeless and (audited or is_checked(page_id, self._options.check))
        return Glance(language, language_score, score, hopeless, checked)


def is_checked(page_id: str, share: float) -> bool:
    """Choose a share of all pages by hash of their id, independent of those that are audited."""
    digest = hashlib.blake2b(page_id.encode(), digest_size=8, person=b"cascade").digest()
    return int.from_bytes(digest, "big") < share * _SCALE


def _cheap_text(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    try:
        text = extract_plain_text(html, **_PLAIN) or ""
    except Exception:  # noqa: BLE001  what it cannot read, the extractor may
        return ""
    return without_surrogates(_stretches(text)).strip()


def _stretches(text: str) -> str:
    """Return the text, of a long one stretches at equal distances from its start to its end."""
    if len(text) <= _STRETCHES * _STRETCH:
        return text
    step = (len(text) - _STRETCH) / (_STRETCHES - 1)
    starts = (int(number * step) for number in range(_STRETCHES))
    return " ".join(text[start : start + _STRETCH] for start in starts)
