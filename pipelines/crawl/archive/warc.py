"""The pages of a crawl file.

A page is a response with status 200 whose type is HTML (the type that the
crawler identified, else the declared one, else what the first bytes look like),
or a text record of a WET file. A damaged stretch takes the place of the page
that it may have been. Everything else is counted by kind, so that pages, damages
and others together are the records found.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from pipelines.crawl.archive.http_body import Response, TooLargeError, decode_body, parse_response
from pipelines.crawl.archive.records import Record, RecordReader
from pipelines.crawl.model import Damage, Page

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
OTHER_KINDS = frozenset(
    {
        "warcinfo",
        "arc_header",
        "resource",
        "request",
        "metadata",
        "revisit",
        "conversion",
        "continuation",
        "unknown",
        "response_not_http",
        "response_not_200",
        "response_not_html",
    }
)
"""What a record that is no page is counted as."""

_OK = 200
_SNIFF = 1 << 10
# The tags of the WHATWG MIME Sniffing standard, section 7.1.
_LOOKS_LIKE_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]*<(?:!doctype html|html|head|script|iframe|h1|div|font|table"
    rb"|a|style|title|b|body|br|p|!--)(?:[ >\r\n\t]|(?<=--))",
    re.IGNORECASE,
)
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]+)""", re.IGNORECASE)


def read_warc(file: BinaryIO, file_path: str, others: Counter[str]) -> Iterator[Page | Damage]:
    """Yield the pages and damaged stretches of a seekable WARC, WET or ARC file, in its order.

    What is neither is counted in `others` under one of `OTHER_KINDS`. Never raises
    for what is in the file; an empty one and one of another format are one `Damage`.
    """
    for record in RecordReader(file):
        found = record if isinstance(record, Damage) else _judge(record, file_path)
        if isinstance(found, str):
            others[found] += 1
        else:
            yield found


def _judge(record: Record, file_path: str) -> Page | Damage | str:
    """Return the page that a record holds, or the kind that it is counted as."""
    kind = record.headers.get("warc-type", "").lower()
    if kind == "response":
        return _judge_response(record, file_path)
    if kind == "conversion" and _media_type(record.headers) in ("text/plain", ""):
        return _make_page(record, file_path, record.headers, record.block)
    return kind if kind in OTHER_KINDS else "unknown"


def _judge_response(record: Record, file_path: str) -> Page | Damage | str:
    response = parse_response(record.block)
    if response is None:
        return "response_not_http"
    if response.status != _OK:
        return "response_not_200"
    declared = _declared_html(record.headers, response)
    body, note = b"", None
    if declared is not False:
        try:
            body, note = decode_body(response)
        except TooLargeError:
            return _too_large(record, file_path)
    if declared or (declared is None and _LOOKS_LIKE_HTML.match(body[:_SNIFF])):
        page = _make_page(record, file_path, response.headers, body, note=note)
        if response.reservations and isinstance(page, Page):
            return replace(page, reservations=response.reservations)
        return page
    return "response_not_html"


def _declared_html(headers: Mapping[str, str], response: Response) -> bool | None:
    """Whether the identified type, else the declared one, is HTML; None if there is neither."""
    known = _identified(headers) or _media_type(response.headers)
    return known in HTML_TYPES if "/" in known else None


def _identified(headers: Mapping[str, str]) -> str:
    return headers.get("warc-identified-payload-type", "").partition(";")[0].strip().lower()


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].partition(",")[0].strip().lower()


def _make_page(
    record: Record,
    file_path: str,
    typed_by: Mapping[str, str],
    body: bytes,
    *,
    note: str | None = None,
) -> Page | Damage:
    """Make a page; `typed_by` are the headers that declare the body's type."""
    if record.oversize:
        return _too_large(record, file_path)
    charset = _CHARSET.search(typed_by.get("content-type", ""))
    return Page(
        record=record.ordinal,
        offset=record.offset,
        id=_id(record, file_path),
        url=_url(record),
        date=record.headers.get("warc-date", ""),
        is_text=typed_by is record.headers,
        body=body,
        content_type=_media_type(typed_by),
        charset=charset[1] if charset else None,
        identified_type=_identified(record.headers) or None,
        truncated=record.headers.get("warc-truncated") or None,
        body_note=note,
    )


def _too_large(record: Record, file_path: str) -> Damage:
    return Damage(
        record.ordinal,
        record.offset,
        "too_large",
        id=_id(record, file_path),
        url=_url(record),
        date=record.headers.get("warc-date", ""),
    )


def _id(record: Record, file_path: str) -> str:
    return record.headers.get("warc-record-id") or f"{file_path}#{record.ordinal}"


def _url(record: Record) -> str:
    """Return the target address without the angle brackets that some tools put around it."""
    return record.headers.get("warc-target-uri", "").removeprefix("<").removesuffix(">")
