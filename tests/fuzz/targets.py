"""What is to hold whatever the input: one function per target, AssertionError where it does not."""

import gzip
from collections.abc import Callable, Mapping
from io import BytesIO

import zstandard

from pipelines.crawl.archive.decode import decode_html
from pipelines.extract import Extractor, make_extractor
from tests.broken.account import count, find_all
from tests.pipelines.warc_bytes import http, record

_CODINGS = ("gzip", "deflate", "br", "zstd", "chunked")


def _coded(coding: str) -> Callable[[bytes], bytes]:
    name = "Transfer_Encoding" if coding == "chunked" else "Content_Encoding"
    return lambda body: record(block=http(body, **{name: coding}))


PACKINGS: tuple[Callable[[bytes], bytes], ...] = (
    bytes, gzip.compress, zstandard.compress, *map(_coded, _CODINGS),
)  # fmt: skip
_CHARSETS = (None, "utf-8", "windows-1251", "shift_jis", "utf-16", "iso-2022-jp")
_FINEWEB = {"favor_precision": True, "deduplicate": True}
_OWN = make_extractor("trafilatura", _FINEWEB)
_FASTER = make_extractor("trafilatura", _FINEWEB, accelerate=True)


def reader(data: bytes) -> None:
    """Read a crawl file: every record has a row or is counted, offsets never go back.

    The first byte says how the rest is packed, so that what is packed can be reached; or that
    it is a page's body in some coding, in a record whose length is right whatever becomes of it.
    """
    file = BytesIO(PACKINGS[data[0] % len(PACKINGS)](data[1:]) if data else b"")
    found = find_all(file)
    account = count(file, found)
    assert found, "a file without any row"
    assert account.lost == 0, account


def extractor(data: bytes) -> None:
    """Decode and extract a page: trafilatura's own text, also with its parts replaced.

    The first byte says which charset the HTTP header names. What trafilatura raises costs the
    page, with either; an exit or an interrupt would cost more.
    """
    label = _CHARSETS[data[0] % len(_CHARSETS)] if data else None
    html = decode_html(data[1:], label).text
    own, faster = _outcome(_OWN, html), _outcome(_FASTER, html)
    assert own == faster, (own, faster)


def _outcome(extract: Extractor, html: str) -> tuple[str, str]:
    try:
        return "text", extract(html)
    except Exception as error:  # noqa: BLE001  as in a run: it costs the page
        return "error", type(error).__name__


TARGETS: Mapping[str, Callable[[bytes], None]] = {"reader": reader, "extractor": extractor}
