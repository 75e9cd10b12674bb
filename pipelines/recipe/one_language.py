"""What a recipe of several languages says of one, besides the thresholds in its rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OneLanguage:
    """How words are found in one of several languages."""

    words: str
    stop_words: tuple[str, ...]


def plain_languages(languages: Iterable[tuple[str, OneLanguage]]) -> dict[str, Any]:
    """Return the key `languages` as plain data, which recipes of one language have not."""
    plain = {
        label: {"words": its.words, "stop_words": list(its.stop_words)} for label, its in languages
    }
    return {"languages": plain} if plain else {}
