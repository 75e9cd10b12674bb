"""Token ids from the compiled kernels, by pieces of a text that were seen before.

A byte-level tokenizer first parts a text by a pattern, then encodes each piece by itself
(Radford et al. 2019, section 2.2; `ByteLevel` of the tokenizers library). So what a piece gave
once it gives always. The kernels part a text as GPT-2's pattern does and look its pieces up;
the tokenizer itself is asked for pieces that are new, and once for each character outside
ASCII whether its Unicode has it for a letter, a number, a space or something else.
"""

import ctypes
import json
from functools import partial
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from filters.native import kernels

LONGEST_TEXT = 4 << 20
"""Characters of the longest text for which memory is bounded; a longer one goes to the library."""
_MOST_PIECES, _MOST_BYTES = 1 << 17, 16 << 20
"""Of what is remembered, in each of two halves: what comes again and again stays."""
_LETTER, _NUMBER, _SPACE, _OTHER = 1, 2, 3, 4
_UNKNOWN_PIECES, _UNKNOWN_CHARACTERS = 0, 1


def piece_encoder(tokenizer: Tokenizer) -> "PieceEncoder | None":
    """Return what encodes as a tokenizer does, without special tokens.

    None where there are no kernels, or where a text is not parted by GPT-2's pattern alone.
    """
    library = kernels()
    if library is None or not _is_byte_level(json.loads(tokenizer.to_str())):
        return None
    return PieceEncoder(library, tokenizer)


def _is_byte_level(written: dict[str, Any]) -> bool:
    """Whether nothing comes before the pattern, and each piece is encoded by itself."""
    parts = written.get("pre_tokenizer") or {}
    added = written.get("added_tokens") or ()
    return (
        written.get("normalizer") is None
        and parts.get("type") == "ByteLevel"
        and parts.get("add_prefix_space") is False
        and parts.get("use_regex", True) is True
        and not (written.get("model") or {}).get("dropout")
        and all(token["special"] for token in added)
    )


class PieceEncoder:
    """Encodes texts of at most `LONGEST_TEXT` characters as its tokenizer does."""

    def __init__(
        self, library: ctypes.PyDLL, tokenizer: Tokenizer, most_pieces: int = _MOST_PIECES
    ) -> None:
        self._library = library
        self._tokenizer = tokenizer
        self._lock = Lock()  # what was read last stays in the kernels until it is copied
        self._handle = library.pieces_new(most_pieces, _MOST_BYTES)
        if not self._handle:
            raise MemoryError
        finalize(self, partial(library.pieces_free, self._handle))

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the token ids of a text."""
        with self._lock:
            size = self._read(text, keep=True)
            ids = ctypes.string_at(self._library.pieces_ids(self._handle), 4 * size)
        return np.frombuffer(ids, np.int32)

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        with self._lock:
            return self._read(text, keep=False)

    def _read(self, text: str, *, keep: bool) -> int:
        data = text.encode()
        while (size := self._library.pieces_read(self._handle, data, len(data), keep)) < 0:
            if size != -1:
                raise MemoryError
            for character in map(chr, set(self._unknown(_UNKNOWN_CHARACTERS))):
                self._library.pieces_classify(self._handle, ord(character), self._class(character))
            bounds = self._unknown(_UNKNOWN_PIECES)
            pieces = (data[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True))
            self._learn(list(dict.fromkeys(pieces)))
        return int(size)

    def _unknown(self, which: int) -> list[int]:
        count = ctypes.c_int64()
        found = self._library.pieces_unknown(self._handle, which, ctypes.byref(count))
        written = ctypes.string_at(found, 8 * count.value) if count.value else b""
        return list(map(int, np.frombuffer(written, np.int64)))

    def _learn(self, pieces: list[bytes]) -> None:
        texts = [piece.decode() for piece in pieces]
        found = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for piece, encoding in zip(pieces, found, strict=True):
            ids = np.array(encoding.ids, np.int32)
            place, size = ids.ctypes.data, len(ids)
            if self._library.pieces_learn(self._handle, piece, len(piece), place, size) < 0:
                raise MemoryError

    def _class(self, character: str) -> int:
        """Return what the pattern has a character for: it goes on with others of its kind."""
        parted = self._tokenizer.pre_tokenizer.pre_tokenize_str
        for kind, same in ((_LETTER, "a"), (_NUMBER, "1"), (_OTHER, "!")):
            if len(parted(f"{same}{character}{same}")) == 1:
                return kind
        return _SPACE
