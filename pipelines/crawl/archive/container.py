"""The bytes of a crawl file, whatever it is packed in.

A crawl file is plain, or a row of gzip members or zstd frames (usually one per
record, sometimes one for the whole file). Each is read to its end or to its
first error; after an error reading goes on at the next member that opens a
record, and what lies between is a `Gap`. Formats: RFC 1952 (gzip), RFC 8878
(zstd), the IIPC draft on zstd in WARC (a dictionary in the first frame).
"""

import re
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Protocol, TypeAlias

import zstandard

_CHUNK = 1 << 18
_MAX_PIECE = 1 << 20
_ZSTD_SLICE = 1 << 10  # a zstd block of 4 bytes may hold 128 KiB, so this bounds a piece to 32 MiB
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_DICTIONARY = b"\x5d\x2a\x4d\x18"
_MAX_DICTIONARY = 1 << 24

_Opens: TypeAlias = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of decompressed bytes, at most 32 MiB.

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
    unused: bytes

    def feed(self, raw: bytes) -> Iterator[bytes]: ...


class _GzipMember:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.eof = False
        self.unused = b""

    def feed(self, raw: bytes) -> Iterator[bytes]:
        while True:
            data = self._inflate.decompress(raw, _MAX_PIECE)
            yield data
            raw = self._inflate.unconsumed_tail
            # A full piece may leave output behind even when all input is used up.
            if self._inflate.eof or (not raw and len(data) < _MAX_PIECE):
                break
        self.eof = self._inflate.eof
        self.unused = self._inflate.unused_data


class _ZstdFrame:
    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None) -> None:
        self._inflate = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self.eof = False
        self.unused = b""

    def feed(self, raw: bytes) -> Iterator[bytes]:
        for start in range(0, len(raw), _ZSTD_SLICE):
            yield self._inflate.decompress(raw[start : start + _ZSTD_SLICE])
            if self._inflate.eof:
                self.eof = True
                self.unused = self._inflate.unused_data + raw[start + _ZSTD_SLICE :]
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
        self._kept = b""
        self.at = 0
        file.seek(0)

    def read(self) -> bytes:
        data = self._kept or self._file.read(_CHUNK)
        self._kept = b""
        self.at += len(data)
        return data

    def unread(self, data: bytes) -> None:
        self._kept = data + self._kept
        self.at -= len(data)

    def peek(self, size: int) -> bytes:
        """Return up to `size` of the bytes that come next."""
        while len(self._kept) < size and (data := self._file.read(_CHUNK)):
            self._kept += data
        return self._kept[:size]

    def seek(self, offset: int) -> None:
        self._file.seek(offset)
        self._kept = b""
        self.at = offset


def read_pieces(
    file: BinaryIO, record: bytes | _Opens = b"", start: int = 0
) -> Iterator[Piece | Gap]:
    """Yield the decompressed bytes of a seekable file, and a `Gap` wherever some were lost.

    A file that is packed in no known way comes out as it is, from byte `start` on.
    `record` is how a record begins, or what tells that from its first bytes: behind a
    damaged member, reading goes on at the next one that begins so.
    """
    raw = _Raw(file)
    opens = record if callable(record) else partial(_starts_with, record)
    head = raw.peek(4)
    if head.startswith(_GZIP.magic[:2]):
        return _read_packed(raw, _GZIP, opens)
    if head == _ZSTD_MAGIC or _SKIPPABLE.match(head):
        return _read_packed(raw, _zstd_packing(raw), opens)
    if start:
        raw.seek(start)
    return _read_plain(raw)


def _read_plain(raw: _Raw) -> Iterator[Piece]:
    while data := raw.read():
        yield Piece(data, raw.at - len(data), packed=False, begins=False)


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
    if not packing.magic.startswith(raw.peek(len(packing.magic))):
        return "garbage"
    try:
        while not member.eof:
            chunk = raw.read()
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


def _skip_padding(raw: _Raw, packing: _Packing) -> bool:
    """Step over zero bytes (tape and disk blocks) and skippable frames; False at the end."""
    while head := raw.peek(8):
        if packing.magic == _ZSTD_MAGIC and _SKIPPABLE.match(head):
            raw.seek(raw.at + 8 + int.from_bytes(head[4:8], "little"))
        elif head[0] == 0:
            data = raw.read()
            raw.unread(data.lstrip(b"\0"))
        else:
            return True
    return False


def _seek_member(raw: _Raw, packing: _Packing, opens: _Opens, after: int) -> bool:
    """Go to the next member that opens a record, at `after` or later; False if there is none."""
    raw.seek(after)
    window = b""
    while chunk := raw.read():
        window += chunk
        last = not raw.peek(1)
        sure = len(window) if last else len(window) - packing.probe
        found = window.find(packing.magic)
        while 0 <= found < sure:
            first = _first_bytes(window[found : found + packing.probe], packing)
            if first and opens(first):
                raw.seek(raw.at - len(window) + found)
                return True
            found = window.find(packing.magic, found + 1)
        window = window[max(sure, 0) :]
    return False


def _starts_with(record: bytes, first: bytes) -> bool:
    return first.startswith(record)


def _first_bytes(start: bytes, packing: _Packing) -> bytes:
    """Return what a member begins with; nothing if it is none."""
    try:
        return next((data for data in packing.open().feed(start) if data), b"")
    except (zlib.error, zstandard.ZstdError):
        return b""


def _zstd_packing(raw: _Raw) -> _Packing:
    """Return how to read the file's frames: with the dictionary that its first frame may hold."""
    head = raw.peek(8)
    dictionary = None
    if head.startswith(_DICTIONARY):
        size = int.from_bytes(head[4:8], "little")
        found = raw.peek(8 + min(size, _MAX_DICTIONARY))[8:]
        dictionary = _load_dictionary(found)
    return _Packing("zstd", _ZSTD_MAGIC, lambda: _ZstdFrame(dictionary), 1 << 18)


def _load_dictionary(data: bytes) -> zstandard.ZstdCompressionDict | None:
    try:
        if data.startswith(_ZSTD_MAGIC):
            inflate = zstandard.ZstdDecompressor()
            data = inflate.decompress(data, max_output_size=_MAX_DICTIONARY)
        return zstandard.ZstdCompressionDict(data)
    except zstandard.ZstdError:
        return None  # the frames that need it will then say that they are corrupt
