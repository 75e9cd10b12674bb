"""The bytes of a crawl file, whatever it is packed in.

A crawl file is plain, or a row of gzip members or zstd frames (usually one per
record, sometimes one for the whole file). Each is read to its end or to its
first error; after an error reading goes on at the next member that opens a
record, and what lies between is a `Gap`. Formats: RFC 1952 (gzip), RFC 8878
(zstd), the IIPC draft on zstd in WARC (a dictionary in the first frame).

ISA-L inflates a member in half of zlib's time, but takes other members for
damaged and makes less or more of those. So it has the first try at what is no
longer than a record usually is, and what it cannot read whole is zlib's.
"""

import re
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Protocol, TypeAlias

import zstandard
from isal import isal_zlib

_CHUNK = 1 << 18
_FEED = 1 << 15  # given to a member at once: what lies behind its end is copied
_MAX_PIECE = 1 << 20
_ZSTD_SLICE = 1 << 10  # a zstd block of 4 bytes may hold 128 KiB, so this bounds what comes at once
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_DICTIONARY = b"\x5d\x2a\x4d\x18"
_MAX_DICTIONARY = 1 << 24
_LINE_BEGINS = re.compile(rb"(?:^|[\r\n\0])[\r\n\0]*")
_RECORD_HEAD = 1 << 12
_PLAIN_HEAD = b"\x1f\x8b\x08\0"  # gzip without names, comments and what only zlib objects to
_MOST_AT_ONCE = 1 << 22

_Opens: TypeAlias = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of decompressed bytes, at most 1 MiB.

    `offset` is a position in the file: of the bytes themselves, or of the
    member that they come from where the file is packed.
    """

    data: bytes
    offset: int
    packed: bool
    begins: bool
    """Whether a member begins here."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of the file that could not be decompressed, from `offset` on."""

    offset: int
    reason: str


class _Member(Protocol):
    """One gzip member or zstd frame on its way out."""

    eof: bool
    unused: int
    """Bytes of what was fed last that lie behind its end."""

    def feed(self, raw: memoryview) -> Iterator[bytes]: ...


class _GzipMember:
    def __init__(self, decompressobj: Callable[[int], Any] = zlib.decompressobj) -> None:
        self._inflate = decompressobj(zlib.MAX_WBITS | 16)
        self.eof = False
        self.unused = 0

    def feed(self, raw: memoryview) -> Iterator[bytes]:
        left: memoryview | bytes = raw
        while True:
            data = self._inflate.decompress(left, _MAX_PIECE)
            yield data
            left = self._inflate.unconsumed_tail
            # A full piece may leave output behind even when all input is used up.
            if self._inflate.eof or (not left and len(data) < _MAX_PIECE):
                break
        self.eof = self._inflate.eof
        self.unused = len(self._inflate.unused_data)


class _ZstdFrame:
    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None) -> None:
        self._inflate = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self.eof = False
        self.unused = 0

    def feed(self, raw: memoryview) -> Iterator[bytes]:
        for start in range(0, len(raw), _ZSTD_SLICE):
            given = raw[start : start + _ZSTD_SLICE]
            data = self._inflate.decompress(given)
            for at in range(0, len(data), _MAX_PIECE):
                yield data[at : at + _MAX_PIECE]
            if self._inflate.eof:
                self.eof = True
                self.unused = len(self._inflate.unused_data) + len(raw) - start - len(given)
                break


@dataclass(frozen=True, slots=True)
class _Packing:
    name: str
    magic: bytes
    open: Callable[[], _Member]
    probe: int
    """Compressed bytes that surely hold the first decompressed ones."""


_GZIP = _Packing("gzip", b"\x1f\x8b\x08", _GzipMember, 1 << 12)


class _Raw:
    """The file as chunks, with the position of the next byte and a way back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._chunk = b""
        self._start = 0
        """Position in the file of the chunk."""
        self._next = 0
        """Index in the chunk of the next byte."""
        file.seek(0)

    @property
    def at(self) -> int:
        return self._start + self._next

    def read(self, most: int = _CHUNK) -> memoryview:
        """Return some of the bytes that come next; none at the end."""
        if self._next == len(self._chunk):
            self._start, self._next = self.at, 0
            self._chunk = self._file.read(_CHUNK)
        data = memoryview(self._chunk)[self._next : self._next + most]
        self._next += len(data)
        return data

    def unread(self, size: int) -> None:
        """Go back by some of the bytes that were read last."""
        self._next -= size

    def peek(self, size: int) -> memoryview:
        """Return up to `size` of the bytes that come next."""
        while len(self._chunk) - self._next < size and (data := self._file.read(_CHUNK)):
            self._start, self._chunk = self.at, self._chunk[self._next :] + data
            self._next = 0
        return memoryview(self._chunk)[self._next : self._next + size]

    def seek(self, offset: int) -> None:
        if self._start <= offset <= self._start + len(self._chunk):
            self._next = offset - self._start  # a file may take many short steps
            return
        self._file.seek(offset)
        self._chunk, self._start, self._next = b"", offset, 0


def read_pieces(
    file: BinaryIO, record: bytes | _Opens = b"", start: int = 0
) -> Iterator[Piece | Gap]:
    """Yield the decompressed bytes of a seekable file, and a `Gap` wherever some were lost.

    A file that is packed in no known way comes out as it is, from byte `start` on.
    `record` is how a record begins, or what tells that from its first bytes: behind a
    damaged member, also the first one, reading goes on at the next one that begins so.
    """
    raw = _Raw(file)
    opens = record if callable(record) else partial(_starts_with, record)
    packing = _packing(raw) or _packing_behind_damage(raw, opens)
    if packing is not None:
        return _read_packed(raw, packing, opens)
    raw.seek(start)
    return _read_plain(raw)


def _packing(raw: _Raw) -> _Packing | None:
    """Return how a file is packed by its first bytes; None if it is not."""
    head = bytes(raw.peek(4))
    if head.startswith(_GZIP.magic[:2]):
        return _GZIP
    return _zstd_packing(raw) if head == _ZSTD_MAGIC or _SKIPPABLE.match(head) else None


def _packing_behind_damage(raw: _Raw, opens: _Opens) -> _Packing | None:
    """Return the packing of a file whose first bytes are damaged; None where it seems plain."""
    head = bytes(raw.peek(_CHUNK))
    lines = (begun.end() for begun in _LINE_BEGINS.finditer(head))
    plain = next((at for at in lines if opens(head[at : at + _RECORD_HEAD])), len(head))
    for packing in (_GZIP, _zstd_packing(raw)):
        for found in re.finditer(re.escape(packing.magic), head[:plain]):
            first = _first_bytes(raw.peek(_CHUNK)[found.start() :], packing)
            if first and opens(first):
                return packing
    return None


def _read_plain(raw: _Raw) -> Iterator[Piece]:
    while data := raw.read():
        yield Piece(bytes(data), raw.at - len(data), packed=False, begins=False)


def _read_packed(raw: _Raw, packing: _Packing, opens: _Opens) -> Iterator[Piece | Gap]:
    while _skip_padding(raw, packing):
        start = raw.at
        reason = yield from _read_member(raw, packing)
        if reason is not None:
            yield Gap(start, reason)
            if not _seek_member(raw, packing, opens, start + 1):
                return


def _read_member(raw: _Raw, packing: _Packing) -> Generator[Piece, None, str | None]:
    """Yield one member and return why it was not whole, or None when it was."""
    start, begins, member = raw.at, True, packing.open()
    if not packing.magic.startswith(bytes(raw.peek(len(packing.magic)))):
        return "garbage"
    if raw.peek(len(_PLAIN_HEAD)) == _PLAIN_HEAD:
        found = _whole_member(raw)
        if found is not None:
            for at, data in enumerate(found):
                yield Piece(data, start, packed=True, begins=not at)
            return None
        raw.seek(start)
    try:
        while not member.eof:
            chunk = raw.read(_FEED)
            if not chunk:
                return f"{packing.name}_truncated"
            for data in member.feed(chunk):
                if data:
                    yield Piece(data, start, packed=True, begins=begins)
                    begins = False
    except (zlib.error, zstandard.ZstdError):
        return f"{packing.name}_corrupt"
    raw.unread(member.unused)
    return None


def _whole_member(raw: _Raw) -> list[bytes] | None:
    """Return what a gzip member holds, if that is not much and nothing is wrong with it."""
    member, found, size = _GzipMember(isal_zlib.decompressobj), [], 0
    try:
        while not member.eof:
            chunk = raw.read(_FEED)
            if not chunk:
                return None
            for data in member.feed(chunk):
                size += len(data)
                found.append(data)
                if size > _MOST_AT_ONCE:
                    return None
    except isal_zlib.error:  # type: ignore[misc]  # its stub takes the class for an exception
        return None
    raw.unread(member.unused)
    return [data for data in found if data]


def _skip_padding(raw: _Raw, packing: _Packing) -> bool:
    """Step over zero bytes (tape and disk blocks) and skippable frames; False at the end."""
    while head := bytes(raw.peek(8)):
        if packing.magic == _ZSTD_MAGIC and _SKIPPABLE.match(head):
            raw.seek(raw.at + 8 + int.from_bytes(head[4:8], "little"))
        elif head[0] == 0:
            raw.unread(len(bytes(raw.read(_FEED)).lstrip(b"\0")))
        else:
            return True
    return False


def _seek_member(raw: _Raw, packing: _Packing, opens: _Opens, after: int) -> bool:
    """Go to the next member that opens a record, at `after` or later; False if there is none."""
    raw.seek(after)
    magic = re.compile(re.escape(packing.magic))
    reach = _CHUNK + packing.probe
    while window := raw.peek(reach):
        sure = len(window) - packing.probe if len(window) == reach else len(window)
        for found in magic.finditer(window):
            if found.start() >= sure:
                break
            first = _first_bytes(window[found.start() :][: packing.probe], packing)
            if first and opens(first):
                raw.seek(raw.at + found.start())
                return True
        raw.seek(raw.at + sure)
    return False


def _starts_with(record: bytes, first: bytes) -> bool:
    return first.startswith(record)


def _first_bytes(start: memoryview, packing: _Packing) -> bytes:
    """Return what a member begins with; nothing if it is none."""
    try:
        return next((data for data in packing.open().feed(start) if data), b"")
    except (zlib.error, zstandard.ZstdError):
        return b""


def _zstd_packing(raw: _Raw) -> _Packing:
    """Return how to read the file's frames: with the dictionary that its first frame may hold."""
    head = bytes(raw.peek(8))
    dictionary = None
    if head.startswith(_DICTIONARY):
        size = int.from_bytes(head[4:8], "little")
        found = raw.peek(8 + min(size, _MAX_DICTIONARY))[8:]
        dictionary = _load_dictionary(bytes(found))
    return _Packing("zstd", _ZSTD_MAGIC, lambda: _ZstdFrame(dictionary), 1 << 18)


def _load_dictionary(data: bytes) -> zstandard.ZstdCompressionDict | None:
    try:
        if data.startswith(_ZSTD_MAGIC):
            data = _unpacked(data)
        return zstandard.ZstdCompressionDict(data)
    except zstandard.ZstdError:
        return None  # the frames that need it will then say that they are corrupt


def _unpacked(dictionary: bytes) -> bytes:
    """Return a packed dictionary; what its header says of its size is not believed."""
    found = bytearray()
    for data in _ZstdFrame(None).feed(memoryview(dictionary)):
        found += data
        if len(found) > _MAX_DICTIONARY:
            raise zstandard.ZstdError("a dictionary of more than 16 MiB")
    return bytes(found)
