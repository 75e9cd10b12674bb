"""MinHash signatures, equal bit for bit to those of datatrove 0.10.1.

Broder 1997, "On the resemblance and containment of documents"; the permutations are
the affine ones of Carter and Wegman modulo the Mersenne prime 2^61 - 1. Fixed as in
FineWeb: words of the simplified text (lower case, numbers as 0, no punctuation, no
diacritics), n-grams joined with a space, the first 64 bits of their SHA-1.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache, partial
from typing import Any, TypeAlias

import numpy as np
from datatrove.utils.text import NUMBERS_PATTERN, PUNCTUATION_TRANS, WHITESPACE_PATTERN
from numpy.typing import NDArray

from filters.native import kernels
from filters.segment import segmenter

Hashes: TypeAlias = NDArray[np.uint64]

KEYS_VERSION = 2
"""Grows when `MinHasher.band_keys` makes other keys of the same signature."""

_PRIME = (1 << 61) - 1
_SHINGLES_AT_ONCE = 256
"""Rows of the product of shingles and permutations held in memory: 256 x 112 x 8 bytes.

Two of them fit a core's own cache, which makes it several times faster for long texts.
"""
_SHA1_BYTES = 20

_SURROGATES = "surrogatepass"
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
# For characters; 128 and above are parts of characters here, and stay.
_ASCII_PUNCTUATION = bytes(
    [*map(ord, bytes(range(128)).decode().translate(PUNCTUATION_TRANS)), *range(128, 256)]
)
_MOST_KEPT, _LONGEST_KEPT = 1 << 14, 32
"""Stretches outside ASCII that are remembered, and the bytes of the longest of them."""

_SIGNATURES_AT_ONCE = 256
"""Signatures whose bands are hashed together: 256 x 112 x 8 bytes, for the same reason."""
_FACTORS = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], dtype=np.uint64)
"""The factors of MurmurHash3's 64-bit finalizer (Appleby 2011, public domain)."""


@dataclass(frozen=True, slots=True)
class MinHasher:
    """Turns texts into signatures of `bands * rows` hashes over word n-grams."""

    ngram: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 1
    words: str = "en"
    languages: tuple[tuple[str, str], ...] = ()
    """Labels of languages whose words are found otherwise, with the name of how."""

    def of(self, language: str | None) -> "MinHasher":
        """Return the hasher for texts in a language, by its label."""
        if not self.languages:
            return self
        words = dict(self.languages).get(language or "", self.words)
        return replace(self, words=words, languages=())

    @property
    def identity(self) -> dict[str, Any]:
        """What differs where keys do, by name; versions of packages aside."""
        facts = asdict(self)
        languages = facts.pop("languages")
        told = {"languages": [list(item) for item in languages]} if languages else {}
        return {"version": KEYS_VERSION, **facts, **told}

    def keys(self, text: str) -> Hashes | None:
        """Return a text's key per band, shape (bands,); None without n-grams."""
        signature = self.signature(text)
        return None if signature is None else self.band_keys(signature)

    def signature(self, text: str) -> Hashes | None:
        """Return the least hash per permutation, shape (bands * rows,); None without n-grams."""
        hashes = self.shingles(text)
        if not hashes.size:
            return None
        a, b = _permutations(self.seed, self.bands * self.rows)
        library = kernels()
        if library is None:
            parts = range(0, len(hashes), _SHINGLES_AT_ONCE)
            by_part = [_least(hashes[at : at + _SHINGLES_AT_ONCE], a, b) for at in parts]
            least: Hashes = np.array(by_part).min(axis=0)
            return least
        least = np.empty(a.size, np.uint64)
        places = (array.ctypes.data for array in (a, b))
        library.minhash_least(hashes.ctypes.data, len(hashes), *places, a.size, least.ctypes.data)
        return least

    def shingles(self, text: str) -> Hashes:
        """Return one hash per n-gram of the simplified text, in order."""
        words = segmenter(self.words).numbered(simplify(text))
        library = kernels()
        if library is None or words.broken:
            return self._shingles(words.all)
        hashes = np.empty(max(len(words) - self.ngram + 1, 0), np.uint64)
        numbers, listing = words.numbers.ctypes.data, words.listing
        if library.minhash_shingles(
            numbers, len(words), listing, len(listing), self.ngram, hashes.ctypes.data
        ) < 0:  # fmt: skip
            raise MemoryError
        return hashes

    def _shingles(self, words: list[str]) -> Hashes:
        encoded = [word.encode() for word in words]
        ngrams = map(b" ".join, zip(*(encoded[at:] for at in range(self.ngram)), strict=False))
        sha1 = _sha1()
        digests = b"".join([sha1(ngram).digest() for ngram in ngrams])
        first_bytes = np.dtype({"names": ["h"], "formats": ["<u8"], "itemsize": _SHA1_BYTES})
        return np.frombuffer(digests, first_bytes)["h"].astype(np.uint64)

    def band_keys(self, signatures: Hashes) -> Hashes:
        """Return a 64-bit key per band of each signature, the same on every machine.

        The shape is that of `signatures` with `bands` in place of `bands * rows`. A key's
        lowest bits are its band's number, so that bands share no key and a key tells its band;
        the others are mixed from the band's hashes (xor, multiply, shift, as in MurmurHash3's
        finalizer). With 14 bands two documents that share no band share a key by a chance of
        14 in 2^60: about one such pair among 4 * 10^8 documents.
        """
        flat = signatures.reshape(-1, self.bands, self.rows)
        numbers = np.arange(self.bands, dtype=np.uint64)
        keys = np.empty(flat.shape[:2], dtype=np.uint64)
        for at in range(0, len(flat), _SIGNATURES_AT_ONCE):
            part = flat[at : at + _SIGNATURES_AT_ONCE]
            keys[at : at + len(part)] = _mixed(part, numbers)
        keys >>= np.uint64((self.bands - 1).bit_length())
        keys <<= np.uint64((self.bands - 1).bit_length())
        keys |= numbers
        return keys.reshape(*signatures.shape[:-1], self.bands)


def _mixed(hashes: Hashes, seeds: Hashes) -> Hashes:
    """Return one number for each row of hashes, shape (signatures, bands)."""
    mixed = np.tile(seeds, (len(hashes), 1))
    for row in range(hashes.shape[2]):
        mixed ^= hashes[:, :, row]
        mixed *= _FACTORS[0]
        mixed ^= mixed >> np.uint64(33)
    # Once more, since the last row's lower bits have not reached the upper ones' every bit.
    mixed *= _FACTORS[1]
    mixed ^= mixed >> np.uint64(33)
    return mixed


def simplify(text: str) -> str:
    """Return what datatrove's `simplify_text` returns, in a third of its time.

    Its steps are taken on UTF-8, where ASCII is changed by a table of 256 bytes and what lies
    between ASCII characters is looked up. That is exact: every step but lower case and numbers
    changes characters one by one, and marks are only reordered among themselves, so across no
    ASCII character (Unicode Standard Annex 15, canonical ordering).
    """
    data = NUMBERS_PATTERN.sub("0", text.lower()).encode("utf-8", _SURROGATES)
    data = data.translate(_ASCII_PUNCTUATION)
    if not data.isascii():
        data = _NOT_ASCII.sub(_without_punctuation, data)
    data = b" ".join(data.split())
    if data.isascii():
        return data.decode("ascii")
    data = _NOT_ASCII.sub(_without_marks, data)
    return data.decode("utf-8", _SURROGATES).strip()


def _remembering(change: Callable[[bytes], bytes]) -> Callable[[re.Match[bytes]], bytes]:
    """Make of a function what `re.sub` calls; what is too long to come again is forgotten."""
    known = lru_cache(_MOST_KEPT)(change)

    def look_up(found: re.Match[bytes]) -> bytes:
        written = found[0]
        return known(written) if len(written) <= _LONGEST_KEPT else change(written)

    return look_up


@_remembering
def _without_punctuation(written: bytes) -> bytes:
    """Return characters outside ASCII with a space for punctuation and for whitespace."""
    punctuated = written.decode("utf-8", _SURROGATES)
    spaced: str = WHITESPACE_PATTERN.sub(" ", punctuated.translate(PUNCTUATION_TRANS))
    return spaced.encode("utf-8", _SURROGATES)


@_remembering
def _without_marks(written: bytes) -> bytes:
    """Return characters outside ASCII decomposed, without their diacritics."""
    decomposed = unicodedata.normalize("NFD", written.decode("utf-8", _SURROGATES))
    marks = {ord(c): None for c in set(decomposed) if unicodedata.category(c) == "Mn"}
    return decomposed.translate(marks).encode("utf-8", _SURROGATES)


@cache
def _sha1() -> Callable[[bytes], Any]:
    """Return SHA-1. Saying at every call that it is not for security costs a third of the call."""
    try:
        hashlib.sha1(b"")  # noqa: S324  # not for security
    except ValueError:  # a Python that allows it for other uses only, and wants to be told
        return partial(hashlib.sha1, usedforsecurity=False)
    return hashlib.sha1


@cache
def _permutations(seed: int, count: int) -> tuple[Hashes, Hashes]:
    """Return factors and terms, drawn as datatrove draws them, shape (1, count) each."""
    # The legacy generator is what datatrove's signatures were made with.
    generator = np.random.RandomState(seed)
    return (
        generator.randint(1, _PRIME, dtype=np.uint64, size=(1, count)),
        generator.randint(0, _PRIME, dtype=np.uint64, size=(1, count)),
    )


def _least(hashes: Hashes, a: Hashes, b: Hashes) -> Hashes:
    """Return the least `(hash * a + b) mod 2^64 mod (2^61 - 1)` per permutation.

    The product is meant to wrap around 64 bits. Instead of a division, the upper three
    bits are added to the lower 61; the sum exceeds the prime by less than the prime.
    """
    prime = np.uint64(_PRIME)
    mixed = hashes[:, np.newaxis] * a
    mixed += b
    upper = mixed >> np.uint64(61)
    mixed &= prime
    mixed += upper
    if mixed.max() >= prime:  # once in 2^58 times; below the prime, subtracting wraps around
        np.minimum(mixed, mixed - prime, out=mixed)
    least: Hashes = mixed.min(axis=0)
    return least
