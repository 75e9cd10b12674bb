"""Crawl files made for tests: records, responses and ways of packing them."""

import gzip
from collections import Counter
from collections.abc import Iterable, Mapping
from io import BytesIO

import zstandard

from pipelines.crawl import Damage, Page
from pipelines.crawl.archive.warc import read_warc

HTML = b"<!doctype html><title>A page</title><p>Some text on it.</p>"


def record(
    kind: str = "response",
    block: bytes = b"",
    *,
    length: int | str | None = None,
    newline: bytes = b"\r\n",
    **fields: str,
) -> bytes:
    """A WARC record; fields as keywords with `_` for `-`; `length` overrides the true one."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    headers = {"WARC-Type": kind, "WARC-Date": "2024-05-01T00:00:00Z", **named}
    headers["Content-Length"] = str(len(block) if length is None else length)
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    return newline.join([b"WARC/1.0", *lines, b"", b""]) + block + newline * 2


def http(body: bytes = HTML, *, status: int = 200, **headers: str) -> bytes:
    """An HTTP response; HTML unless `Content_Type` says otherwise (empty: not declared)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("Content-Type", "text/html")
    lines = [f"{name}: {value}" for name, value in named.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status} Fine", *lines, "", ""]).encode() + body


def page_record(number: int, body: bytes = HTML) -> bytes:
    """A response record with a page, an id and an address that bear its number."""
    return record(
        block=http(body),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://example.com/{number}",
    )


def gzip_each(records: Iterable[bytes]) -> bytes:
    return b"".join(gzip.compress(item, mtime=0) for item in records)


def gzip_whole(records: Iterable[bytes]) -> bytes:
    return gzip.compress(b"".join(records), mtime=0)


def zstd_each(records: Iterable[bytes]) -> bytes:
    return b"".join(zstandard.compress(item) for item in records)


def zstd_whole(records: Iterable[bytes]) -> bytes:
    return zstandard.compress(b"".join(records))


def zstd_dictionary(records: Iterable[bytes]) -> bytes:
    """Frames that need the dictionary in the skippable frame before them."""
    words = zstandard.ZstdCompressionDict(page_record(0), dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    packer = zstandard.ZstdCompressor(dict_data=words)
    head = b"\x5d\x2a\x4d\x18" + len(words.as_bytes()).to_bytes(4, "little") + words.as_bytes()
    return head + b"".join(packer.compress(item) for item in records)


PACKINGS = {
    "plain": b"".join,
    "gzip_each": gzip_each,
    "gzip_whole": gzip_whole,
    "zstd_each": zstd_each,
    "zstd_whole": zstd_whole,
    "zstd_dictionary": zstd_dictionary,
}


class Read:
    """What `read_warc` makes of a file's bytes."""

    def __init__(self, data: bytes) -> None:
        others: Counter[str] = Counter()
        self.items = list(read_warc(BytesIO(data), "some/file.warc", others))
        self.others: Mapping[str, int] = dict(others)
        self.pages = [item for item in self.items if isinstance(item, Page)]
        self.damages = [item for item in self.items if isinstance(item, Damage)]
        self.reasons = [item.reason for item in self.damages]
        self.urls = [page.url for page in self.pages]
        ordinals = [item.record for item in self.items]
        found = len(self.items) + sum(others.values())
        # Every record found has one ordinal, and only those have one.
        assert ordinals == sorted(set(ordinals))
        assert all(0 <= ordinal < found for ordinal in ordinals)


def read_block(block: bytes, **fields: str) -> Read:
    """Read a file of one response record with this block."""
    return Read(record(block=block, **fields))
