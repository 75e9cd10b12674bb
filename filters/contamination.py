"""Word n-grams that a text shares with the items of a benchmark, counted exactly.

Words are those of GPT-3's study of contamination: lower case, without punctuation, parted by
whitespace (Brown et al. 2020, https://arxiv.org/abs/2005.14165, appendix C, which takes n from
8 to 13). What counts as punctuation is here every character of Unicode's categories P and S,
which in ASCII are those of Python's `string.punctuation`. PaLM looks at 8-grams and calls an item
contaminated where 70 % of them are found (Chowdhery et al. 2022,
https://arxiv.org/abs/2204.02311, section 8). GPT-3's removal passes over n-grams that many
documents have; nothing is passed over here.
"""

import re
import sys
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from filters.signal import Signal
from filters.span import Span
from filters.text import Text

SIZES = (5, 50)
"""Least and most words of an n-gram that can be asked for."""
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
"""Odd numbers by which hashes are made; the first under which no two n-grams meet is used."""
_BITS_PER_GRAM = 16
_REMEMBERED = 32
"""Length up to which a word without its marks is remembered."""
_WORD = re.compile(r"\S+")

Ids: TypeAlias = npt.NDArray[np.int64]


def normal_words(text: str) -> list[str]:
    """Return the words of a text in lower case and without punctuation."""
    return [bare for word in text.lower().split() if (bare := _bare(word))]


def _bare(word: str) -> str:
    if word.isalnum():  # so are most, and then they have no marks
        return word
    return _remembered(word) if len(word) <= _REMEMBERED else _marks().sub("", word)


@lru_cache(maxsize=1 << 14)
def _remembered(word: str) -> str:
    return _marks().sub("", word)


def _normal(text: Text) -> list[str]:
    return normal_words(text.raw)


@cache
def _marks() -> re.Pattern[str]:
    """Return a pattern of runs of punctuation and symbols, as ranges: 0.2 s, once."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] in "PS":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return re.compile("[" + "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in ranges) + "]+")


def _places(raw: str) -> list[tuple[int, int]]:
    """Return where in a text its normal words are, punctuation around and in them included."""
    return [found.span() for found in _WORD.finditer(raw) if _bare(found[0].lower())]


class GramTable:
    """The distinct n-grams of a benchmark's items, to be looked up in texts.

    An n-gram is found by a 64-bit hash and then compared word by word. For a million n-grams
    the table holds about 20 MB, and the words that occur in them.
    """

    def __init__(self, items: Iterable[str], sizes: Sequence[int]) -> None:
        """`sizes` are the numbers of words of the n-grams that can be asked for."""
        self._vocabulary: dict[str, int] = {}
        stream, bounds = array("i"), array("q", [0])
        for item in items:
            known = self._vocabulary
            stream.extend(known.setdefault(word, len(known)) for word in normal_words(item))
            bounds.append(len(stream))
        self._stream = np.frombuffer(stream, dtype=np.int32) if stream else np.zeros(0, np.int32)
        self._bounds: Ids = np.array(bounds, dtype=np.int64)
        self._grams = {n: _Grams(self._stream, self._bounds, n) for n in sizes}

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self._bounds) - 1

    def grams(self, n: int) -> int:
        """Return how many distinct n-grams the items have together."""
        return len(self._grams[n].hashes)

    def short(self, n: int) -> int:
        """Return how many items have fewer than n words: of them nothing can be found."""
        return int((np.diff(self._bounds) < n).sum())

    def of_items(self, n: int) -> Iterator[Ids]:
        """Yield the numbers of each item's distinct n-grams, ascending; none of a short one."""
        grams = self._grams[n]
        for start, end in zip(self._bounds[:-1], self._bounds[1:], strict=True):
            found = grams.find(self._stream[start:end].astype(np.int64))
            yield np.unique(found[1])

    def count(self, n: int, text: Text) -> int:
        """Return how many of the distinct n-grams a text holds."""
        return len(np.unique(self.find(n, text.share(self._ids))[1]))

    def find(self, n: int, ids: Ids) -> tuple[Ids, Ids]:
        """Return at which of some words n-grams begin, and the number of each n-gram.

        `ids` are those of the words, by `ids_of`.
        """
        return self._grams[n].find(ids)

    def ids_of(self, words: Sequence[str]) -> Ids:
        """Return the number of each normal word, -1 where it is in no item."""
        return np.fromiter(map(self._vocabulary.get, words, repeat(-1)), np.int64, len(words))

    def spans(self, n: int, text: Text) -> list[Span]:
        """Return where each distinct n-gram is first found in a text; spans may overlap."""
        starts, numbers = self.find(n, text.share(self._ids))
        if not len(starts):
            return []
        places = _places(text.raw)
        firsts = np.sort(starts[np.unique(numbers, return_index=True)[1]]).tolist()
        what = f"{n}-gram of a benchmark"
        return [Span(places[at][0], places[at + n - 1][1], what) for at in firsts]

    def _ids(self, text: Text) -> Ids:
        return self.ids_of(text.share(_normal))


class _Grams:
    """The distinct n-grams of one n: hashes in order, with the place of each among the words."""

    def __init__(self, stream: npt.NDArray[np.int32], bounds: Ids, n: int) -> None:
        self.n, self._stream = n, stream
        starts = _starts(len(stream), bounds, n)
        for multiplier in map(np.uint64, _MULTIPLIERS):
            self._multiplier = multiplier
            hashes = _hashes(stream, n, multiplier)[starts]
            order = np.argsort(hashes, kind="stable")
            hashes, places = hashes[order], starts[order]
            first = np.ones(len(hashes), dtype=bool)
            first[1:] = hashes[1:] != hashes[:-1]
            kept = places[first]
            if self._equal(stream, places, kept[np.cumsum(first) - 1]).all():
                break
        else:
            raise ValueError("no hash tells these n-grams apart")
        self.hashes = hashes[first]
        self._places = kept.astype(np.uint32)
        self._shift = np.uint64(64 - max(len(kept) * _BITS_PER_GRAM, 64).bit_length())
        self._seen = self._bitmap()

    def _bitmap(self) -> npt.NDArray[np.uint8]:
        """Return bits by the hashes' upper bits: most of a page's n-grams are told by one look."""
        seen = np.zeros((1 << (64 - int(self._shift))) >> 3, dtype=np.uint8)
        upper = self.hashes >> self._shift
        bits = np.left_shift(1, upper & np.uint64(7)).astype(np.uint8)
        np.bitwise_or.at(seen, upper >> np.uint64(3), bits)
        return seen

    def _equal(self, words: npt.NDArray[Any], at: Ids, places: Ids) -> npt.NDArray[np.bool_]:
        """Return for each position among some words whether the n-gram at a place is there."""
        same = np.ones(len(at), dtype=bool)
        for offset in range(self.n):
            same &= words[at + offset] == self._stream[places + offset]
        return same

    def find(self, ids: Ids) -> tuple[Ids, Ids]:
        """Return where among the words of a text n-grams begin, and their numbers.

        `ids` are the words' numbers, -1 where a word is in no item.
        """
        none = np.zeros(0, dtype=np.int64)
        if len(ids) < self.n or not len(self.hashes):
            return none, none
        unknown = np.zeros(len(ids) + 1, dtype=np.int64)
        np.cumsum(ids < 0, out=unknown[1:])
        at = np.flatnonzero(unknown[self.n :] == unknown[: -self.n])
        if not len(at):
            return none, none
        hashes = _hashes(ids, self.n, self._multiplier)[at]
        upper = hashes >> self._shift
        bits = self._seen[upper >> np.uint64(3)] >> (upper & np.uint64(7)).astype(np.uint8)
        maybe = (bits & 1).astype(bool)
        at, hashes = at[maybe], hashes[maybe]
        numbers = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        same = self.hashes[numbers] == hashes
        at, numbers = at[same], numbers[same]
        exact = self._equal(ids, at, self._places[numbers].astype(np.int64))
        return at[exact], numbers[exact]


def _starts(words: int, bounds: Ids, n: int) -> Ids:
    """Return where n-grams begin that lie within one item."""
    ends = np.repeat(bounds[1:], np.diff(bounds))
    at = np.arange(words, dtype=np.int64)
    return at[at + n <= ends]


def _hashes(ids: npt.NDArray[Any], n: int, multiplier: np.uint64) -> npt.NDArray[np.uint64]:
    """Return a polynomial hash, modulo 2^64, of every n words in a row."""
    if len(ids) < n:
        return np.zeros(0, dtype=np.uint64)
    windows = len(ids) - n + 1
    mixed = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(_MULTIPLIERS[1])
    mixed ^= mixed >> np.uint64(29)
    found = np.zeros(windows, dtype=np.uint64)
    for offset in range(n):
        found *= multiplier
        found += mixed[offset : offset + windows]
    return found * multiplier


def gram_signal(
    benchmark: str, n: int, made_of: dict[str, Any], table: Callable[[], GramTable]
) -> Signal:
    """Return the signal that counts the distinct n-grams of a benchmark in a text.

    `made_of` tells its items from others; `table` is asked for them when a text is measured.
    """
    return Signal(
        name=f"{benchmark}_{n}grams",
        kind=int,
        summary=f"Count distinct {n}-grams that the text shares with items of '{benchmark}'.",
        module=__name__,
        settings={"n": n, **made_of},
        measure=partial(_count, n, table),
    )


def _count(n: int, table: Callable[[], GramTable], text: Text) -> int:
    return table().count(n, text)
