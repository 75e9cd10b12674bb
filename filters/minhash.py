"""MinHash signatures, equal bit for bit to those of datatrove 0.10.1.

Broder 1997, "On the resemblance and containment of documents"; the permutations are
the affine ones of Carter and Wegman modulo the Mersenne prime 2^61 - 1. Fixed as in
FineWeb: words of the simplified text (lower case, numbers as 0, no punctuation, no
diacritics), n-grams joined with a space, the first 64 bits of their SHA-1.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from datatrove.utils.text import TextNormConfig, simplify_text
from numpy.typing import NDArray

from filters.segment import segmenter

Hashes: TypeAlias = NDArray[np.uint64]

_PRIME = (1 << 61) - 1
_SHINGLES_AT_ONCE = 256
"""Rows of the product of shingles and permutations held in memory: 256 x 112 x 8 bytes.

Two of them fit a core's own cache, which makes it several times faster for long texts.
"""
_SHA1_BYTES = 20


@dataclass(frozen=True, slots=True)
class MinHasher:
    """Turns texts into signatures of `bands * rows` hashes over word n-grams."""

    ngram: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 1
    words: str = "en"

    def signature(self, text: str) -> Hashes | None:
        """Return the least hash per permutation, shape (bands * rows,); None without n-grams."""
        hashes = self.shingles(text)
        if not hashes.size:
            return None
        a, b = _permutations(self.seed, self.bands * self.rows)
        parts = range(0, len(hashes), _SHINGLES_AT_ONCE)
        least = [_least(hashes[at : at + _SHINGLES_AT_ONCE], a, b) for at in parts]
        return least[0] if len(least) == 1 else np.min(least, axis=0)

    def shingles(self, text: str) -> Hashes:
        """Return one hash per n-gram of the simplified text, in order."""
        words = segmenter(self.words).words(simplify(text))
        encoded = [word.encode() for word in words]
        joined = b" ".join(encoded)
        starts = list(accumulate((len(word) + 1 for word in encoded), initial=0))
        sha1 = partial(hashlib.sha1, usedforsecurity=False)
        digests = b"".join(
            [
                sha1(joined[start : end - 1]).digest()
                for start, end in zip(starts, starts[self.ngram :], strict=False)
            ]
        )
        first_bytes = np.dtype({"names": ["h"], "formats": ["<u8"], "itemsize": _SHA1_BYTES})
        return np.frombuffer(digests, first_bytes)["h"].astype(np.uint64)

    def band_keys(self, signature: Hashes) -> Hashes:
        """Return a 64-bit key per band, shape (bands,), the same on every machine.

        Documents share a band's key if they share its hashes; others by a chance of 2^-64.
        """
        data = signature.astype("<u8").tobytes()
        width = self.rows * 8
        keys = b"".join(
            hashlib.blake2b(data[at : at + width], digest_size=8).digest()
            for at in range(0, len(data), width)
        )
        return np.frombuffer(keys, dtype="<u8").astype(np.uint64)


def simplify(text: str) -> str:
    """Return what datatrove's `simplify_text` returns, with diacritics taken out faster."""
    plain = simplify_text(text, TextNormConfig(norm_unicode_diacritics=False))
    if plain.isascii():
        return str(plain)
    decomposed = unicodedata.normalize("NFD", plain)
    marks = {ord(c): None for c in set(decomposed) if unicodedata.category(c) == "Mn"}
    return decomposed.translate(marks).strip()


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
