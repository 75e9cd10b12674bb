"""A SentencePiece model as a tokenizer.json.

The file is a protocol buffer (google/sentencepiece, `sentencepiece_model.proto`), of which six
things are read: pieces with scores and types, the kind of model, whether bytes stand in for unknown
characters, and how a text is normalised. Pieces of a byte-pair model join in the order of their
scores, whichever two neighbours they are made of. Other models are kept whole, for SentencePiece's
own library: the tokenizers library has unigram models and normalised characters too, but not to the
id. docs/tokens.md says where they differ.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from filters.errors import UsageError
from pipelines.tokens.opened import kept_whole

_SPACE = "\u2581"
_BPE = 2
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = range(1, 7)


class _Piece(NamedTuple):
    text: str
    score: float
    kind: int


class _Model(NamedTuple):
    pieces: Sequence[_Piece]
    kind: int
    byte_fallback: bool
    suffix: bool
    charsmap: bytes
    dummy_prefix: bool
    one_space: bool
    escaped: bool


def model_as_tokenizer(place: str, data: bytes) -> bytes:
    """Return a model in the tokenizers library's form, or whole where it has no equal in that.

    UsageError for what is no model, or needs a library that is not installed.
    """
    try:
        model = _read(data)
    except (IndexError, struct.error, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UsageError(
            f"tokenizer '{place}': not a SentencePiece model: it is damaged, or none.\n"
            "  Give the file as it was published, or its tokenizer.json."
        ) from error
    if not _has_equal(model):
        return kept_whole(f"tokenizer '{place}'", data)
    written = {
        "version": "1.0",
        "added_tokens": list(_added(model.pieces)),
        "normalizer": _normalizer(model),
        "decoder": _decoder(model),
        "model": _bpe(model),
    }
    return json.dumps(written, ensure_ascii=False).encode()


def _has_equal(model: _Model) -> bool:
    """Whether the tokenizers library gives the same ids."""
    kinds = {piece.kind for piece in model.pieces}
    return (
        model.kind == _BPE
        and model.escaped
        and not model.suffix
        and not model.charsmap
        and _UNKNOWN in kinds
        and _UNUSED not in kinds
        and not _own_symbols(model)
    )


def _own_symbols(model: _Model) -> bool:
    """Whether symbols that a text has whole would be looked for before spaces are changed."""
    own = [piece.text for piece in model.pieces if piece.kind == _USER_DEFINED]
    changed = model.dummy_prefix or model.one_space
    return bool(own) and (changed or any(_SPACE in symbol or " " in symbol for symbol in own))


def _read(data: bytes) -> _Model:
    fields = list(_fields(data))
    pieces = [_piece(value) for number, value in fields if number == 1]
    trained = dict(_fields(_last(fields, 2)))
    normal = dict(_fields(_last(fields, 3)))
    return _Model(
        pieces=pieces,
        kind=trained.get(3, 1),
        byte_fallback=bool(trained.get(35, 0)),
        suffix=bool(trained.get(24, 0)),
        charsmap=normal.get(2, b""),
        dummy_prefix=bool(normal.get(3, 1)),
        one_space=bool(normal.get(4, 1)),
        escaped=bool(normal.get(5, 1)),
    )


def _last(fields: Sequence[tuple[int, Any]], number: int) -> bytes:
    found: bytes = dict(fields)[number]
    return found


def _piece(data: bytes) -> _Piece:
    fields = dict(_fields(data))
    (score,) = struct.unpack("<f", fields.get(2, b"\0\0\0\0"))
    return _Piece(fields[1].decode(), score, fields.get(3, _NORMAL))


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field: an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:  # noqa: PLR2004  with its length before it
            size, at = _varint(data, at)
        if size is None or at + size > len(data):
            raise IndexError(at)
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the last one
            return value, at
        shift += 7


def _added(pieces: Sequence[_Piece]) -> Iterator[dict[str, Any]]:
    """Yield tokens that no text is made of, and those that a text has whole wherever they are."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    for number, piece in enumerate(pieces):
        if piece.kind in (_UNKNOWN, _CONTROL, _USER_DEFINED):
            special = piece.kind != _USER_DEFINED
            yield {"id": number, "content": piece.text, **flags, "special": special}


def _normalizer(model: _Model) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    if model.one_space:
        steps += [
            {"type": "Replace", "pattern": {"Regex": rf"\A +|[ {_SPACE}]+\z"}, "content": ""},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        ]
    if model.dummy_prefix:
        steps.append({"type": "Prepend", "prepend": _SPACE})
    steps.append({"type": "Replace", "pattern": {"String": " "}, "content": _SPACE})
    return {"type": "Sequence", "normalizers": steps}


def _decoder(model: _Model) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if model.dummy_prefix:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}


def _unknown(model: _Model) -> int:
    return next(n for n, piece in enumerate(model.pieces) if piece.kind == _UNKNOWN)


def _bpe(model: _Model) -> dict[str, Any]:
    vocab = {piece.text: number for number, piece in enumerate(model.pieces)}
    return {
        "type": "BPE",
        "unk_token": model.pieces[_unknown(model)].text,
        "fuse_unk": True,
        "byte_fallback": model.byte_fallback,
        "vocab": vocab,
        "merges": _merges(model.pieces, vocab),
    }


def _merges(pieces: Sequence[_Piece], vocab: Mapping[str, int]) -> list[list[str]]:
    """Return every way to part a piece into two, the best piece first."""
    merges: list[list[str]] = []
    normal = [piece for piece in pieces if piece.kind == _NORMAL]
    known = {piece.text for piece in normal}
    for piece in sorted(normal, key=lambda one: -one.score):
        pairs = ((piece.text[:at], piece.text[at:]) for at in range(1, len(piece.text)))
        parted = [pair for pair in pairs if pair[0] in known and pair[1] in known]
        merges += map(list, sorted(parted, key=lambda pair: (vocab[pair[0]], vocab[pair[1]])))
    return merges
