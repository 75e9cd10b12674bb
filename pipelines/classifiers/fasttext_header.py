"""What a fastText model's file says before its numbers, and whether it is whole.

fastText itself reads a file that was cut short without a word. The format is that of fastText
0.9.2 (`FastText::saveModel`, `Args::save`, `Dictionary::save`, `QuantMatrix::save`):
little-endian, nothing between the parts.
"""

import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_MAGIC, _VERSION = 793712314, 12
_SUPERVISED = 3
_FLOAT, _CENTROIDS = 4, 256
_MOST_ENTRIES, _LONGEST = 1 << 28, 1 << 16
_MOST_SIDE = 1 << 40
_ENTRY = struct.calcsize("<qb")


@dataclass(frozen=True, slots=True)
class Header:
    """A model's kind and labels."""

    supervised: bool
    labels: tuple[str, ...]
    dimensions: int


def read_header(path: Path) -> Header:
    """Return what a model's file says of itself; ValueError for one that is none, or not whole."""
    facts = path.stat()
    return _header_of(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=16)
def _header_of(path: Path, size: int, changed: int) -> Header:  # noqa: ARG001  the cache's key
    with path.open("rb") as stream:
        if size == 0:
            raise ValueError("it is empty")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as file:
            reader = _Reader(file)
            try:
                header = _read(reader)
                _step_over_matrices(reader)
            except struct.error as error:
                raise ValueError("it is cut short") from error
    if reader.at != size:
        raise ValueError(f"it has {size:,} bytes, and says that it has {reader.at:,}")
    return header


class _Reader:
    def __init__(self, file: mmap.mmap) -> None:
        self._file = file
        self.at = 0

    def fields(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + form, self._file, self.at)
        self.at += struct.calcsize("<" + form)
        return found

    def entry(self) -> bytes:
        """Return a word or label, and step over its count and kind."""
        end = self._file.find(b"\0", self.at, self.at + _LONGEST)
        if end < 0:
            raise ValueError("its dictionary is damaged")
        name = self._file[self.at : end]
        self.at = end + 1 + _ENTRY
        return name

    def step_over(self, rows: int, columns: int, each: int) -> None:
        if not (0 <= rows <= _MOST_SIDE and 0 <= columns <= _MOST_SIDE):
            raise ValueError("its matrices have sizes that cannot be")
        self.at += rows * columns * each


def _read(file: _Reader) -> Header:
    if file.fields("2i") != (_MAGIC, _VERSION):
        raise ValueError("it does not begin as a fastText model of version 0.9 does")
    dimensions, *_, kind, _, _, _, _ = file.fields("12i")
    file.fields("d")
    entries, words, labels, _, kept = file.fields("iiiqq")
    if not (0 <= entries <= _MOST_ENTRIES and words + labels == entries and dimensions > 0):
        raise ValueError("its dictionary has sizes that cannot be")
    names = [file.entry() for _ in range(entries)]
    file.step_over(max(kept, 0), 2, _FLOAT)
    found = tuple(name.decode("utf-8", "replace") for name in names[words:])
    return Header(kind == _SUPERVISED, found, dimensions)


def _step_over_matrices(file: _Reader) -> None:
    (quantised,) = file.fields("?")
    _step_over(file, quantised=quantised)
    (quantised_output,) = file.fields("?")
    _step_over(file, quantised=quantised and quantised_output)


def _step_over(file: _Reader, *, quantised: bool) -> None:
    if not quantised:
        rows, columns = file.fields("qq")
        file.step_over(rows, columns, _FLOAT)
        return
    has_norms, rows, _, codes = file.fields("?qqi")
    file.step_over(codes, 1, 1)
    _step_over_quantiser(file)
    if has_norms:
        file.step_over(rows, 1, 1)
        _step_over_quantiser(file)


def _step_over_quantiser(file: _Reader) -> None:
    dimensions, *_ = file.fields("4i")
    file.step_over(dimensions, _CENTROIDS, _FLOAT)
