"""WARC records out of a crawl file, and one `Damage` for every stretch that holds none.

Nothing is lost in silence: a record that is cut off, whose length is wrong or
that stands in a damaged gzip member becomes a `Damage`, and reading goes on at
the next place that looks like the start of a record. Format: WARC 1.1 (ISO
28500:2017); lines that end in LF alone and other versions are read as well.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.crawl.container import Gap, Piece, read_pieces
from pipelines.crawl.model import Damage

MAX_RECORD = 64 << 20
"""Bytes of a record's block that are held in memory; of a longer one only the start is kept."""

_OVERSIZE_START = 1 << 18
_MAX_HEADER = 1 << 20
_MAX_NEWLINES = 1 << 16
_TERMINATOR = 2  # newlines after a block
_VERSION = re.compile(rb"WARC/\d", re.IGNORECASE)
_VERSION_LENGTH = 6
_BOUNDARY = re.compile(rb"\nWARC/\d+\.\d+[ \t]*\r?\n[A-Za-z]")
_BOUNDARY_LENGTH = 64
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands in the file.

    `ordinal` counts records and damaged stretches from 0. `offset` is the
    position of the record in the file, of its gzip member or zstd frame where
    packed. Header names are in lower case; of a repeated one the first counts.
    """

    ordinal: int
    offset: int
    headers: Mapping[str, str]
    block: bytes
    oversize: bool
    """Whether `block` is only the start of one that is longer than `MAX_RECORD`."""


class _Window:
    """The decompressed bytes from the current record on, up to the next gap."""

    def __init__(self, source: Iterator[Piece | Gap]) -> None:
        self._source = source
        self._marks: list[tuple[int, Piece]] = []
        self._dropped = 0
        self.data = bytearray()
        self.ended = False
        self.gap: Gap | None = None

    def more(self) -> Piece | None:
        """Append the next piece and return it; None at a gap and at the end of the file."""
        if self.ended:
            return None
        item = next(self._source, None)
        if not isinstance(item, Piece):
            self.ended, self.gap = True, item
            return None
        self._marks.append((self._dropped + len(self.data), item))
        self.data += item.data
        return item

    def fill(self, size: int) -> bool:
        """Have at least `size` bytes at hand; False where the stretch ends before."""
        while len(self.data) < size and self.more() is not None:
            pass
        return len(self.data) >= size

    def drop(self, size: int) -> None:
        """Let go of the first `size` bytes."""
        del self.data[:size]
        self._dropped += size
        while len(self._marks) > 1 and self._marks[1][0] <= self._dropped:
            del self._marks[0]

    def resume(self) -> None:
        """Go on behind the gap."""
        self.drop(len(self.data))
        self._marks.clear()
        self.ended, self.gap = False, None

    def offset(self) -> int:
        """Position in the file of the first byte at hand, as `Record.offset` has it."""
        if not self._marks:
            return 0
        start, piece = self._marks[0]
        return piece.offset if piece.packed else piece.offset + self._dropped - start

    @property
    def packed(self) -> bool:
        """Whether the first byte at hand was decompressed."""
        return bool(self._marks) and self._marks[0][1].packed

    def boundary(self, after: int) -> int | None:
        """Index of the next byte, at `after` or later, that a record seems to start at."""
        hit = _BOUNDARY.search(self.data, max(after - 1, 0))
        found = [hit.start() + 1] if hit else []
        for position, piece in self._marks:
            index = position - self._dropped
            if piece.begins and index >= after and _opens_record(piece):
                found.append(index)
        return min(found, default=None)


def _opens_record(piece: Piece) -> bool:
    return piece.begins and _VERSION.match(piece.data) is not None


class RecordReader:
    """Iterate over the records and damaged stretches of a seekable file."""

    def __init__(self, file: BinaryIO) -> None:
        self._size = file.seek(0, os.SEEK_END)
        self._window = _Window(read_pieces(file))
        self._count = 0
        self._gap_told = False

    def __iter__(self) -> Iterator[Record | Damage]:
        window = self._window
        while True:
            while (item := self._next()) is not None:
                self._count += 1
                yield item
            if window.gap is None:
                break
            if not self._gap_told:
                yield Damage(self._count, window.gap.offset, window.gap.reason)
                self._count += 1
            self._gap_told = False
            window.resume()
        if not self._count:
            yield Damage(0, 0, "empty_file")

    def _next(self) -> Record | Damage | None:
        window = self._window
        self._skip_newlines()
        if not window.data:
            return None
        window.fill(_VERSION_LENGTH)
        if not _VERSION.match(window.data):
            return self._damaged("garbage" if self._count else "not_warc")
        header_end = self._header_end()
        if header_end is None:
            return self._damaged("truncated" if window.ended else "bad_header")
        headers = _parse_headers(bytes(window.data[:header_end]))
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return self._damaged("bad_header")
        if int(length) > MAX_RECORD:
            return self._oversize(headers, header_end, int(length))
        return self._whole(headers, header_end, header_end + int(length))

    def _skip_newlines(self) -> None:
        window = self._window
        while window.fill(1):
            size = len(window.data) - len(window.data.lstrip(b"\r\n"))
            window.drop(size)
            if window.data:
                break

    def _header_end(self) -> int | None:
        """Index behind the blank line after the header; None if there is none in reach."""
        window, start = self._window, 0
        while True:
            hit = _BLANK_LINE.search(window.data, start)
            if hit is not None:
                return hit.end()
            start = max(len(window.data) - 3, 0)
            if len(window.data) > _MAX_HEADER:
                return None
            piece = window.more()
            if piece is None or _opens_record(piece):
                return None

    def _whole(self, headers: Mapping[str, str], header_end: int, end: int) -> Record | Damage:
        window = self._window
        problem = self._reach(end)
        if problem is not None:
            return self._damaged(problem)
        offset = window.offset()
        if not self._ends_well(end):
            return self._damaged("wrong_length")
        if window.gap is not None and window.gap.offset == offset:
            # The member failed behind the record's last byte: its checksum is wrong.
            return self._damaged(window.gap.reason)
        record = Record(
            self._count, offset, headers, bytes(window.data[header_end:end]), oversize=False
        )
        window.drop(end)
        return record

    def _reach(self, end: int) -> str | None:
        """Have `end` bytes at hand; else return why the record cannot be that long."""
        while len(self._window.data) < end:
            piece = self._window.more()
            if piece is None:
                return "truncated"
            if _opens_record(piece):
                return "wrong_length"
        return None

    def _oversize(self, headers: Mapping[str, str], start: int, length: int) -> Record | Damage:
        """Keep the start of a block that is too long and step over the rest."""
        window = self._window
        offset = window.offset()
        if not window.packed and offset + start + length > self._size:
            return self._damaged("wrong_length")  # the file is shorter than the record
        problem = self._reach(start + _OVERSIZE_START)
        if problem is not None:
            return self._damaged(problem)
        block = bytes(window.data[start : start + _OVERSIZE_START])
        window.drop(start)
        left = length
        while len(window.data) < left:
            left -= len(window.data)
            window.drop(len(window.data))
            piece = window.more()
            if piece is None or _opens_record(piece):
                return self._lost(offset, "wrong_length" if piece else "truncated", resync=0)
        window.drop(left)
        return Record(self._count, offset, headers, block, oversize=True)

    def _ends_well(self, end: int) -> bool:
        """Whether behind the block come two newlines, another record or the end of the stretch."""
        window = self._window
        window.fill(end + _VERSION_LENGTH)
        at = end
        while window.fill(at + 1) and window.data[at] in b"\r\n" and at < end + _MAX_NEWLINES:
            at += 1
        window.fill(at + _VERSION_LENGTH)
        if at == len(window.data) or _VERSION.match(window.data, at):
            return True
        return window.data.count(b"\n", end, at) >= _TERMINATOR

    def _damaged(self, reason: str) -> Damage:
        return self._lost(self._window.offset(), reason, resync=1)

    def _lost(self, offset: int, reason: str, *, resync: int) -> Damage:
        """Go to the next start of a record, or to the end of the stretch, and report the loss."""
        window, after = self._window, resync
        while True:
            found = window.boundary(after)
            if found is not None:
                window.drop(found)
                break
            surplus = max(len(window.data) - _BOUNDARY_LENGTH, 0)
            window.drop(surplus)
            after = max(after - surplus, 0)
            if window.more() is None:
                window.drop(len(window.data))
                if window.gap is not None:
                    reason, self._gap_told = window.gap.reason, True
                break
        return Damage(self._count, offset, reason)


def _parse_headers(header: bytes) -> dict[str, str]:
    """Return the fields behind the version line; a line without a colon is passed over."""
    return parse_fields(header.partition(b"\n")[2])


def parse_fields(lines: bytes) -> dict[str, str]:
    """Parse `Name: value` lines as WARC and HTTP have them, folded lines included.

    Names come out in lower case, values stripped; of a repeated name the first
    value counts. Bytes are UTF-8, or latin-1 where they are not.
    """
    try:
        text = lines.decode()
    except UnicodeDecodeError:
        text = lines.decode("latin-1")
    fields: dict[str, str] = {}
    for line in re.sub(r"\r?\n[ \t]+", " ", text).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields
