"""Which records are pages, and what is known of them."""

import pytest

from pipelines.crawl.archive.warc import OTHER_KINDS
from tests.pipelines.warc_bytes import HTML, Read, http, read_block, record


@pytest.mark.parametrize(
    ("block", "fields", "outcome"),
    [
        (http(), {}, "page"),
        (http(Content_Type="text/html; charset=utf-8"), {}, "page"),
        (http(Content_Type="Application/XHTML+XML"), {}, "page"),
        (http(status=204), {}, "response_not_200"),
        (http(status=304), {}, "response_not_200"),
        (http(status=404), {}, "response_not_200"),
        (http().replace(b"HTTP/1.1 200", b"HTTP/2 200"), {}, "page"),
        (http().replace(b"HTTP/1.1 200 Fine", b"HTTP/1.1 200"), {}, "page"),
        (http().replace(b"HTTP/1.1 200", b"HTTP/1.1 2000"), {}, "response_not_http"),
        (http(Content_Type="image/png"), {}, "response_not_html"),
        (http(Content_Type="text/plain"), {}, "response_not_html"),
        # The identified type has the last word.
        (http(Content_Type="image/png"), {"WARC_Identified_Payload_Type": "text/html"}, "page"),
        (http(), {"WARC_Identified_Payload_Type": "application/pdf"}, "response_not_html"),
        # Without either the first bytes decide.
        (http(Content_Type=""), {}, "page"),
        (http(b"\n\n<!-- x --><p>", Content_Type=""), {}, "page"),
        (http(b"\xef\xbb\xbf <HTML lang=de>", Content_Type="html"), {}, "page"),
        (http(b"<abbr>x", Content_Type=""), {}, "response_not_html"),
        (http(b"%PDF-1.4", Content_Type=""), {}, "response_not_html"),
        (http(b"", Content_Type=""), {}, "response_not_html"),
        (http(b""), {}, "page"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html", {}, "page"),
        (b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n<p>", {}, "page"),
        (b"20080430204825\nwww.archive.org. 589 IN A", {}, "response_not_http"),
        (b"", {}, "response_not_http"),
        (HTML, {}, "response_not_http"),
    ],
)
def test_a_response_is_a_page_or_counted(block, fields, outcome):
    read = read_block(block, **fields)
    assert len(read.pages) == (outcome == "page")
    assert read.others == ({} if outcome == "page" else {outcome: 1})


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        *((kind, kind) for kind in ("warcinfo", "resource", "request", "metadata", "revisit")),
        ("Continuation", "continuation"),
        ("something", "unknown"),
        ("", "unknown"),
    ],
)
def test_other_records_are_counted_by_kind(kind, counted):
    read = Read(record(kind, http()))
    assert read.others == {counted: 1}
    assert counted in OTHER_KINDS


def test_a_wet_record_is_a_page_of_text():
    block = b"Ein Text,\nzwei Zeilen."
    data = record("conversion", block, Content_Type="text/plain", WARC_Target_URI="http://a.de/")
    (page,) = Read(data).pages
    assert page.is_text
    assert (page.body, page.content_type, page.url) == (block, "text/plain", "http://a.de/")


def test_a_conversion_to_something_else_is_no_page():
    read = Read(record("conversion", b"{}", Content_Type="application/json"))
    assert read.others == {"conversion": 1}


def test_what_is_known_of_a_page():
    (page,) = read_block(
        http(Content_Type='TEXT/HTML; Charset="ISO-8859-1"'),
        WARC_Record_ID="<urn:uuid:1>",
        WARC_Target_URI="<http://example.com/ü>",
        WARC_Truncated="length",
        WARC_Identified_Payload_Type="text/html",
    ).pages
    assert page.id == "<urn:uuid:1>"
    assert page.url == "http://example.com/ü"
    assert page.date == "2024-05-01T00:00:00Z"
    assert (page.content_type, page.charset) == ("text/html", "ISO-8859-1")
    assert (page.identified_type, page.truncated) == ("text/html", "length")
    assert not page.is_text
    assert page.body_note is None


def test_a_page_without_an_id_is_named_by_its_place():
    read = Read(record("warcinfo") + record(block=http()))
    assert read.pages[0].id == "some/file.warc#1"
