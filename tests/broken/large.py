"""Broken crawl files that are large once they are unpacked, or made to be slow to read.

They are small on disk: what repeats is packed once and written often.
"""

import gzip
import random
import zlib
from collections.abc import Callable, Mapping

import zstandard

from pipelines.crawl.archive.records import MAX_RECORD
from tests.broken.made import Broken, page, record_id
from tests.pipelines.warc_bytes import gzip_each, http, zstd_each

MIB = 1 << 20
HUGE = 300
"""MiB of what is too large."""
_FIRST, _LAST = page(1), page(9)
_BOTH = (record_id(1), record_id(9))


def gzip_repeating(head: bytes, unit: bytes, times: int, tail: bytes = b"") -> bytes:
    """Return a gzip member of a head, a unit so many times, and a tail; packs the unit once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    begun = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    once = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    ended = packer.compress(tail) + packer.flush()
    checksum = zlib.crc32(head)
    for _ in range(times):
        checksum = zlib.crc32(unit, checksum)
    checksum = zlib.crc32(tail, checksum)
    size = len(head) + times * len(unit) + len(tail)
    trailer = checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + begun + once * times + ended + trailer


def _between(bad: bytes) -> bytes:
    return gzip_each([_FIRST]) + bad + gzip_each([_LAST])


def _huge_page() -> bytes:
    """Return a page of 300 MiB, all of it text."""
    unit = (b"<p>" + b"It was a long story. " * 60_000)[: MIB - 4] + b"</p>"
    head, _, tail = page(5, http(b"|")).partition(b"|")
    size = len(http(b"")) + HUGE * MIB
    head = head.replace(b"Content-Length: %d" % len(http(b"|")), b"Content-Length: %d" % size)
    return _between(gzip_repeating(head, unit, HUGE, tail))


def _largest_page() -> bytes:
    """Return a page that is as large as one may be."""
    size = MAX_RECORD - len(http(b""))
    return _between(gzip_each([page(5, http((b"It was so. " * (size // 11 + 1))[:size]))]))


def _declared(size: int) -> bytes:
    return page(5, http(b"<p>x"), length=size)


def _coded(body: bytes, coding: str) -> bytes:
    return gzip_each([page(5, http(body, Content_Encoding=coding))])


def _fields() -> bytes:
    lines = b"".join(b"x%07d: y\r\n" % number for number in range(2_000_000))
    return gzip_each([page(5, b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n<p>x")])


def _one_byte_members(count: int) -> bytes:
    return gzip.compress(b"x", mtime=0) * count


def _false_members(count: int) -> bytes:
    """Return members that begin as a record does and then turn out to be none."""
    member = gzip.compress(b"WARC/1.0\r\n", 0, mtime=0)
    return (member[:-8] + bytes(8)) * count


def _dictionary(declared: int) -> bytes:
    """Return zstd frames behind a packed dictionary that says it is so large."""
    frame = b"\x28\xb5\x2f\xfd\xe0" + declared.to_bytes(8, "little") + b"\x01\0\0"
    return b"\x5d\x2a\x4d\x18" + len(frame).to_bytes(4, "little") + frame


_BUILDERS: Mapping[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "300 MiB page": (_huge_page, ("too_large",)),
    "page of 64 MiB": (_largest_page, ()),
    "2 GB declared, packed": (
        lambda: _between(gzip_each([_declared(2 << 30)])), ("wrong_length",),
    ),
    "2 GB declared, plain": (
        lambda: _FIRST + _declared(2 << 30) + _LAST, ("wrong_length",),
    ),
    "2 GB declared, 300 MiB there": (
        lambda: _between(gzip_repeating(_declared(2 << 30), bytes(MIB), HUGE)), ("wrong_length",),
    ),
    "300 MiB of zeros in a member": (
        lambda: _between(gzip_repeating(b"", bytes(MIB), HUGE)), ("garbage",),
    ),
    "300 MiB of newlines": (
        lambda: _between(gzip_repeating(b"", b"\r\n" * (MIB // 2), HUGE)), (),
    ),
    "header of 300 MiB": (
        lambda: _between(gzip_repeating(b"WARC/1.0\r\nX: ", b"y" * MIB, HUGE)), ("bad_header",),
    ),
    "gzip bomb of 300 MiB": (
        lambda: _between(_coded(gzip_repeating(b"", bytes(MIB), HUGE), "gzip")), ("too_large",),
    ),
    "zstd bomb": (
        lambda: _between(_coded(zstandard.compress(bytes(HUGE * MIB), 1), "zstd")), ("too_large",),
    ),
    "header of 2,000,000 fields": (lambda: _between(_fields()), ()),
    "body of 300,000 gzip members": (
        lambda: _between(_coded(_one_byte_members(300_000), "gzip")), (),
    ),
    "body of 1,000,000 chunks": (
        lambda: _between(
            gzip_each([page(5, http(b"2\r\nxy\r\n" * 1_000_000, Transfer_Encoding="chunked"))])
        ), (),
    ),
    "200,000 members of a byte": (lambda: _between(_one_byte_members(200_000)), ("garbage",)),
    "50,000 members that are none": (
        lambda: _between(_false_members(50_000)), ("gzip_corrupt",),
    ),
    "1,000,000 frames to skip": (
        lambda: zstd_each([_FIRST]) + b"\x50\x2a\x4d\x18\0\0\0\0" * 1_000_000 + zstd_each([_LAST]),
        (),
    ),
    "30,000 beginnings of frames": (
        lambda: zstd_each([_FIRST]) + b"\x28\xb5\x2f\xfd" * 30_000 + zstd_each([_LAST]),
        ("zstd_corrupt",),
    ),
    "30,000 damaged records": (
        lambda: zstd_each([_FIRST + b"WARC/1.0\r\nA: b\r\n\r\n" * 30_000 + _LAST]),
        ("bad_header",) * 30_000,
    ),
    "dictionary that says 1 TB": (
        lambda: _dictionary(1 << 40) + zstd_each([_FIRST, _LAST]), (),
    ),
    "dictionary that says 8 GB": (
        lambda: _dictionary(1 << 33) + zstd_each([_FIRST, _LAST]), (),
    ),
    "noise of 64 MiB": (
        lambda: _FIRST + random.Random(1).randbytes(64 * MIB) + b"\n" + _LAST, ("garbage",),
    ),
}  # fmt: skip


def large_files() -> Mapping[str, Callable[[], Broken]]:
    """Return what makes each of the large files, by name."""
    return {name: _maker(name, *rest) for name, rest in _BUILDERS.items()}


def _maker(name: str, build: Callable[[], bytes], failed: tuple[str, ...]) -> Callable[[], Broken]:
    return lambda: Broken(name, build(), _BOTH, frozenset(_BOTH), failed)
