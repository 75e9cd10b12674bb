"""The binary formats that trainers map into memory: which files, and what is in them.

Both hold the ids of all documents one after another, and where each document ends.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import numpy as np
import numpy.typing as npt

from filters.errors import UsageError, WorkError

Lengths = npt.NDArray[np.int64]
_AT_A_TIME = 1 << 20  # documents whose lengths are in memory while an index is made
_LONGEST = 2**31 - 1
_MEGATRON_UINT16 = 65_500
_PREFIXES = (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))


class Format(Protocol):
    """How one output is written: ids are appended, then its other files are made."""

    @property
    def dtype(self) -> np.dtype[np.integer]:
        """Type of the ids, little-endian."""

    def name(self, output: int) -> str:
        """Return the name of the file with the ids of an output."""

    def index(self, folder: Path, output: int, lengths: Path) -> list[str]:
        """Write the files beside the ids, from the documents' lengths; return their names."""


def lengths_of(path: Path) -> Iterator[Lengths]:
    """Yield the lengths of documents, in tokens, from a file of int64."""
    with path.open("rb") as stream:
        while data := stream.read(8 * _AT_A_TIME):
            yield np.frombuffer(data, "<i8")


@dataclass(frozen=True, slots=True)
class Megatron:
    r"""`.bin` and `.idx` of Megatron-LM, NeMo and MaxText; DeepSpeed reads them as well.

    The index: `MMIDIDX\0\0`, version 1 (uint64), code of the type (uint8), number of sequences
    and of document indices (uint64), then lengths (int32), byte offsets (int64) and document
    indices (int64), which begin with 0 and are one more than there are documents. Each
    document is one sequence. Source: megatron/core/datasets/indexed_dataset.py of
    megatron-core 0.16. DeepSpeed has other codes for uint16 (6, where Megatron has 8); that
    of int32 (4) means the same in both, so it is the default.
    """

    vocabulary: int
    kind: Literal["int32", "uint16"] = "int32"

    def __post_init__(self) -> None:
        """Refuse a type that cannot hold all ids: UsageError."""
        if self.kind == "uint16" and self.vocabulary >= _MEGATRON_UINT16:
            raise UsageError(
                f"--dtype uint16: the vocabulary has {self.vocabulary:,} ids with added tokens; "
                f"Megatron takes it for less than {_MEGATRON_UINT16:,}.\n  Leave it out."
            )

    @property
    def dtype(self) -> np.dtype[np.integer]:
        """See `Format`."""
        return np.dtype(f"<{'i4' if self.kind == 'int32' else 'u2'}")

    def name(self, output: int) -> str:
        """See `Format`; there is one output, named as Megatron's own preprocessing does."""
        del output
        return "corpus_text_document.bin"

    def index(self, folder: Path, output: int, lengths: Path) -> list[str]:
        """See `Format`."""
        path = folder / self.name(output).replace(".bin", ".idx")
        count = lengths.stat().st_size // 8
        with path.open("wb") as stream:
            code = 4 if self.kind == "int32" else 8
            stream.write(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, count, count + 1))
            for part in lengths_of(lengths):
                _check_longest(part)
                stream.write(part.astype("<i4").tobytes())
            self._write_offsets(stream, lengths)
            for first in range(0, count + 1, _AT_A_TIME):
                last = min(first + _AT_A_TIME, count + 1)
                stream.write(np.arange(first, last, dtype="<i8").tobytes())
        return [path.name]

    def _write_offsets(self, stream: BinaryIO, lengths: Path) -> None:
        reached = 0
        for part in lengths_of(lengths):
            ends = reached + np.cumsum(part)
            stream.write(((ends - part) * self.dtype.itemsize).astype("<i8").tobytes())
            reached = int(ends[-1])


def _check_longest(lengths: Lengths) -> None:
    if len(lengths) and int(lengths.max()) > _LONGEST:
        raise WorkError(
            f"a document has {int(lengths.max()):,} tokens; an index of Megatron counts to "
            f"{_LONGEST:,}.\n  Cut it, or leave it out with a rule of the recipe."
        )


@dataclass(frozen=True, slots=True)
class Nanotron:
    """`.ds`, `.ds.index` and `.ds.metadata` of datatrove and nanotron, one set for each shard.

    Ids as uint16, or uint32 for a vocabulary of more than 65,536; the index has where each
    document ends, in tokens (uint64); the metadata three lines: tokenizer and bytes of a token,
    number of tokens, the same for people. Source: datatrove 0.10.1,
    pipeline/tokens/tokenizer.py.
    """

    vocabulary: int
    tokenizer: str

    @property
    def dtype(self) -> np.dtype[np.integer]:
        """See `Format`."""
        return np.dtype("<u2" if self.vocabulary <= np.iinfo(np.uint16).max + 1 else "<u4")

    def name(self, output: int) -> str:
        """See `Format`."""
        return f"{output:05d}_tokens.ds"

    def index(self, folder: Path, output: int, lengths: Path) -> list[str]:
        """See `Format`."""
        name = self.name(output)
        reached = 0
        with (folder / f"{name}.index").open("wb") as stream:
            for part in lengths_of(lengths):
                ends = reached + np.cumsum(part)
                stream.write(ends.astype("<u8").tobytes())
                reached = int(ends[-1])
        size = self.dtype.itemsize
        words = (f"{self.tokenizer}|{size}", str(reached), f"{_short(reached)}T")
        (folder / f"{name}.metadata").write_text("\n".join(words), encoding="utf-8")
        return [f"{name}.index", f"{name}.metadata"]


def _short(count: int) -> str:
    """Return a number with three digits and a prefix, such as `1.23 M`."""
    for prefix, unit in _PREFIXES:
        if count >= unit:
            return f"{count / unit:.3g} {prefix}"
    return f"{count} "
