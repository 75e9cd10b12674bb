r"""Words of a list in a text, as C4 looks for its bad words.

C4 leaves out pages with a word of the List of Dirty, Naughty, Obscene or Otherwise Bad Words (arXiv
1910.10683, section 2.2). As in TensorFlow Datasets (`text/c4_utils.py`) and in datatrove's
`C4BadWordsFilter`, a word is found in the text in lower case where no letter, digit or `_` stands
right before or behind it (`\W` of a regular expression), and `anywhere` for languages that are
written without spaces. Their expression says whether there is such a word. Here every place is
counted, those within another one as well: `by the sea` is two where `sea` is listed, too.

With `among` a list is looked for as RedPajama-v2 does (`filters/redpajama_lists.py`): its entries,
as they are written, among the words that `redpajama_words` or `redpajama_raw_words` counts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from filters.signal import Signal
from filters.span import Span
from filters.text import Text


class ListedWords(Protocol):
    """Finds the words of a list in texts."""

    def count(self, text: Text) -> int:
        """Return at how many places of a text a word of the list stands."""

    def spans(self, text: Text) -> list[Span]:
        """Return the places in the order in which they begin; spans may overlap."""


class WordList:
    """Words and phrases that are looked for in texts, all in one pass (Aho and Corasick 1975)."""

    def __init__(self, words: Iterable[str], *, anywhere: bool = False) -> None:
        """Words are taken in lower case, without space around them; ValueError where there is none.

        `anywhere` finds them within longer words, too.
        """
        from ahocorasick import STORE_LENGTH, Automaton

        self._anywhere = anywhere
        self._automaton = Automaton(STORE_LENGTH)
        for word in words:
            if bare := word.strip().lower():
                self._automaton.add_word(bare)
        if not len(self._automaton):
            raise ValueError("a list without words")
        self._automaton.make_automaton()

    def __len__(self) -> int:
        """Return how many distinct words there are."""
        return len(self._automaton)

    def count(self, text: Text) -> int:
        """Return at how many places of a text a word of the list stands."""
        return sum(1 for _ in self._places(text.share(_lowered)))

    def spans(self, text: Text) -> list[Span]:
        """Return the places in the order in which they begin; spans may overlap."""
        lowered = text.share(_lowered)
        places = sorted(self._places(lowered))
        if len(lowered) == len(text.raw):
            return [Span(start, end, "word of a list") for start, end in places]
        # Some letters become two: which one stands at each place of the text in lower case.
        lengths = [len(char.lower()) for char in text.raw]
        of = [at for at, length in enumerate(lengths) for _ in range(length)]
        return [Span(of[start], of[end - 1] + 1, "word of a list") for start, end in places]

    def _places(self, lowered: str) -> Iterator[tuple[int, int]]:
        """Yield where words begin and end, by their ends."""
        for last, length in self._automaton.iter(lowered):
            start, end = last - length + 1, last + 1
            if self._anywhere or not (
                (start and _is_part(lowered[start - 1]))
                or (end < len(lowered) and _is_part(lowered[end]))
            ):
                yield start, end


def _is_part(char: str) -> bool:
    r"""Return whether a character is one of `\w`."""
    return char.isalnum() or char == "_"


def _lowered(text: Text) -> str:
    return text.raw.lower()


def word_signal(name: str, made_of: Mapping[str, Any], words: Callable[[], ListedWords]) -> Signal:
    """Return the signal that counts the places of a list's words in a text.

    `made_of` tells the list from others; `words` is asked for it when a text is measured.
    """
    return Signal(
        name=name,
        kind=int,
        summary=f"Count places where a word or phrase of the list '{name}' stands.",
        module=__name__,
        settings=made_of,
        measure=partial(_count, words),
    )


def _count(words: Callable[[], ListedWords], text: Text) -> int:
    return words().count(text)
