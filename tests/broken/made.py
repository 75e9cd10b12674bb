"""Small broken crawl files, each from the same ten records."""

import gzip
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import brotli

from tests.pipelines.warc_bytes import PACKINGS, gzip_each, http, record

BOMB = 80 << 20
"""Bytes of a body that is longer than a record may be, once it is unpacked."""
_KINDS = {0: "warcinfo", 3: "request", 6: "metadata"}


@dataclass(frozen=True, slots=True)
class Broken:
    """A crawl file, and the records that were put into it before it was broken."""

    name: str
    data: bytes
    planted: tuple[str, ...]
    whole: frozenset[str]
    """Ids of the records that are to be read as they were."""
    failed: tuple[str, ...] | None = None
    """Reasons of the rows that it is to give; None where that is as it comes."""


def record_id(number: int) -> str:
    """Return the id of a planted record."""
    return f"<urn:uuid:{number:08d}>"


def page(
    number: int, block: bytes | None = None, length: int | str | None = None, **fields: str
) -> bytes:
    """Return a planted record with a page, or with another block or length."""
    words = random.Random(number).choices(("bread", "stone", "river", "light", "hand"), k=40)
    body = f"<!doctype html><title>{number}</title><p>{' '.join(words)}.</p>".encode()
    named = {"WARC_Record_ID": record_id(number), "WARC_Target_URI": f"http://e.com/{number}"}
    block = http(body) if block is None else block
    return record(block=block, length=length, **{**named, **fields})


def _records() -> list[bytes]:
    others = {
        number: record(kind, b"software: none\r\n", WARC_Record_ID=record_id(number))
        for number, kind in _KINDS.items()
    }
    return [others.get(number) or page(number) for number in range(10)]


RECORDS = _records()
IDS = tuple(map(record_id, range(len(RECORDS))))
_SEPARATE = ("plain", "gzip_each", "zstd_each")
"""Packings in which a record can be broken without its neighbours."""


def broken_files() -> Iterator[Broken]:
    """Yield every small broken file."""
    yield from _flipped()
    yield from _truncated()
    yield from _zeroed()
    yield from _with_another_record()
    yield from _without_anything()


def _flipped() -> Iterator[Broken]:
    """Turn all bits of one byte, at every place of a plain file and every third of others."""
    for packing, pack in PACKINGS.items():
        data = pack(RECORDS)
        ends = _ends(packing)
        for at in range(0, len(data), 5 if packing == "plain" else 3):
            broken = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
            # In a plain file the newline before a record is part of its beginning.
            hit = {sum(end <= at for end in ends), sum(end <= at + 1 for end in ends)}
            whole = [i for number, i in enumerate(IDS) if number not in hit] if ends else []
            # Nobody can tell what has become of a frame that has no checksum.
            planted = IDS if packing != "zstd_whole" else ()
            yield Broken(f"flipped {packing} {at}", broken, planted, frozenset(whole))


def _ends(packing: str) -> list[int]:
    """Return where each record's bytes end; nothing where they are packed together."""
    if packing not in _SEPARATE:
        return []
    pack = PACKINGS[packing]
    return [len(pack(RECORDS[: number + 1])) for number in range(len(RECORDS))]


def _truncated() -> Iterator[Broken]:
    for packing, pack in PACKINGS.items():
        data, ends = pack(RECORDS), _ends(packing)
        for part in range(1, 16):
            size = len(data) * part // 16 + 1
            whole = {i for i, end in zip(IDS, ends, strict=False) if end <= size}
            planted = IDS[: len(whole) + 1] if ends else ()
            yield Broken(f"truncated {packing} {size}", data[:size], planted, frozenset(whole))


def _zeroed() -> Iterator[Broken]:
    """Put zeros where a disk has lost a block, or a crawler has left room."""
    for packing in _SEPARATE:
        pack, ends = PACKINGS[packing], _ends(packing)
        data = pack(RECORDS)
        at = ends[4] + (ends[5] - ends[4]) // 2
        size = min(60, ends[5] - at)
        hole = data[:at] + bytes(size) + data[at + size :]
        yield Broken(f"hole {packing}", hole, IDS, frozenset(IDS) - {IDS[5]})
        room = data[: ends[4]] + bytes(5000) + data[ends[4] :]
        yield Broken(f"zeros between {packing}", room, IDS, frozenset(IDS))
        yield Broken(f"zeros behind {packing}", data + bytes(5000), IDS, frozenset(IDS))


def _with_another_record() -> Iterator[Broken]:
    """Put a bad record among good ones."""
    for name, (bad, reasons) in {**_bad_lengths(), **_bad_headers(), **_bad_bodies()}.items():
        for packing in ("plain", "gzip_each"):
            data = PACKINGS[packing]([*RECORDS[:5], bad, *RECORDS[5:]])
            planted = (*IDS[:5], record_id(50), *IDS[5:])
            yield Broken(f"{name} {packing}", data, planted, frozenset(IDS), reasons)


_Bad = dict[str, tuple[bytes, tuple[str, ...]]]


def _bad_lengths() -> _Bad:
    size = len(http(b"<p>x"))
    wrong = {"short": size - 2, "long": size + 40, "swallows": size + 1500, "2 GB": 2 << 30}
    bad: _Bad = {
        f"length {name}": (page(50, http(b"<p>x"), length=n), ("wrong_length",))
        for name, n in wrong.items()
    }
    for text in ("-1", "many", "", "9" * 400):
        reason = "wrong_length" if text.isdigit() else "bad_header"
        bad[f"length {text[:5]!r}"] = (page(50, http(), length=text), (reason,))
    return bad


def _bad_headers() -> _Bad:
    whole = page(50)
    lines = {
        name: next(line for line in whole.split(b"\r\n") if line.startswith(name.encode()))
        for name in ("WARC-Type", "WARC-Date", "WARC-Record-ID", "WARC-Target-URI", "WARC/1.0")
    }
    bad: _Bad = {
        f"without {name}": (whole.replace(line + b"\r\n", b"", 1), ())
        for name, line in lines.items()
    }
    bad["without WARC/1.0"] = (bad["without WARC/1.0"][0], ("garbage",))
    length = next(line for line in whole.split(b"\r\n") if line.startswith(b"Content-Length"))
    bad["without length"] = (whole.replace(length + b"\r\n", b""), ("bad_header",))
    bad["without HTTP header"] = (page(50, b"<p>no header"), ())
    bad["NULs in the header"] = (whole.replace(b"WARC-Date", b"WARC\0Date"), ())
    bad["NULs in the address"] = (page(50, WARC_Target_URI="http://e.com/\0\0"), ())
    bad["bytes that are no UTF-8"] = (whole.replace(b"WARC-Date", b"X\xff\xfe-Date"), ())
    return bad


def _bad_bodies() -> _Bad:
    text = b"<p>" + bytes(range(256)) * 20
    stream = zlib.compress(text)
    bodies = {
        "brotli": http(brotli.compress(text), Content_Encoding="br"),
        "brotli cut off": http(brotli.compress(text)[:100], Content_Encoding="br"),
        "no brotli": http(text, Content_Encoding="br"),
        "gzip cut off": http(gzip.compress(text, mtime=0)[:60], Content_Encoding="gzip"),
        "deflate with a wrong end": http(stream[:-2] + b"xx", Content_Encoding="deflate"),
        "chunks too long": http(b"ffff\r\n<p>x\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        "chunks too short": http(b"2\r\n<p>x\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        "no chunks": http(b"<p>x", Transfer_Encoding="chunked"),
        "endless chunk size": http(b"f" * 5000 + b"\r\n<p>", Transfer_Encoding="chunked"),
        "wrong charset": http(b"<p>\xff\xfe\x81 x", Content_Type="text/html; charset=utf-8"),
        "no charset": http(b"<p>\xe4", Content_Type="text/html; charset=\0nonsense\xff"),
        "UTF-16 that ends in half": http(b"\xff\xfe<\0p\0>"),
        "NULs": http(bytes(4000)),
    }
    bombs = {
        "gzip bomb": http(gzip.compress(bytes(BOMB), 1, mtime=0), Content_Encoding="gzip"),
        "brotli bomb": http(brotli.compress(bytes(BOMB), quality=1), Content_Encoding="br"),
    }
    bad: _Bad = {name: (page(50, block), ()) for name, block in bodies.items()}
    return {**bad, **{name: (page(50, block), ("too_large",)) for name, block in bombs.items()}}


def _without_anything() -> Iterator[Broken]:
    """Yield files in which there is no record at all."""
    nothing: dict[str, tuple[bytes, str]] = {
        "zero bytes": (b"", "empty_file"),
        "one byte": (b"W", "not_warc"),
        "zeros": (bytes(100_000), "not_warc"),
        "noise": (random.Random(1).randbytes(100_000), "not_warc"),
        "gzip of nothing": (gzip.compress(b"", mtime=0), "empty_file"),
        "gzip of noise": (gzip_each([random.Random(2).randbytes(9000)]), "not_warc"),
        "gzip header alone": (gzip.compress(b"x", mtime=0)[:10], "gzip_truncated"),
    }
    for name, (data, reason) in nothing.items():
        yield Broken(name, data, (), frozenset(), (reason,))
