"""Static embeddings as files: a fastText model, vectors of words, or a model2vec folder."""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np

from filters.classifier import Embed
from filters.errors import UsageError
from filters.static_embeddings import FastTextVectors, Table, TokenVectors, WordVectors
from pipelines.classifiers.fasttext_header import read_header

_TABLE, _TOKENIZER = "model.safetensors", "tokenizer.json"
_MOST_HEADER = 100 << 20
_KINDS: dict[str, Any] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "F64": np.dtype("<f8")}
_HINT = (
    "  Give a fastText model (.bin, .ftz), vectors of words as text (.vec, .txt), or a folder of\n"
    f"  model2vec with {_TABLE} and {_TOKENIZER}."
)


def open_embeddings(path: Path) -> Embed:
    """Return what embeds texts with the table at `path`: a file, or a folder with its files.

    UsageError for what is no table that can be read.
    """
    try:
        if path.is_dir() and (path / _TABLE).is_file():
            return _model2vec(path)
        if path.is_dir():
            (path,) = sorted(item for item in path.iterdir() if item.is_file())
        return _fasttext(path) if path.suffix in (".bin", ".ftz") else _words(path)
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise UsageError(f"embeddings '{path}' cannot be read: {error}.\n{_HINT}") from error


def keep_embeddings(path: Path, folder: Path) -> None:
    """Copy a table beside the head that was trained on it."""
    folder.mkdir(parents=True)
    names = [_TABLE, _TOKENIZER, "config.json"] if path.is_dir() else [path.name]
    source = path if path.is_dir() else path.parent
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _fasttext(path: Path) -> Embed:
    import fasttext  # slow to import
    import fasttext_pybind

    read_header(path)
    return FastTextVectors(fasttext.load_model(str(path)), fasttext_pybind.Vector)


def _words(path: Path) -> Embed:
    """Read vectors as word2vec writes them: a word and its numbers a line, sizes before them."""
    rows: list[np.ndarray[Any, Any]] = []
    row_of: dict[str, int] = {}
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream):
            word, *numbers = line.rstrip().split(" ")
            if number == 0 and len(numbers) == 1:
                continue
            rows.append(np.array(numbers, dtype=np.float32))
            row_of.setdefault(word, len(rows) - 1)
    if not rows or not rows[0].size:
        raise ValueError("it has no vectors")
    return WordVectors(np.stack(rows), row_of)


def _model2vec(folder: Path) -> Embed:
    from tokenizers import Tokenizer

    table = read_tensor(folder / _TABLE, "embeddings")
    tokenizer = Tokenizer.from_str((folder / _TOKENIZER).read_text("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    unknown = json.loads(tokenizer.to_str())["model"].get("unk_token")
    skipped = None if unknown is None else tokenizer.token_to_id(unknown)
    config = folder / "config.json"
    normalize = config.is_file() and bool(json.loads(config.read_bytes()).get("normalize"))

    def tokens(text: str) -> list[int]:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        return [number for number in ids if number != skipped and number < len(table)]

    return TokenVectors(table, tokens, normalize=normalize)


def read_tensor(path: Path, name: str) -> Table:
    """Return a matrix of a safetensors file: a JSON header behind its length, then raw numbers.

    ValueError or KeyError for a file without it.
    """
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > _MOST_HEADER:
            raise ValueError("it is no safetensors file")
        about = json.loads(stream.read(length))[name]
        begin, end = about["data_offsets"]
        stream.seek(begin, 1)
        data = stream.read(end - begin)
    table: Table = np.frombuffer(data, _KINDS[about["dtype"]]).reshape(about["shape"])
    return table.astype(np.float32)
