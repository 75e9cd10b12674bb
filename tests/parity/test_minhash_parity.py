"""Signatures: bit for bit those of datatrove."""

import random

import numpy as np
import pytest
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import simplify_text

from filters.minhash import MinHasher, simplify
from tests.parity.perturb import damaged

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("oracle")]


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> MinhashDedupSignature:
    config = MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))
    return MinhashDedupSignature(str(tmp_path_factory.mktemp("signatures")), config)


def expected(reference: MinhashDedupSignature, text: str) -> np.ndarray | None:
    shingles = reference.get_shingles(text)
    if not shingles.size:
        return None
    return np.array(reference.get_signature(shingles), dtype=np.uint64).ravel()


def assert_same(reference: MinhashDedupSignature, text: str) -> None:
    assert simplify(text) == simplify_text(text)
    found, wanted = MinHasher().signature(text), expected(reference, text)
    assert (found is None) == (wanted is None)
    if found is not None:
        assert found.dtype == np.uint64
        np.testing.assert_array_equal(found, wanted)


def test_kept_texts(reference, kept_texts):
    assert len(kept_texts) > 100
    for text in kept_texts:
        assert_same(reference, text)


def test_damaged_texts(reference, kept_texts):
    for text in damaged([text[:2500] for text in kept_texts], 3, 300):
        assert_same(reference, text)


@pytest.mark.parametrize("text", ["", "one two three four", "one two three four five", "!? … ."])
def test_hardly_any_words(reference, text):
    assert_same(reference, text)


def test_more_shingles_than_are_held_in_memory_at_once(reference):
    rng = random.Random(4)
    assert_same(reference, " ".join(str(rng.randbytes(3).hex()) for _ in range(9_000)))
