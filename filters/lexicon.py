"""The words of a text by its chunks, from the compiled kernels.

They part a text at whitespace, join chunks that a special case may straddle
(`filters/straddle.py`), look each chunk up among those that they know, and split words framed
by the commonest marks themselves (`filters/affixes.py`). All other chunks that are new are
split here and taught, so spaCy's patterns are asked in Python alone.
"""

import ctypes
from collections.abc import Iterator
from functools import partial
from threading import Lock
from weakref import finalize

import numpy as np

from filters.affixes import FRAMING_MARKS
from filters.chunks import BREAK, LINE_END, MOST_CHUNKS, ChunkSplitter
from filters.words import SURROGATES, Words

LONGEST_TEXT = 4 << 20
"""Characters of the longest text for which this memory is bounded; a longer one has chunks of
its own that are not to be remembered."""

_MOST_BYTES = 16 << 20
"""Of what is remembered, in each of two halves: see `filters.chunks`. A chunk and its words take
about 100 bytes, a quarter of what Python needs, so there may be twice as many."""
_LETTERS = 4
"""Added to the role of a word that is made of letters alone."""
_HEAD = 24
_WORDS, _CODES = 0, 1


class Lexicon:
    """Looks chunks up in the kernels; for texts of at most `LONGEST_TEXT` characters."""

    def __init__(
        self, library: ctypes.PyDLL, splitter: ChunkSplitter, most_chunks: int = MOST_CHUNKS
    ) -> None:
        self._library = library
        self._splitter = splitter
        self._ends_known = {end for end in splitter.ends if end.isascii()} == set(".!?")
        self._lock = Lock()  # what was read last stays in the kernels until it is copied
        self._handle = library.lexicon_new(most_chunks, _MOST_BYTES)
        if not self._handle:
            raise MemoryError
        finalize(self, partial(library.lexicon_free, self._handle))
        for table, rule, kind in self._rules():
            text = _bytes(rule)
            library.lexicon_rule(self._handle, table, text, len(text), kind)

    def _rules(self) -> Iterator[tuple[bytes, str, int]]:
        """Yield what the kernels must know to split what they can; see `lexicon_rule`."""
        affixes = self._splitter.affixes
        yield from ((b"p", "\n".join(pair), 0) for pair in sorted(self._splitter.pairs))
        if affixes.splits_framed:
            yield from ((b"s", case, 0) for case in sorted(affixes.special))
            yield from ((b"c", core, 0) for core in sorted(affixes.special_cores))
            yield from ((b"d", case, 0) for case in sorted(affixes.changing))
            yield from ((b"u", unit, 0) for unit in sorted(affixes.units))
            yield from ((b"f", stops, self._kind(stops)) for stops in (".", ".."))
            yield from ((b"m", mark, self._kind(mark)) for mark in FRAMING_MARKS)

    def __len__(self) -> int:
        """Return how many chunks the younger half of the memory holds."""
        return int(self._library.lexicon_chunks(self._handle))

    def words(self, text: str) -> list[str]:
        """Return the words of a text, in order."""
        return self.numbered(text).all

    def numbered(self, text: str) -> Words:
        """Return the same, with what is known of each distinct one."""
        packed = self._read(text, _WORDS)
        size, distinct, _ = np.frombuffer(packed, np.int64, 3).tolist()
        numbers, counts, lengths = (
            np.frombuffer(packed, np.int32, some, _HEAD + 4 * before)
            for some, before in ((size, 0), (distinct, size), (distinct, size + distinct))
        )
        at = _HEAD + 4 * (size + 2 * distinct)
        kinds = np.frombuffer(packed, np.uint8, distinct, at)
        return Words(numbers, counts, lengths, kinds >= _LETTERS, packed[at + distinct :])

    def codes(self, text: str) -> str:
        """Return one character of `filters.chunks.CODES` for each word."""
        return self._read(text, _CODES).decode("ascii")

    def may_tell(self, text: str) -> bool:
        """Return False where surely no space of a text opens a sentence; see `filters.segment`."""
        data = _bytes(text)
        return not self._ends_known or bool(self._library.lexicon_may_tell(data, len(data)))

    def _read(self, text: str, what: int) -> bytes:
        data, library, handle = _bytes(text), self._library, self._handle
        with self._lock:
            while (size := library.lexicon_read(handle, data, len(data), what)) < 0:
                if size != -1:
                    raise MemoryError
                self._teach(data)
            return ctypes.string_at(library.lexicon_output(handle), size)

    def _teach(self, data: bytes) -> None:
        """Split the chunks that the kernels did not know."""
        count = self._library.lexicon_unknown_count(self._handle)
        found = ctypes.string_at(self._library.lexicon_unknown(self._handle), 8 * count)
        bounds = np.frombuffer(found, np.int64).tolist()
        chunks = (data[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True))
        for chunk in dict.fromkeys(chunks):
            text = chunk.decode("utf-8", SURROGATES)
            if text == LINE_END:
                words, kinds = chunk, bytes([BREAK])
            else:
                tokens = self._splitter.tokens(text)
                words, kinds = _bytes("\n".join(tokens)), bytes(map(self._kind, tokens))
            learned = self._library.lexicon_learn(
                self._handle, chunk, len(chunk), words, len(words), kinds, len(kinds)
            )
            if learned < 0:
                raise MemoryError

    def _kind(self, token: str) -> int:
        return self._splitter.role(token) + _LETTERS * token.isalpha()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", SURROGATES)
