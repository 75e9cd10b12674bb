"""The compiled kernels give what the Python beside them gives, and are not needed."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import filters.native
import hatch_build
from filters import minhash, ngrams
from filters.lexicon import LONGEST_TEXT, Lexicon
from filters.minhash import MinHasher
from filters.native import kernels
from filters.segment import ChunkSegmenter, segmenter
from filters.words import numbered
from tests.filters.golden import rows

ROOT = Path(__file__).parents[2]
SPACES = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
PIECES = st.one_of(
    st.sampled_from(SPACES),
    st.sampled_from([*".,:;!?'\"()[]“”‘’-–—/", "'s", "’S", ": )", " :", "don't", "U.S."]),
    st.sampled_from(["word", "A", "é", "12", "5km", "1:30a2", "...",
                     "\x00", "\u0085x", "\u180e", "x\x1f"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=20).map("".join) | st.lists(PIECES, max_size=20).map(" ".join)


@pytest.fixture(scope="module")
def english() -> ChunkSegmenter:
    found = segmenter("en")
    assert isinstance(found, ChunkSegmenter)
    assert found.lexicon is not None
    return found


def test_the_library_is_compiled_from_these_sources():
    folder = ROOT / hatch_build.FOLDER
    sources = hatch_build.digest_of(folder).encode()
    assert sources in (folder / "kernels.so").read_bytes()
    assert kernels() is not None


@settings(max_examples=1500, deadline=None)
@given(text=TEXTS)
def test_any_text_has_the_same_words(english, text):
    words = english.memo.words(text)
    found, expected = english.lexicon.numbered(text), numbered(words)
    assert found.all == english.lexicon.words(text) == words
    assert found.distinct == expected.distinct
    assert found.listing == expected.listing
    for name in ("numbers", "counts", "lengths", "letters"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert english.lexicon.codes(text) == english.memo.codes(text)
    assert english.lexicon.may_tell(text) or english._telling_space.search(text) is None


@pytest.mark.parametrize("language", ["deu", "fra", "rus", "ell"])
def test_languages_whose_frames_are_not_known(language):
    found = segmenter(language)
    assert isinstance(found, ChunkSegmenter)
    text = "z. B. и др. Das ist, c'est-à-dire (EE. UU.), gut! Μ. Ασία ¿Qué? : ) Ende.  "
    assert found.lexicon is not None
    assert found.lexicon.words(text) == found.memo.words(text)
    assert found.lexicon.codes(text) == found.memo.codes(text)


def test_every_space_parts_words_and_nothing_else_does(english):
    odd = ["\x1b", "\x21", "\x7f", "\x84", "\xa1", "\u167f", "\u1681", "\u180e", "\u1fff",
           "\u200b", "\u2027", "\u202a", "\u202e", "\u2030", "\u205e", "\u2060"]  # fmt: skip
    for mark in [*SPACES, *odd]:
        for text in (f"one{mark}two", f"{mark}one", f"one{mark}", f"one {mark} two"):
            assert english.lexicon.words(text) == english.memo.words(text), repr(mark)


def test_a_small_memory_gives_the_same(english):
    small = Lexicon(kernels(), english.splitter, most_chunks=5)
    chance = random.Random("memory")
    texts = [row["text"] for row in rows("segment")]
    for text in chance.choices(texts, k=200):
        assert small.words(text) == english.memo.words(text)
    long = " ".join(f"w{number}-é" for number in range(5000))
    assert small.words(long) == english.memo.words(long)
    assert small.words("one more") == ["one", "more"]
    assert len(small) <= 5


def test_a_text_that_is_too_long_is_read_in_python(english, monkeypatch):
    monkeypatch.setattr("filters.segment.LONGEST_TEXT", 10)
    assert english._reader("0123456789") is english.lexicon
    assert english._reader("0123456789 ") is english.memo
    assert LONGEST_TEXT > 10


def test_sha1_of_any_length():
    library = kernels()
    for size in range(300):
        text = random.Random(size).randbytes(size)
        expected = int.from_bytes(hashlib.sha1(text).digest()[:8], "little")  # noqa: S324
        assert library.minhash_sha1_anywhere(text, size) == expected
        words = numbered([text.hex()[: 2 * size // 2] or "x"])
        hashes = np.empty(1, np.uint64)
        library.minhash_shingles(
            words.numbers.ctypes.data, 1, words.listing, len(words.listing), 1, hashes.ctypes.data
        )
        digest = hashlib.sha1(words.all[0].encode()).digest()  # noqa: S324
        assert hashes[0] == int.from_bytes(digest[:8], "little")


@pytest.mark.parametrize("shape", [(14, 8), (1, 1), (3, 7), (9, 13)])
def test_signatures_are_the_same(shape, monkeypatch):
    hasher = MinHasher(bands=shape[0], rows=shape[1], ngram=3)
    texts = [row["text"] for row in rows("segment")] + ["a b", "", "one two three " * 500, "é ß 12"]
    compiled = [hasher.signature(text) for text in texts]
    monkeypatch.setattr(minhash, "kernels", lambda: None)
    for text, signature in zip(texts, compiled, strict=True):
        plain = hasher.signature(text)
        assert (plain is None) == (signature is None)
        assert plain is None or plain.tolist() == signature.tolist()


def test_repeated_grams_of_many_words():
    chance = random.Random("grams")
    for size in (0, 1, 4, 5, 10, 11, 3000):
        words = numbered(chance.choices(["a", "b", "ab", "ba", "é", "bé"], k=size))
        assert ngrams.top_ngram_chars(words) == {
            n: ngrams._top_chars(words.all, n) for n in ngrams.TOP_SIZES
        }
        assert ngrams.dup_ngram_chars(words) == {
            n: ngrams._dup_chars(words.all, n) for n in ngrams.DUP_SIZES
        }


def test_without_the_library_everything_is_the_same():
    """As where no compiler was found: another process, that finds no library."""
    program = (
        "import json, sys\n"
        "from filters.native import kernels\n"
        "from filters import measure\n"
        "from filters.minhash import MinHasher\n"
        "text = sys.stdin.read()\n"
        "hashes = [int(h) for h in MinHasher().signature(text)]\n"
        "print(json.dumps([kernels() is not None, measure(text), hashes]))\n"
    )
    text = "\n".join(row["text"] for row in rows("segment")).encode("utf-8", "replace")
    hidden = "import filters.native\nfilters.native._LIBRARY = 'nothing.so'\n"
    told = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", before + program],
                input=text, capture_output=True, check=True, cwd=ROOT,
            ).stdout
        )
        for before in ("", hidden)
    ]  # fmt: skip
    (compiled, *found), (plain, *expected) = told
    assert compiled
    assert not plain
    assert found == expected


def test_a_library_of_another_version_is_not_used(monkeypatch):
    monkeypatch.setattr(filters.native, "VERSION", filters.native.VERSION + 1)
    assert kernels.__wrapped__() is None


def test_without_a_compiler_there_is_an_error_and_no_rest(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler")
    for path in (ROOT / hatch_build.FOLDER).glob("*.[ch]*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "__init__.py").write_text("VERSION = 1\n")
    with pytest.raises(OSError, match="no-such-compiler"):
        hatch_build.compile_kernels(tmp_path)
    assert not list(tmp_path.glob("*.so"))
