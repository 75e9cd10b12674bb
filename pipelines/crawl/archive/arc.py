"""How ARC files frame their records: one line, then as many bytes as it says.

Format: Internet Archive, ARC File Format, versions 1.0 and 2.0. The line is
`URL IP date type length` or, with ten fields, `URL IP date type result checksum
location offset filename length`. Lines in real files break this in many ways:
spaces in the URL and the type, the date before the IP, dates of 10 or 18 digits
or none, ten fields announced and five written. So the fields are found by what
they look like, from the IP address on, and never by what the file announces.
"""

import re
from datetime import UTC, datetime

from pipelines.crawl.archive.framing import Framing

_MAX_LINE = 1 << 16
_REACH = 1 << 12
_FIND_REACH = 1 << 14
_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{0,31}:")
_VERSION_BLOCK = b"filedesc:"
_IP = rb"(?P<ip>\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,40}|None|-)"
_FIELDS = tuple(
    re.compile(pattern)
    for pattern in (
        rb" " + _IP + rb" (?P<date>\d{8,18}[A-Za-z]{0,8}) ",
        rb" (?P<date>\d{8,18}) " + _IP + rb" ",
        rb" " + _IP + rb" (?P<date>[0-9A-Za-z]{1,40}) ",
    )
)
_LINE = re.compile(rb"\n" + _URL.pattern)
_LENGTH = re.compile(rb" \d{1,12}\r?")
_DATE = re.compile(r"\d{14}")


def _begins(data: bytes | bytearray, at: int) -> bool:
    end = data.find(b"\n", at, at + _MAX_LINE)
    line = bytes(data[at : end if end >= 0 else at + _MAX_LINE])
    if line.startswith(_VERSION_BLOCK):
        return True
    if not _URL.match(line):
        return False
    # A line that goes on behind what is at hand, or that the file ends in, may still be one.
    return _place(line) is not None or (end < 0 and len(line) < _REACH)


def _find(data: bytearray, after: int, before: int) -> int | None:
    """Find a line that has all it takes: stricter than where a record is expected."""
    for hit in _LINE.finditer(data, max(after - 1, 0), before + _FIND_REACH):
        start = hit.start() + 1
        if start >= before:
            break
        end = data.find(b"\n", start, start + _FIND_REACH)
        length = data.rfind(b" ", start, max(end, start))
        # In this order, and each in time linear in the line: such lines may be made by millions.
        if (
            length > 0
            and _LENGTH.fullmatch(data, length, end)
            and _FIELDS[0].search(data, start, length + 1)
        ):
            return start
    return None


def _place(line: bytes) -> re.Match[bytes] | None:
    """Find the IP address and the date, between the URL and the type."""
    hits = (fields.search(line) for fields in _FIELDS)
    return next((hit for hit in hits if hit), None)


def _parse_line(line: bytes) -> dict[str, str]:
    """Return the line's fields under the names that WARC has for them."""
    line = line.rstrip(b"\r\n")
    place = _place(line)
    url = line[: place.start()] if place else line.partition(b" ")[0]
    rest = line[place.end() :] if place else line
    kind = "arc_header" if line.startswith(_VERSION_BLOCK) else "response"
    fields = {
        "warc-type": kind,
        "warc-target-uri": _text(url),
        "warc-date": _iso_date(_text(place["date"])) if place else "",
        "content-length": _text(rest.rpartition(b" ")[2]),
    }
    return {name: value for name, value in fields.items() if value}


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _iso_date(written: str) -> str:
    """Return a date of 14 digits as WARC writes it; any other as it stands there."""
    if not _DATE.fullmatch(written):
        return written
    try:
        date = datetime.strptime(written, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return written
    return date.strftime("%Y-%m-%dT%H:%M:%SZ")


ARC = Framing(
    begins=_begins,
    reach=_REACH,
    find=_find,
    find_reach=_FIND_REACH,
    header_end=re.compile(rb"\n"),
    max_header=_MAX_LINE,
    parse_header=_parse_line,
    terminator=1,
)
