"""Signatures and band keys; that they are datatrove's bits is tested in `tests/parity`."""

import hashlib
import struct
from collections.abc import Iterable

import numpy as np
import pytest
from datatrove.utils.text import simplify_text
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import minhash
from filters.minhash import MinHasher, simplify

TEXT = "The quick brown fox jumps over the lazy dog, and the dog sleeps on."


@settings(max_examples=300)
@given(st.text() | st.text(alphabet="aé\u0301\u0327İß 12.,٣ǅ𝟗\u200d"))
def test_simplify_equals_datatroves(text):
    assert simplify(text) == simplify_text(text)


def test_a_signature_by_the_book():
    words = simplify(TEXT).split()
    hashes = [
        struct.unpack(
            "<Q",
            hashlib.sha1(" ".join(words[i : i + 5]).encode(), usedforsecurity=False).digest()[:8],
        )[0]
        for i in range(len(words) - 4)
    ]
    a, b = (row[0].tolist() for row in minhash._permutations(1, 112))
    by_hand = [
        min((h * x + y) % 2**64 % (2**61 - 1) for h in hashes) for x, y in zip(a, b, strict=True)
    ]
    assert MinHasher().signature(TEXT).tolist() == by_hand


def test_parts_of_a_long_text_give_the_same(monkeypatch):
    text = " ".join(f"word{n % 97} and{n}" for n in range(400))
    whole = MinHasher().signature(text)
    monkeypatch.setattr(minhash, "_SHINGLES_AT_ONCE", 7)
    np.testing.assert_array_equal(MinHasher().signature(text), whole)


def test_values_around_the_prime():
    edge = 2**61 - 1
    hashes = np.array(
        [0, 1, edge - 1, edge, edge + 1, 2 * edge, 2 * edge + 1, 2**64 - 1], dtype=np.uint64
    )
    ones, zeros = np.ones((1, 1), dtype=np.uint64), np.zeros((1, 1), dtype=np.uint64)
    for value in hashes:
        found = minhash._least(np.array([value], dtype=np.uint64), ones, zeros)
        assert found.tolist() == [int(value) % edge]


@pytest.mark.parametrize("text", ["", "one two three four", "... !!! ???"])
def test_too_few_words_have_no_signature(text):
    assert MinHasher().signature(text) is None
    assert MinHasher().keys(text) is None


def test_shapes_and_other_parameters():
    hasher = MinHasher(ngram=2, bands=3, rows=4, seed=7)
    signature = hasher.signature(TEXT)
    assert signature.shape == (12,)
    assert signature.dtype == np.uint64
    assert hasher.band_keys(signature).shape == (3,)
    assert hasher.keys(TEXT).tolist() == hasher.band_keys(signature).tolist()
    assert (
        MinHasher(ngram=2, bands=3, rows=4, seed=8).signature(TEXT).tolist() != signature.tolist()
    )


def test_band_keys_are_stable_and_belong_to_their_band():
    hasher = MinHasher()
    signature = np.arange(112, dtype=np.uint64)
    keys = hasher.band_keys(signature)
    assert keys[1] == _key_in_plain_python(range(8, 16), 1)
    assert (keys & np.uint64(15)).tolist() == list(range(14))
    changed = signature.copy()
    changed[8] += np.uint64(1)
    assert (hasher.band_keys(changed) != keys).tolist() == [False, True] + [False] * 12


def _key_in_plain_python(hashes: Iterable[int], band: int) -> int:
    mixed = band
    for value in hashes:
        mixed = (mixed ^ value) * 0xFF51AFD7ED558CCD % 2**64
        mixed ^= mixed >> 33
    mixed = mixed * 0xC4CEB9FE1A85EC53 % 2**64
    return (mixed ^ mixed >> 33) >> 4 << 4 | band


def test_many_signatures_have_the_keys_that_each_has():
    signatures = np.random.default_rng(5).integers(0, 2**61, (700, 112), dtype=np.uint64)
    together = MinHasher().band_keys(signatures)
    assert together.shape == (700, 14)
    alone = [MinHasher().band_keys(signature) for signature in signatures]
    assert (together == np.array(alone)).all()
    assert MinHasher().band_keys(signatures[:0]).shape == (0, 14)


@pytest.mark.parametrize("at", [0, 7])
def test_band_keys_of_hashes_that_hardly_differ_are_spread_evenly(at):
    """The upper bits are the partition: half of them in one would be no partition."""
    signatures = np.zeros((4096, 8), dtype=np.uint64)
    signatures[:, at] = np.arange(4096)
    keys = MinHasher(bands=1, rows=8).band_keys(signatures).ravel()
    assert len(np.unique(keys)) == 4096
    counts = np.bincount((keys >> np.uint64(60)).astype(int), minlength=16)
    assert counts.min() > 190
    assert counts.max() < 330
