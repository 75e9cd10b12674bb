"""Inputs to begin with, made in memory, and words that mutations put together."""

import gzip
import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import brotli
import zstandard

from tests.broken.made import RECORDS
from tests.pipelines.odd_pages import BLOCKS, CODE, SENTENCES, VALUES, VOID, nested
from tests.pipelines.warc_bytes import PACKINGS, record

_ARC = (
    b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain 76\n1 0 InternetArchive\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n"
    b"http://e.com/ 1.2.3.4 20080430204825 text/html 44\nHTTP/1.1 200 OK\nContent-Type: text/html"
    b"\n\n<p>\n\n"
)
_WORDS = {
    "reader": (
        "WARC/1.0", "WARC-Type: ", "response", "conversion", "Content-Length: ", "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n", "Content-Encoding: ", "Transfer-Encoding: chunked", "gzip", "br",
        "deflate", "zstd", "Content-Type: text/html", "WARC-Record-ID: ", "filedesc:",
    ),
    "extractor": (
        *(f"<{name}>" for name in (*BLOCKS, *VOID)), *(f"</{name}>" for name in BLOCKS),
        *(f' class="{value}"' for value in VALUES if value.isascii()),
        "<!doctype html>", "&nbsp;", "&#1;", "<!--", "-->", "<![CDATA[", "]]>",
    ),
}  # fmt: skip
_PAGES = 40


def write_seeds(target: str, folder: Path) -> None:
    """Write the first inputs of a target, one a file."""
    for number, data in enumerate({"reader": _files, "extractor": _pages}[target]()):
        (folder / f"{number:03d}").write_bytes(data)


def write_words(target: str, path: Path) -> None:
    """Write the target's words as libFuzzer reads them."""
    path.write_text("".join(f"{_quoted(word)}\n" for word in _WORDS[target]))


def _quoted(word: str) -> str:
    escaped = json.dumps(word).replace("\\r", "\\x0d").replace("\\n", "\\x0a")
    return escaped.replace("\\t", "\\x09")


def _files() -> Iterator[bytes]:
    for pack in PACKINGS.values():
        yield b"\0" + pack(RECORDS[:4])
    for packing in range(3):
        yield bytes([packing]) + b"".join(RECORDS[:3])
        yield bytes([packing]) + _ARC
    page = b"<p>" + b"some text of it " * 9
    bodies = (gzip.compress, zlib.compress, brotli.compress, zstandard.compress, _chunked)
    for packing, code in enumerate(bodies, 3):  # as `targets.PACKINGS` has them
        yield bytes([packing]) + code(page)
        yield bytes([packing]) + page
    yield b"\0" + record("conversion", b"A text.", Content_Type="text/plain")


def _chunked(body: bytes) -> bytes:
    return b"5;a=b\r\n%s\r\n10\r\n%s\r\n0\r\n\r\n" % (body[:5], body[5:21])


def _pages() -> Iterator[bytes]:
    for number in range(_PAGES):
        yield bytes([number % 6]) + _odd_page(random.Random(number)).encode()
    yield b"\0" + nested(5, "div").encode()
    yield b"\1" + nested(3, "td").encode()


def _odd_page(chance: random.Random) -> str:
    parts = ["<html><body>"]
    for _ in range(chance.randint(3, 12)):
        name, value = chance.choice(BLOCKS), chance.choice(VALUES)
        words = "".join(chance.choices(SENTENCES, k=3))
        parts.append(f'<{name} class="{value}">{words}{chance.choice(("", *CODE))}</{name}>')
    return "".join(parts)
