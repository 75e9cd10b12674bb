"""HTTP responses as crawlers store them, and their bodies without the codings.

Crawlers often undo a coding and keep the header that announces it, so what a
header says is believed only if the bytes agree; otherwise they stay as they are
and a note says so. Formats: RFC 9110 and 9112 (messages, chunked), RFC 1950 to
1952 (deflate, gzip), RFC 7932 (brotli), RFC 8878 (zstd).
"""

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import brotli  # type: ignore[import-untyped]  # it ships no types
import zstandard

from filters.optout import HEADERS
from pipelines.crawl.archive.records import MAX_RECORD, parse_fields

_MAX_CODINGS = 4
_MAX_HEADER = 1 << 20
"""Bytes of a header that are looked at; a longer one could hold millions of fields."""
_SLICE = 1 << 12
_MAX_PIECE = 1 << 20
_STATUS = re.compile(rb"HTTP/\d+(?:\.\d+)?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
_RESERVING = re.compile(b"|".join(name.encode() for name in HEADERS), re.IGNORECASE)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]{0,1000})?\r?\n")
_LINE_END = re.compile(rb"\r?\n?")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_GZIP = b"\x1f\x8b"

Undone = tuple[bytes, str | None]
"""A body without one coding, and what was wrong with it."""


class TooLargeError(Exception):
    """A body is longer than `MAX_RECORD` once it is decompressed."""


@dataclass(frozen=True, slots=True)
class Response:
    """A stored HTTP response; header names in lower case, `body` with its codings."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    reservations: tuple[tuple[str, str], ...] = ()
    """Those that may reserve rights, each as often as it came."""


def parse_response(block: bytes) -> Response | None:
    """Split a record's block into status, header and body; None if it is no HTTP response."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end = _HEADER_END.search(block)
    header = block[: min(end.start() if end else len(block), _MAX_HEADER)]
    body = block[end.end() :] if end else b""
    fields = header.partition(b"\n")[2]
    return Response(int(status[1]), parse_fields(fields), body, _reservations(fields))


def _reservations(fields: bytes) -> tuple[tuple[str, str], ...]:
    if not _RESERVING.search(fields):  # as almost always
        return ()
    text = re.sub(r"\r?\n[ \t]+", " ", fields.decode("latin-1"))
    named = (line.partition(":") for line in text.split("\n"))
    found = ((name.strip().lower(), value.strip()) for name, _, value in named)
    return tuple(item for item in found if item[0] in HEADERS)


def decode_body(response: Response) -> Undone:
    """Return the body without its transfer and content codings, and what did not fit.

    Raises `TooLargeError` where the result would exceed `MAX_RECORD` bytes.
    """
    applied = [
        coding.strip().lower()
        for header in ("content-encoding", "transfer-encoding")
        for coding in response.headers.get(header, "").split(",")
    ]
    body, notes = response.body, []
    for coding in list(reversed(applied))[: 2 * _MAX_CODINGS]:
        undo = _UNDO.get(coding.removeprefix("x-"))
        if undo is not None and body:
            body, note = undo(body)
            notes += [f"{coding}: {note}"] if note else []
    return body, "; ".join(notes) or None


def _unchunk(body: bytes) -> Undone:
    joined = bytearray()
    at = parts = 0
    while (size := _CHUNK_SIZE.match(body, at)) is not None:
        length = int(size[1], 16)
        if not length:
            return bytes(joined), None
        joined += body[size.end() : size.end() + length]
        parts += 1
        at = size.end() + length
        if at > len(body):
            break
        line_end = _LINE_END.match(body, at)
        at = line_end.end() if line_end else at
    if not parts:
        return body, "not chunked"
    return bytes(joined), "cut off"


def _gunzip(body: bytes) -> Undone:
    out, at, whole = bytearray(), 0, True
    while whole and body.startswith(_GZIP, at):
        whole, at = _inflate(body, zlib.MAX_WBITS | 16, out, at)
    if not out:
        return body, "not gzip"
    return bytes(out), None if whole else "cut off"


def _undeflate(body: bytes) -> Undone:
    """Undo what servers send as deflate: a zlib stream, or the bare one that RFC 9110 forbids."""
    out = bytearray()
    whole, _ = _inflate(body, zlib.MAX_WBITS, out)
    if out:
        return bytes(out), None if whole else "cut off"
    whole, _ = _inflate(body, -zlib.MAX_WBITS, out)
    # A bare stream has no checksum: only one that comes to its end is believed.
    return (bytes(out), None) if whole else (body, "not deflate")


def _inflate(body: bytes, window: int, out: bytearray, start: int = 0) -> tuple[bool, int]:
    """Append what can be inflated; return whether the stream came to its end, and where."""
    inflate = zlib.decompressobj(window)
    whole = memoryview(body)
    for at in range(start, len(body), _SLICE):
        raw: memoryview | bytes = whole[at : at + _SLICE]
        end = at + len(raw)
        try:
            # A full piece may leave output behind even when all input is used up.
            full = True
            while (raw or full) and not inflate.eof:
                data = inflate.decompress(raw, _MAX_PIECE)
                out += data
                raw, full = inflate.unconsumed_tail, len(data) == _MAX_PIECE
                _check(len(out))
        except zlib.error:
            return False, len(body)
        if inflate.eof:
            return True, end - len(inflate.unused_data)
    return False, len(body)


def _unbrotli(body: bytes) -> Undone:
    if _is_text(body):
        return body, "not brotli"  # it has no magic number, and some texts would even inflate
    inflate = brotli.Decompressor()
    out = bytearray()
    raw = body
    try:
        while not inflate.is_finished():
            data = inflate.process(raw, output_buffer_limit=_MAX_PIECE)
            out += data
            _check(len(out))
            raw = b""
            if not data and inflate.can_accept_more_data():
                break
    except brotli.error:
        return body, "not brotli"
    if inflate.is_finished():
        return bytes(out), None
    return (bytes(out), "cut off") if out else (body, "not brotli")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return _CONTROL.search(body) is None


def _unzstd(body: bytes) -> Undone:
    inflate = zstandard.ZstdDecompressor().decompressobj()
    out = bytearray()
    try:
        for start in range(0, len(body), _SLICE >> 2):
            out += inflate.decompress(body[start : start + (_SLICE >> 2)])
            _check(len(out))
            if inflate.eof:
                return bytes(out), None
    except zstandard.ZstdError:
        pass  # what came before the error counts
    return (bytes(out), "cut off") if out else (body, "not zstd")


def _check(size: int) -> None:
    if size > MAX_RECORD:
        _too_large()


def _too_large() -> NoReturn:
    raise TooLargeError


_UNDO: Mapping[str, Callable[[bytes], Undone]] = {
    "chunked": _unchunk,
    "gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "brotli": _unbrotli,
    "zstd": _unzstd,
}
