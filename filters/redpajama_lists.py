"""Words of a list among the words of RedPajama-v2: its `ldnoobw_words` and `stop_word_fraction`.

As togethercomputer/RedPajama-Data at 855a8e0 counts them
(`app/src/core/quality_signals/content.py`). An entry of a list is compared as it is written: one in
upper case, with ASCII punctuation or with a composed letter (`é`) is never a normalised word, and
one with punctuation is never a raw word.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from filters.redpajama import RAW_WORD, normal_places, normal_words, raw_words
from filters.span import Span
from filters.text import Text
from filters.word_list import ListedWords

_WHAT = "word of a list"


class NormalWords:
    """Words and phrases among the normalised words; a phrase has single spaces."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take entries as they are, without space around them; ValueError where there is none."""
        self._listed = _entries(words)
        self._sizes: dict[str, set[int]] = {}
        for entry in self._listed:
            self._sizes.setdefault(entry.split(" ")[0], set()).add(entry.count(" ") + 1)

    def count(self, text: Text) -> int:
        """Return at how many places of a text an entry stands; places may overlap."""
        return sum(1 for _ in self._places(text))

    def spans(self, text: Text) -> list[Span]:
        """Return the places in the order in which they begin."""
        places = text.share(normal_places)
        return [Span(places[a][0], places[b - 1][1], _WHAT) for a, b in sorted(self._places(text))]

    def _places(self, text: Text) -> Iterator[tuple[int, int]]:
        """Yield the first word of each place, and the one behind its last."""
        words = text.share(normal_words)
        for at, word in enumerate(words):
            for size in self._sizes.get(word, ()):
                if " ".join(words[at : at + size]) in self._listed and at + size <= len(words):
                    yield at, at + size


class RawWords:
    """Words among the raw words, in the case in which the list has them."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take entries as they are, without space around them; ValueError where there is none."""
        self._listed = _entries(words)

    def count(self, text: Text) -> int:
        """Return how many raw words of a text are in the list."""
        return sum(map(self._listed.__contains__, text.share(raw_words)))

    def spans(self, text: Text) -> list[Span]:
        """Return them in their order."""
        found = RAW_WORD.finditer(text.raw)
        return [Span(*each.span(), _WHAT) for each in found if each.group() in self._listed]


def _entries(words: Iterable[str]) -> frozenset[str]:
    entries = frozenset(bare for word in words if (bare := word.strip()))
    if not entries:
        raise ValueError("a list without words")
    return entries


AMONG: Mapping[str, Callable[[Iterable[str]], ListedWords]] = MappingProxyType(
    {"redpajama_words": NormalWords, "redpajama_raw_words": RawWords}
)
"""What looks for a list among the words that a signal counts, by that signal's name."""
