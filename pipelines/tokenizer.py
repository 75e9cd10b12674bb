"""Tokenizers: trained, loaded, encoded and counted with.

A special token that a page spells out (`<|endoftext|>`) is text like any
other: it is encoded as its characters, so no page can end a document.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from filters.errors import UnitError
from pipelines.bucket.path import S3Path, run_folder
from pipelines.long_texts import STRETCH, Cutter, cutter
from pipelines.patterns import GPT2
from pipelines.pieces import PieceEncoder, piece_encoder
from pipelines.tokens.opened import SentencePieceModel, open_tokenizer

END_OF_TEXT = "<|endoftext|>"
_NONE = np.array([], np.int32)
_SURROGATE = re.compile("[\ud800-\udfff]")


def train_tokenizer(texts: Iterable[str], vocab_size: int, pattern: str = GPT2) -> bytes:
    """Train a byte-level BPE and return its `tokenizer.json`; texts are parted by a pattern first.

    Every byte is in the alphabet, so any text can be encoded and decodes back
    to itself. The same texts in the same order give the same bytes.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _parting(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str().encode()


def _parting(pattern: str) -> pre_tokenizers.PreTokenizer:
    if pattern == GPT2:  # which the library has under a name
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, by_bytes])


_TOKENIZERS = 4
"""Tokenizers that a process keeps: several recipes may count by several."""


def tokenizer_place(path: Path, sha256: str) -> str:
    """Return where workers find a run's tokenizer.json; with its sha256 where it is on S3.

    So none has to ask, page by page, whether it is still the same.
    """
    return f"{path}#{sha256}" if isinstance(path, S3Path) else str(path)


def load_tokenizer(place: str) -> Tokenizer | SentencePieceModel:
    """Load a tokenizer.json once per process, single-threaded: workers share the cores."""
    if place.startswith("s3://"):
        return _load(place)
    facts = os.stat(place)  # noqa: PTH116  asked for each text, and a Path is slow to make
    return _load(place, facts.st_ino, facts.st_mtime_ns)


@lru_cache(maxsize=_TOKENIZERS)
def _load(place: str, *_version: int) -> Tokenizer | SentencePieceModel:
    """Load a file; its inode and time tell a tokenizer that was trained again from the old one."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    file = run_folder(place.rpartition("#")[0] if place.startswith("s3://") else place)
    tokenizer = open_tokenizer(str(file), file.read_bytes())
    if isinstance(tokenizer, SentencePieceModel):
        return tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


@lru_cache(maxsize=_TOKENIZERS)
def _pieces_of(tokenizer: Tokenizer | SentencePieceModel) -> PieceEncoder | None:
    return None if isinstance(tokenizer, SentencePieceModel) else piece_encoder(tokenizer)


@lru_cache(maxsize=_TOKENIZERS)
def _cutter_of(tokenizer: Tokenizer) -> Cutter | None:
    return cutter(tokenizer)


def encode_joined(place: str, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the token ids of all texts, one after another, and how many each has.

    No special tokens are added. UnitError for a text that is no Unicode: half of a surrogate pair.
    """
    tokenizer = load_tokenizer(place)
    pieces = _pieces_of(tokenizer)
    with _in_words(texts):
        if isinstance(tokenizer, SentencePieceModel):
            found = [tokenizer.ids(text) for text in texts]
        elif pieces is not None and all(map(pieces.takes, texts)):
            found = [pieces.encode(text) for text in texts]
        else:
            found = _by_library(tokenizer, texts)
    lengths = np.array([len(ids) for ids in found], np.int64)
    return np.concatenate([_NONE, *found]), lengths


def _by_library(tokenizer: Tokenizer, texts: Sequence[str]) -> list[NDArray[np.int32]]:
    """Encode with the tokenizers library, long texts a stretch at a time where that is the same."""
    cutter = _cutter_of(tokenizer) if any(len(text) > STRETCH for text in texts) else None
    if cutter is None:
        encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(encoding.ids, np.int32) for encoding in encoded]
    return [np.concatenate([_NONE, *_stretches(tokenizer, cutter, text)]) for text in texts]


def _stretches(tokenizer: Tokenizer, cutter: Cutter, text: str) -> Iterator[NDArray[np.int32]]:
    for part in cutter.stretches(text):
        (encoding,) = tokenizer.encode_batch_fast([part], add_special_tokens=False)
        yield np.array(encoding.ids, np.int32)


def encode(place: str, texts: Sequence[str]) -> list[Sequence[int]]:
    """Return the token ids of each text, without special tokens; errors as `encode_joined`."""
    ids, lengths = encode_joined(place, texts)
    return [part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])] if texts else []


def count_tokens(place: str, text: str) -> int:
    """Return the number of tokens of a text, without special tokens; errors as `encode_joined`."""
    pieces = _pieces_of(load_tokenizer(place))
    if pieces is None or not pieces.takes(text):
        return len(encode_joined(place, [text])[0])
    with _in_words([text]):
        return pieces.count(text)


@contextmanager
def _in_words(texts: Sequence[str]) -> Iterator[None]:
    """Say which text is none. The library says TypeError, where a C string is wanted Unicode's."""
    try:
        yield
    except (UnicodeEncodeError, TypeError) as error:
        for text in texts:
            if found := _SURROGATE.search(text):
                raise UnitError(
                    f"a text has U+{ord(found[0]):04X} at character {found.start():,}, half of a "
                    "surrogate pair.\n"
                    "  No tokenizer has an id for it: the text was not read as Unicode."
                ) from error
        raise
