"""HTTP bodies: every coding, several at once, and headers that announce what is not there."""

import gzip
import zlib

import brotli
import pytest
import zstandard

from pipelines.crawl.archive.records import MAX_RECORD
from tests.pipelines.warc_bytes import HTML, http, read_block

BODY = HTML * 300


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def chunked(data: bytes, *, newline: bytes = b"\r\n", note: bytes = b"", end: bytes = b"") -> bytes:
    parts = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    sized = (b"%x%s%s%s%s" % (len(part), note, newline, part, newline) for part in parts)
    return b"".join(sized) + b"0" + newline + end + newline


CODED = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "Deflate": raw_deflate(BODY),
    "br": brotli.compress(BODY),
    "zstd": zstandard.compress(BODY),
}


def only_page(body: bytes, **headers: str):
    (page,) = read_block(http(body, **headers)).pages
    return page


@pytest.mark.parametrize("coding", CODED)
def test_a_coding_is_undone(coding):
    page = only_page(CODED[coding], Content_Encoding=coding)
    assert (page.body, page.body_note) == (BODY, None)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "chunked"])
@pytest.mark.parametrize("body", [BODY, b"plain words\n", b"\xff\xfe\x00", b"-1\r\n" * 50])
def test_a_coding_that_is_not_there_is_noted(coding, body):
    page = only_page(body, Content_Encoding=coding)
    assert page.body == body
    assert page.body_note == f"{coding}: not {coding.replace('br', 'brotli')}"


@pytest.mark.parametrize("coding", ["identity", "none", "utf-8", "", "compress"])
def test_a_coding_that_nobody_knows_changes_nothing(coding):
    page = only_page(BODY, Content_Encoding=coding)
    assert (page.body, page.body_note) == (BODY, None)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_coded_body_that_is_cut_off_gives_what_there_is(coding):
    text = bytes(range(256)) * 300 + BODY * 40
    packed = {
        "gzip": gzip.compress, "deflate": zlib.compress,
        "br": brotli.compress, "zstd": zstandard.compress,
    }[coding](b"".join(text[at::7] for at in range(7)))  # fmt: skip
    page = only_page(packed[: len(packed) * 3 // 4], Content_Encoding=coding)
    if coding != "zstd":  # its blocks come whole or not at all
        assert page.body_note == f"{coding}: cut off"
    assert page.body_note is not None


def test_several_codings_are_undone_from_last_to_first():
    body = brotli.compress(gzip.compress(BODY))
    assert only_page(body, Content_Encoding="gzip, br").body == BODY
    both = chunked(gzip.compress(gzip.compress(BODY)))
    page = only_page(both, Content_Encoding="gzip", Transfer_Encoding="gzip, chunked")
    assert (page.body, page.body_note) == (BODY, None)


def test_gzip_members_in_a_row_are_one_body():
    body = gzip.compress(BODY) + gzip.compress(b"<p>more")
    assert only_page(body, Content_Encoding="gzip").body == BODY + b"<p>more"


@pytest.mark.parametrize(
    "body",
    [
        chunked(BODY),
        chunked(BODY, newline=b"\n"),
        chunked(BODY, note=b";name=value"),
        chunked(BODY, note=b"   "),
        chunked(BODY, end=b"Expires: never\r\n"),
    ],
)
def test_chunks_are_joined(body):
    page = only_page(body, Transfer_Encoding="chunked")
    assert (page.body, page.body_note) == (BODY, None)


def test_chunks_that_end_too_early_give_what_there_is():
    for size in range(1100, 2000, 100):
        page = only_page(chunked(BODY)[:size], Transfer_Encoding="chunked")
        assert page.body == BODY[: len(page.body)]
        assert len(page.body) >= 1000
        assert page.body_note == "chunked: cut off"


@pytest.mark.parametrize("pack", [gzip.compress, brotli.compress, zstandard.compress])
def test_a_bomb_is_refused(pack):
    coding = {gzip.compress: "gzip", brotli.compress: "br"}.get(pack, "zstd")
    read = read_block(http(pack(bytes(MAX_RECORD + 1)), Content_Encoding=coding))
    assert read.reasons == ["too_large"]
    assert not read.pages


def test_a_bomb_within_a_bomb_is_refused():
    body = gzip.compress(gzip.compress(bytes(MAX_RECORD + 1)))
    assert read_block(http(body, Content_Encoding="gzip, gzip")).reasons == ["too_large"]
