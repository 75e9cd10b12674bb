"""Records out of a crawl file, and one `Damage` for every stretch that holds none.

Nothing is lost in silence: a record that is cut off, whose length is wrong or
that stands in a damaged gzip member becomes a `Damage`, and reading goes on at
the next place that looks like the start of a record. Format: WARC 1.1 (ISO
28500:2017), lines that end in LF alone and other versions too, and ARC as `arc`
has it. Which of them a file is, its first record says that is whole.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.crawl.archive.arc import ARC
from pipelines.crawl.archive.container import Piece, read_pieces
from pipelines.crawl.archive.framing import Framing
from pipelines.crawl.archive.window import Window
from pipelines.crawl.model import Damage

MAX_RECORD = 64 << 20
"""Bytes of a record's block that are held in memory; of a longer one only the start is kept."""

_OVERSIZE_START = 1 << 18
_WARC_FIND_REACH = 64
_MAX_NEWLINES = 1 << 16
_SEARCHED = 1 << 14
"""Bytes that are searched at once: damage may come every few bytes."""
_NEWLINES = re.compile(rb"[\r\n]+")
_VERSION = re.compile(rb"WARC/\d", re.IGNORECASE)
_BOUNDARY = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n[A-Za-z]")


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


def _begins_warc(data: bytes | bytearray, at: int) -> bool:
    return _VERSION.match(data, at) is not None


def _find_warc(data: bytearray, after: int, before: int) -> int | None:
    """Find a version line behind a newline, or behind zeros that a disk or tape has left."""
    for hit in _BOUNDARY.finditer(data, max(after, 1), before + _WARC_FIND_REACH):
        if hit.start() >= before:
            break
        if data[hit.start() - 1] in b"\n\0":
            return hit.start()
    return None


def _parse_headers(header: bytes) -> dict[str, str]:
    """Return the fields behind the version line; a line without a colon is passed over."""
    return parse_fields(header.partition(b"\n")[2])


_WARC = Framing(
    begins=_begins_warc,
    reach=6,
    find=_find_warc,
    find_reach=_WARC_FIND_REACH,
    header_end=re.compile(rb"\r?\n\r?\n"),
    max_header=1 << 20,
    parse_header=_parse_headers,
    terminator=2,
)
_FRAMINGS = (_WARC, ARC)


def _opens_any(member: bytes) -> bool:
    return any(framing.begins(member, 0) for framing in _FRAMINGS)


class RecordReader:
    """Iterate over the records and damaged stretches of a seekable file."""

    def __init__(self, file: BinaryIO) -> None:
        self._size = file.seek(0, os.SEEK_END)
        self._window = Window(read_pieces(file, _opens_any))
        self._framings: tuple[Framing, ...] = _FRAMINGS
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
        framing = self._framing()
        if framing is None:
            return self._damaged("garbage" if self._count else "not_warc")
        header_end = self._header_end(framing)
        if header_end is None:
            return self._damaged("truncated" if window.ended else "bad_header")
        headers = framing.parse_header(window.copied(0, header_end))
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return self._damaged("bad_header")
        if int(length) > MAX_RECORD:
            return self._oversize(headers, header_end, int(length))
        found = self._whole(framing, headers, header_end, header_end + int(length))
        if isinstance(found, Record):
            self._framings = (framing,)
        return found

    def _framing(self) -> Framing | None:
        """Return the format in which a record begins here; None where none does."""
        window = self._window
        for framing in self._framings:
            window.fill(framing.reach)
            if framing.begins(window.data, 0):
                return framing
        return None

    def _opens_record(self, piece: Piece) -> bool:
        return piece.begins and any(framing.begins(piece.data, 0) for framing in self._framings)

    def _skip_newlines(self) -> None:
        window = self._window
        while window.fill(1) and (run := _NEWLINES.match(window.data)):
            window.drop(run.end())

    def _header_end(self, framing: Framing) -> int | None:
        """Index behind the header and what ends it; None if that is not in reach."""
        window, start = self._window, 0
        while True:
            hit = framing.header_end.search(window.data, start)
            if hit is not None:
                return hit.end()
            start = max(len(window.data) - 3, 0)
            if len(window.data) > framing.max_header:
                return None
            piece = window.more()
            if piece is None or self._opens_record(piece):
                return None

    def _whole(
        self, framing: Framing, headers: Mapping[str, str], header_end: int, end: int
    ) -> Record | Damage:
        window = self._window
        problem = self._reach(end)
        if problem is not None:
            return self._damaged(problem)
        offset = window.offset()
        if not self._ends_well(framing, end):
            return self._damaged("wrong_length")
        if window.gap is not None and window.gap.offset == offset:
            # The member failed behind the record's last byte: its checksum is wrong.
            return self._damaged(window.gap.reason)
        block = window.copied(header_end, end)
        record = Record(self._count, offset, headers, block, oversize=False)
        window.drop(end)
        return record

    def _reach(self, end: int) -> str | None:
        """Have `end` bytes at hand; else return why the record cannot be that long."""
        while len(self._window.data) < end:
            piece = self._window.more()
            if piece is None:
                return "truncated"
            if self._opens_record(piece):
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
        block = window.copied(start, start + _OVERSIZE_START)
        window.drop(start)
        left = length
        while len(window.data) < left:
            left -= len(window.data)
            window.drop(len(window.data))
            piece = window.more()
            if piece is None or self._opens_record(piece):
                return self._lost(offset, "wrong_length" if piece else "truncated", resync=0)
        window.drop(left)
        return Record(self._count, offset, headers, block, oversize=True)

    def _ends_well(self, framing: Framing, end: int) -> bool:
        """Whether behind the block come newlines, another record or the end of the stretch."""
        window = self._window
        at, most = end, end + _MAX_NEWLINES
        while window.fill(at + 1) and (run := _NEWLINES.match(window.data, at, most)):
            at = run.end()
        window.fill(at + framing.reach)
        if at == len(window.data) or framing.begins(window.data, at):
            return True
        return window.data.count(b"\n", end, at) >= framing.terminator

    def _damaged(self, reason: str) -> Damage:
        return self._lost(self._window.offset(), reason, resync=1)

    def _lost(self, offset: int, reason: str, *, resync: int) -> Damage:
        """Go to the next start of a record, or to the end of the stretch, and report the loss."""
        window, after = self._window, resync
        while True:
            found = self._boundary(after)
            if found is not None:
                window.drop(found)
                break
            kept = max(framing.find_reach for framing in self._framings)
            surplus = max(len(window.data) - kept, 0)
            window.drop(surplus)
            after = max(after - surplus, 0)
            left = len(window.data)
            window.fill(left + _SEARCHED)
            if len(window.data) == left:
                window.drop(len(window.data))
                if window.gap is not None:
                    reason, self._gap_told = window.gap.reason, True
                break
        return Damage(self._count, offset, reason)

    def _boundary(self, after: int) -> int | None:
        """Index of the next byte, at `after` or later, that a record seems to start at."""
        window = self._window
        member = next(window.members(after, self._opens_record), None)
        end = len(window.data) if member is None else member
        for at in range(after, end, _SEARCHED):
            before = min(at + _SEARCHED, end)
            starts = (framing.find(window.data, at, before) for framing in self._framings)
            found = [start for start in starts if start is not None]
            if found:
                return min(found)
        return member
