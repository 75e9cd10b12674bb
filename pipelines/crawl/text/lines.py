"""The lines of a file that may be packed, be cut into parts and be damaged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.crawl.archive.container import Gap, Piece, read_pieces
from pipelines.crawl.model import Damage, Part

MAX_LINE = 64 << 20
"""Bytes of a line that are held in memory; a longer one is stepped over."""

_OPENS = b"{"  # what a gzip member or zstd frame must begin with to go on at behind a damaged one


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline; `offset` is None where the file is packed."""

    number: int
    offset: int | None
    data: bytes


class _Splitter:
    """Cuts pieces into lines; keeps the one that has not ended yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        """Of the line that comes next."""
        self._begun: list[bytes] = []
        self._size = 0
        self._offset: int | None = None

    def feed(self, piece: Piece) -> Iterator[Line | Damage]:
        *ended, rest = piece.data.split(b"\n")
        at = piece.offset
        for data in ended:
            self._gather(data, None if piece.packed else at)
            yield self.end()
            at += len(data) + 1
        if rest:
            self._gather(rest, None if piece.packed else at)

    def _gather(self, data: bytes, offset: int | None) -> None:
        if not self._size:
            self._offset = offset
        self._size += len(data)
        if self._size > MAX_LINE:
            self._begun.clear()
        else:
            self._begun.append(data)

    def end(self) -> Line | Damage:
        """Return the line that was begun."""
        line: Line | Damage
        if self._size > MAX_LINE:
            line = Damage(self.number, self._offset, "too_large")
        else:
            line = Line(self.number, self._offset, b"".join(self._begun))
        self.drop()
        return line

    def drop(self) -> None:
        """Forget the line that was begun; it keeps its number."""
        self.number += 1
        self._begun.clear()
        self._size = 0

    @property
    def has_begun(self) -> bool:
        return self._size > 0


def read_lines(file: BinaryIO, part: Part | None = None, first: int = 0) -> Iterator[Line | Damage]:
    """Yield the lines of a seekable file, and one `Damage` for every stretch that was lost.

    Of a part, the lines whose first byte lies in it; `first` is the number of its first
    line. A packed file, whatever its name, belongs to its first part as a whole. An
    empty file is one `Damage`.
    """
    if part is None or is_packed(file):
        if part is None or part.number == 0:
            yield from _read_all(file, first)
        return
    for line in _read_from(file, part.start, first):
        if line.offset is not None and line.offset >= part.end:
            return
        yield line


def is_packed(file: BinaryIO) -> bool:
    """Return whether a seekable file is packed, by its first bytes."""
    first = next(read_pieces(file, _OPENS), None)
    return isinstance(first, Gap) or (first is not None and first.packed)


def _read_all(file: BinaryIO, first: int) -> Iterator[Line | Damage]:
    splitter = _Splitter(first)
    for piece in read_pieces(file, _OPENS):
        if isinstance(piece, Gap):
            yield Damage(splitter.number, piece.offset, piece.reason)
            splitter.drop()
        else:
            yield from splitter.feed(piece)
    if splitter.has_begun:
        yield splitter.end()
    elif splitter.number == first:
        yield Damage(first, 0, "empty_file")


def _read_from(file: BinaryIO, start: int, first: int) -> Iterator[Line | Damage]:
    """Yield the lines of a plain file that begin at byte `start` or later."""
    before = max(start - 1, 0)  # a newline there means that a line begins at `start`
    splitter = _Splitter(first - 1 if start else first)
    for piece in read_pieces(file, _OPENS, before):
        if isinstance(piece, Piece):
            yield from (line for line in splitter.feed(piece) if _begins_at(line, start))
    if splitter.has_begun:
        yield from (line for line in (splitter.end(),) if _begins_at(line, start))


def _begins_at(line: Line | Damage, start: int) -> bool:
    return line.offset is not None and line.offset >= start
