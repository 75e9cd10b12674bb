"""Token ids from the compiled kernels, by pieces of a text that were seen before.

A byte-level tokenizer first parts a text by a pattern, then encodes each piece by itself
(Radford et al. 2019, section 2.2; `ByteLevel` of the tokenizers library). So what a piece gave
once it gives always. The kernels part a text as GPT-2's pattern does, look its pieces up and join
the bytes of new ones by a byte-pair encoding's merges. The tokenizer itself is asked for new pieces
if its model has more to it than merges, and once for each character outside ASCII whether its
Unicode has it for a letter, a number, a space or something else.
"""

import ctypes
import json
from dataclasses import dataclass
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
_OPTIONS = (
    "dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges",
)  # fmt: skip
"""Of a model: with any of them it does more than to merge."""


def piece_encoder(tokenizer: Tokenizer) -> "PieceEncoder | None":
    """Return what encodes as a tokenizer does, without special tokens.

    None where there are no kernels, or where a text is not parted by GPT-2's pattern alone.
    """
    library = kernels()
    written = json.loads(tokenizer.to_str()) if library is not None else {}
    if library is None or not _is_byte_level(written):
        return None
    return PieceEncoder(library, tokenizer, merges=_merges(written.get("model") or {}))


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


@dataclass(frozen=True, slots=True)
class Merges:
    """A byte-pair encoding as arrays of int32."""

    bytes: NDArray[np.int32]
    """The id of each byte; shape (256,)."""
    joined: NDArray[np.int32]
    """Left, right and joined id of each pair, best first; shape (merges, 3)."""


def _merges(model: dict[str, Any]) -> Merges | None:
    """Return a model's merges; None where a piece is encoded by more than these."""
    plain = model.get("type") == "BPE" and not any(model.get(option) for option in _OPTIONS)
    vocab: dict[str, int] = model.get("vocab") or {}
    alphabet = _byte_characters()
    if not plain or any(character not in vocab for character in alphabet):
        return None
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    joined = [(vocab[left], vocab[right], vocab[left + right]) for left, right in pairs]
    ids = np.array([vocab[character] for character in alphabet], np.int32)
    return Merges(ids, np.array(joined, np.int32).reshape(-1, 3))


def _byte_characters() -> list[str]:
    """Return the characters that stand for the bytes, in their order (`bytes_to_unicode`, GPT-2).

    Bytes that print stand for themselves in Latin-1; the others for what follows U+0100.
    """
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    others = {byte: chr(256 + at) for at, byte in enumerate(hidden)}
    return [others.get(byte, chr(byte)) for byte in range(256)]


class PieceEncoder:
    """Encodes texts of at most `LONGEST_TEXT` characters as its tokenizer does."""

    def __init__(
        self,
        library: ctypes.PyDLL,
        tokenizer: Tokenizer,
        most_pieces: int = _MOST_PIECES,
        merges: Merges | None = None,
    ) -> None:
        self._library = library
        self._tokenizer = tokenizer
        self._lock = Lock()  # what was read last stays in the kernels until it is copied
        self._handle = library.pieces_new(most_pieces, _MOST_BYTES)
        if not self._handle:
            raise MemoryError
        finalize(self, partial(library.pieces_free, self._handle))
        if merges is not None:
            places = merges.bytes.ctypes.data, merges.joined.ctypes.data
            if library.pieces_teach(self._handle, *places, len(merges.joined)) < 0:
                raise MemoryError

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
