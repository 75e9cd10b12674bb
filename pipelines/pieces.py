"""Token ids from the compiled kernels, by pieces of a text that were seen before.

A byte-level tokenizer first parts a text by a pattern, then encodes each piece by itself
(Radford et al. 2019, section 2.2; `ByteLevel` of the tokenizers library). So what a piece gave
once it gives always. The kernels part a text as one of the patterns of `pipelines.patterns` does,
look its pieces up and join the bytes of new ones by a byte-pair encoding's merges. The tokenizer
itself is asked for new pieces if its model has more to it than merges, and its library once for
each character outside ASCII whether its Unicode has it for a letter, of which case, a mark, a
number, a space or something else.
"""

import ctypes
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, pre_tokenizers

from filters.native import kernels
from pipelines.patterns import BY_GPT2, PARTINGS, Parting

LONGEST_TEXT = 4 << 20
"""Characters of the longest text whose pieces are asked for; a longer one goes to the library."""
_MOST_PIECES, _MOST_BYTES = 1 << 17, 16 << 20
"""Of what is remembered, in each of two halves: what comes again and again stays."""
_OTHER = 7
_UNKNOWN_PIECES, _UNKNOWN_CHARACTERS = 0, 1
_OPTIONS = (
    "dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
)  # fmt: skip
"""Of a model: with any of them it does more than to merge."""


def _byte_characters() -> list[str]:
    """Return the characters that stand for the bytes, in their order (`bytes_to_unicode`, GPT-2).

    Bytes that print stand for themselves in Latin-1; the others for what follows U+0100.
    """
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    others = {byte: chr(256 + at) for at, byte in enumerate(hidden)}
    return [others.get(byte, chr(byte)) for byte in range(256)]


BYTE_CHARACTERS = tuple(_byte_characters())
"""The characters that stand for the bytes in a byte-level vocabulary, in the bytes' order."""


def piece_encoder(tokenizer: Tokenizer) -> "PieceEncoder | None":
    """Return what encodes as a tokenizer does, without special tokens.

    None where there are no kernels, or where a text is not parted by a pattern that they know.
    """
    library = kernels()
    written = json.loads(tokenizer.to_str()) if library is not None else {}
    parting = _parting(written.get("pre_tokenizer") or {})
    if library is None or parting is None or not _is_plain(written):
        return None
    return PieceEncoder(library, tokenizer, parting, _merges(written.get("model") or {}))


def _parting(parts: dict[str, Any]) -> Parting | None:
    """Return how a pre-tokenizer parts a text, if that is known; each piece stands for itself."""
    if _is_byte_level(parts, use_regex=True):
        return BY_GPT2
    split, *others = parts.get("pretokenizers") or [{}]
    by_bytes = len(others) == 1 and _is_byte_level(others[0], use_regex=False)
    # Every character is in a match, so what lies between matches is nothing.
    all_kept = (split.get("behavior"), split.get("invert")) in (
        ("Isolated", False),
        ("Removed", True),
    )
    if split.get("type") != "Split" or not by_bytes or not all_kept:
        return None
    return PARTINGS.get(split["pattern"].get("Regex"))


def _is_byte_level(part: dict[str, Any], *, use_regex: bool) -> bool:
    return (
        part.get("type") == "ByteLevel"
        and part.get("add_prefix_space") is False
        and part.get("use_regex", True) is use_regex
    )


def _is_plain(written: dict[str, Any]) -> bool:
    """Whether nothing comes before the pattern, and a piece always gives the same."""
    added = written.get("added_tokens") or ()
    return (
        written.get("normalizer") is None
        and not (written.get("model") or {}).get("dropout")
        and all(token["special"] for token in added)
    )


@dataclass(frozen=True, slots=True)
class Merges:
    """A byte-pair encoding as arrays of int32."""

    alphabet: NDArray[np.int32]
    """The id of each byte; shape (256,)."""
    joined: NDArray[np.int32]
    """Left, right and joined id of each pair, best first; shape (merges, 3)."""
    whole: tuple[tuple[bytes, int], ...]
    """Tokens, with their ids, that a piece is as it is, whatever the pairs say."""


def _merges(model: dict[str, Any]) -> Merges | None:
    """Return a model's merges; None where a piece is encoded by more than these."""
    plain = model.get("type") == "BPE" and not any(model.get(option) for option in _OPTIONS)
    vocab: dict[str, int] = model.get("vocab") or {}
    if not plain or any(character not in vocab for character in BYTE_CHARACTERS):
        return None
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    joined = [(vocab[left], vocab[right], vocab[left + right]) for left, right in pairs]
    ids = np.array([vocab[character] for character in BYTE_CHARACTERS], np.int32)
    whole = tuple(_as_bytes(vocab)) if model.get("ignore_merges") else ()
    return Merges(ids, np.array(joined, np.int32).reshape(-1, 3), whole)


def _as_bytes(vocab: dict[str, int]) -> Iterator[tuple[bytes, int]]:
    """Yield the tokens that stand for bytes, as these."""
    known = set(BYTE_CHARACTERS)
    table = {ord(shown): byte for byte, shown in enumerate(BYTE_CHARACTERS)}
    for token, number in vocab.items():
        if not set(token) - known:
            yield token.translate(table).encode("latin-1"), number


class PieceEncoder:
    """Encodes texts as its tokenizer does."""

    def __init__(
        self,
        library: ctypes.PyDLL,
        tokenizer: Tokenizer,
        parting: Parting = BY_GPT2,
        merges: Merges | None = None,
        most_pieces: int = _MOST_PIECES,
    ) -> None:
        self._library = library
        self._tokenizer = tokenizer
        self._takes_any = merges is not None
        self._lock = Lock()  # what was read last stays in the kernels until it is copied
        self._handle = library.pieces_new(most_pieces, _MOST_BYTES, *parting)
        if not self._handle:
            raise MemoryError
        finalize(self, partial(library.pieces_free, self._handle))
        if merges is not None:
            self._teach(merges)

    def _teach(self, merges: Merges) -> None:
        places = merges.alphabet.ctypes.data, merges.joined.ctypes.data
        if self._library.pieces_teach(self._handle, *places, len(merges.joined)) < 0:
            raise MemoryError
        tokens = b"".join(token for token, _ in merges.whole)
        ends = np.cumsum([len(token) for token, _ in merges.whole], dtype=np.int64)
        ids = np.array([number for _, number in merges.whole], np.int32)
        places = ends.ctypes.data, ids.ctypes.data
        if self._library.pieces_teach_whole(self._handle, tokens, *places, len(ids)) < 0:
            raise MemoryError

    def takes(self, text: str) -> bool:
        """Whether memory is bounded for a text of this length."""
        return self._takes_any or len(text) <= LONGEST_TEXT

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

    @staticmethod
    def _class(character: str) -> int:
        """Return what a pattern has a character for, as the library's Unicode knows it."""
        for kind, wanted in _kinds():
            if not wanted.pre_tokenize_str(character):
                return kind
        return _OTHER


@cache
def _kinds() -> tuple[tuple[int, Any], ...]:
    """Return the kinds of characters in the kernels' numbers, and what removes one of the kind."""
    patterns = (r"[\p{Lu}\p{Lt}]", r"\p{Ll}", r"[\p{Lm}\p{Lo}]", r"\p{M}", r"\p{N}", r"\s")
    return tuple(
        (kind, pre_tokenizers.Split(Regex(pattern), "removed"))
        for kind, pattern in enumerate(patterns, 1)
    )
