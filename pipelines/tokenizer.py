"""Tokenizers: found, trained in the run, and counted with.

A special token that a page spells out (`<|endoftext|>`) is text like any
other: it is encoded as its characters, so no page can end a document.
"""

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from filters.errors import UsageError
from pipelines.bucket.path import S3Path, run_folder
from pipelines.pieces import LONGEST_TEXT, PieceEncoder, piece_encoder

END_OF_TEXT = "<|endoftext|>"
_HUB_SECONDS = 10


def find_tokenizer(name: str) -> bytes:
    """Return the `tokenizer.json` of a local path or a Hub repository.

    UsageError when there is none, or it cannot be reached or read.
    """
    path = Path(name)
    if path.is_dir():
        path = path / "tokenizer.json"
    try:
        found = path.read_bytes() if path.is_file() else _fetch(name)
        Tokenizer.from_buffer(found)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"tokenizer '{name}': {type(error).__name__}: not a tokenizer.json that can be read.\n"
            "  Give a Hub name, the path of a tokenizer.json, or train one: "
            "--set 'tokenizer={train: {vocab_size: 32000}}'."
        ) from error
    return found


def _fetch(name: str) -> bytes:
    """Fetch from the Hub, or take what an earlier fetch has left in the Hub's cache."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        offline = not _hub_answers(name)
        return Path(hf_hub_download(name, "tokenizer.json", local_files_only=offline)).read_bytes()
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UsageError(
            f"tokenizer '{name}': neither a file here nor reachable on the Hub "
            f"({type(error).__name__}).\n"
            "  Give the path of a tokenizer.json, or train one on the kept text: "
            "--set 'tokenizer={train: {vocab_size: 32000}}'."
        ) from error


def _hub_answers(name: str) -> bool:
    """Ask once: the Hub's client would try for half a minute where there is no network."""
    from httpx2 import HTTPError
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        get_session().head(hf_hub_url(name, "tokenizer.json"), timeout=_HUB_SECONDS)
    except (HTTPError, OfflineModeIsEnabled):
        return False
    return True


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> bytes:
    """Train a byte-level BPE and return its `tokenizer.json`.

    Every byte is in the alphabet, so any text can be encoded and decodes back
    to itself. The same texts in the same order give the same bytes.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str().encode()


def tokenizer_place(path: Path, sha256: str) -> str:
    """Return where workers find a run's tokenizer.json; with its sha256 where it is on S3.

    So none has to ask, page by page, whether it is still the same.
    """
    return f"{path}#{sha256}" if isinstance(path, S3Path) else str(path)


def load_tokenizer(place: str) -> Tokenizer:
    """Load a tokenizer.json once per process, single-threaded: workers share the cores."""
    if place.startswith("s3://"):
        return _load(place)
    facts = Path(place).stat()
    return _load(place, facts.st_ino, facts.st_mtime_ns)


@lru_cache(maxsize=1)
def _load(place: str, *_version: int) -> Tokenizer:
    """Load a file; its inode and time tell a tokenizer that was trained again from the old one."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    file = run_folder(place.rpartition("#")[0] if place.startswith("s3://") else place)
    tokenizer = Tokenizer.from_buffer(file.read_bytes())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


@lru_cache(maxsize=1)
def _pieces_of(tokenizer: Tokenizer) -> PieceEncoder | None:
    return piece_encoder(tokenizer)


def encode(path: str, texts: Sequence[str]) -> list[Sequence[int]]:
    """Return the token ids of each text, without special tokens."""
    tokenizer = load_tokenizer(path)
    pieces = _pieces_of(tokenizer)
    if pieces is None or any(len(text) > LONGEST_TEXT for text in texts):
        encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]
    return [pieces.encode(text).tolist() for text in texts]


def count_tokens(path: str, text: str) -> int:
    """Return the number of tokens of a text, without special tokens."""
    pieces = _pieces_of(load_tokenizer(path))
    if pieces is None or len(text) > LONGEST_TEXT:
        return len(encode(path, [text])[0])
    return pieces.count(text)
