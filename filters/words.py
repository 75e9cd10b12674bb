"""The words of a text, each distinct one with a number: what signals and MinHash count."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int32]

SURROGATES = "surrogatepass"
"""How lone surrogates are encoded, which some texts have: they are characters as others."""


@dataclass(frozen=True)
class Words:
    """The words of a text, numbered by their first occurrence."""

    numbers: Integers
    """The number of each word, in the text's order."""
    counts: Integers
    """How often each distinct word occurs."""
    lengths: Integers
    """Characters of the distinct words."""
    letters: NDArray[np.bool_]
    """Which of the distinct words are made of letters alone (`str.isalpha`)."""
    listing: bytes
    r"""The distinct words in UTF-8 with `\n` before, between and behind."""
    broken: tuple[str, ...] = ()
    r"""The distinct words, where one holds `\n` itself, so that `listing` does not tell them apart.

    A kernel that reads the listing must not be asked then."""

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def distinct(self) -> list[str]:
        """The distinct words."""
        if self.broken or not len(self):
            return list(self.broken)
        return self.listing[1:-1].decode("utf-8", SURROGATES).split("\n")

    @cached_property
    def all(self) -> list[str]:
        """All words, in the text's order."""
        return list(map(self.distinct.__getitem__, self.numbers.tolist()))

    def holds(self, word: str) -> bool:
        """Whether a word is among them."""
        if self.broken:
            return word in self.broken
        return f"\n{word}\n".encode() in self.listing


def numbered(words: Sequence[str]) -> Words:
    """Number the words of a text."""
    distinct: defaultdict[str, int] = defaultdict(count().__next__)
    numbers = np.fromiter(map(distinct.__getitem__, words), np.int32, len(words))
    size = len(distinct)
    # What splits languages of India leaves line breaks inside words.
    broken = tuple(distinct) if any("\n" in word for word in distinct) else ()
    return Words(
        numbers,
        np.bincount(numbers, minlength=size).astype(np.int32),
        np.fromiter(map(len, distinct), np.int32, size),
        np.fromiter(map(str.isalpha, distinct), np.bool_, size),
        "".join(["\n", *(f"{word}\n" for word in distinct)]).encode("utf-8", SURROGATES),
        broken,
    )
