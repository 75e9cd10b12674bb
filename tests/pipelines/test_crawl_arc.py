"""ARC files: well-formed ones of both versions, the ways they break, and what is never lost."""

import gzip
import random
from collections.abc import Iterable

import pytest

from tests.pipelines.warc_bytes import (
    HTML,
    PACKINGS,
    Read,
    gzip_each,
    http,
    page_record,
    record,
)

VERSION_1 = (
    b"1 0 Somebody\nURL IP-address Archive-date Content-type Archive-length\n",
    b"filedesc://some.arc 0.0.0.0 20040501000000 text/plain %d\n",
)
_FIELDS_2 = b"Result-code Checksum Location Offset Filename Archive-length"
VERSION_2 = (
    b"2 0 Somebody\nURL IP-address Archive-date Content-type " + _FIELDS_2 + b"\n",
    b"filedesc://some.arc 0.0.0.0 20040501000000 text/plain 200 - - 0 some.arc %d\n",
)
LINE = "http://example.com/{n} 192.0.2.7 20040501123456 text/html {length}"
LINE_2 = (
    "http://example.com/{n} 192.0.2.7 20040501123456 text/html 200 3f2a - 4711 some.arc {length}"
)
DNS = "dns:example.com 192.0.2.1 20040501123456 text/dns {length}"


def header(version: tuple[bytes, bytes] = VERSION_1) -> bytes:
    block, line = version
    return line % len(block) + block + b"\n"


def entry(number: int, block: bytes | None = None, *, line: str = LINE, off: int = 0) -> bytes:
    """A record: its line, its block, a newline; `off` makes the length wrong."""
    content = http() if block is None else block
    named = line.format(n=number, length=len(content) + off)
    return named.encode("latin-1") + b"\n" + content + b"\n"


def entries(numbers: Iterable[int], line: str = LINE) -> list[bytes]:
    return [entry(number, line=line) for number in numbers]


def numbers(read: Read) -> list[int]:
    return [int(url.rpartition("/")[2]) for url in read.urls]


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize(("version", "line"), [(VERSION_1, LINE), (VERSION_2, LINE_2)])
def test_every_page_of_a_good_file_in_every_packing(pack, version, line):
    read = Read(PACKINGS[pack]([header(version), *entries(range(5), line)]))
    assert numbers(read) == [0, 1, 2, 3, 4]
    assert read.others == {"arc_header": 1}
    assert not read.damages


def test_what_a_page_carries():
    block = http(b"Gr\xfc\xdfe", Content_Type="text/html; charset=iso-8859-1")
    (page,) = Read(header() + entry(7, block)).pages
    assert page.id == "some/file.warc#1"
    assert page.record == 1
    assert page.offset == len(header())
    assert page.url == "http://example.com/7"
    assert page.date == "2004-05-01T12:34:56Z"
    assert page.body == b"Gr\xfc\xdfe"
    assert page.charset == "iso-8859-1"
    assert not page.is_text
    assert page.identified_type is None


def test_what_is_no_page_is_counted_by_its_kind():
    read = Read(
        header()
        + entry(1, http(status=404))
        + entry(2, http(b"\x89PNG", Content_Type="image/png"))
        + entry(3, b"20040501123456\nexample.com. A 192.0.2.7", line=DNS)
        + entry(4)
    )
    assert numbers(read) == [4]
    assert read.others == {
        "arc_header": 1,
        "response_not_200": 1,
        "response_not_html": 1,
        "response_not_http": 1,
    }


@pytest.mark.parametrize(
    ("line", "url", "date"),
    [
        (
            "http://a.com/two words 192.0.2.7 20040501123456 text/html {length}",
            "http://a.com/two words",
            "2004-05-01T12:34:56Z",
        ),
        (
            "http://a.com/ 192.0.2.7 20040501123456 text/html; charset=utf-8 {length}",
            "http://a.com/",
            "2004-05-01T12:34:56Z",
        ),
        ("http://a.com/ 192.0.2.7 2004050112 text/html {length}", "http://a.com/", "2004050112"),
        (
            "http://a.com/ 192.0.2.7 200405011234560001 text/html {length}",
            "http://a.com/",
            "200405011234560001",
        ),
        ("http://a.com/ 192.0.2.7 20041399000000 text/html {length}", None, "20041399000000"),
        ("http://a.com/ 192.0.2.7 a0d1fdddf3165d04 text/html {length}", None, "a0d1fdddf3165d04"),
        (
            "http://a.com/ 20040501123456 192.0.2.7 text/html {length}",
            "http://a.com/",
            "2004-05-01T12:34:56Z",
        ),
        ("http://a.com/ 2001:db8::7 20040501123456 text/html {length}", "http://a.com/", None),
        ("http://a.com/ None 20040501123456 text/html {length}", "http://a.com/", None),
        ("http://a.com/ 192.0.2.7 20040501123456  {length}", "http://a.com/", None),
        (
            "http://a.com/\xfc 192.0.2.7 20040501123456 text/html {length}",
            "http://a.com/\xfc",
            None,
        ),
        ("http://a.com/ 192.0.2.7 20040501123456 text/html {length}\r", "http://a.com/", None),
    ],
)
def test_odd_lines_give_their_page(line: str, url: str | None, date: str | None):
    read = Read(header() + entry(0, line=line) + entry(1))
    assert len(read.pages) == 2
    assert read.pages[0].url == (url or "http://a.com/")
    assert read.pages[0].date == (date or "2004-05-01T12:34:56Z")


def test_the_first_bytes_decide_not_the_name():
    assert Read(header() + entry(0)).pages  # `Read` calls every file some/file.warc
    assert numbers(Read(entry(0) + entry(1))) == [0, 1]  # no version block
    assert Read(b"filedesc://but nothing else").reasons == ["truncated"]
    assert Read(b"http is a protocol\n" * 9).reasons == ["not_warc"]


def test_five_fields_where_ten_are_announced():
    assert numbers(Read(header(VERSION_2) + entry(0) + entry(1, line=LINE_2))) == [0, 1]


def test_no_newline_between_records_and_none_at_the_end():
    joined = b"".join(item.removesuffix(b"\n") for item in entries(range(3)))
    assert numbers(Read(header() + joined)) == [0, 1, 2]


@pytest.mark.parametrize("off", [-9, 9, 100_000])
@pytest.mark.parametrize("pack", ["plain", "gzip_each"])
def test_a_wrong_length_costs_only_its_record(pack: str, off: int):
    read = Read(PACKINGS[pack]([header(), entry(0), entry(1, off=off), entry(2), entry(3)]))
    assert numbers(read) == [0, 2, 3]
    assert read.reasons in (["wrong_length"], ["truncated"])


@pytest.mark.parametrize("length", ["-2046788874", "many", "", "9" * 11])
def test_a_length_that_cannot_be_is_damage(length: str):
    line = LINE.format(n=1, length=length).encode()
    read = Read(header() + entry(0) + line + b"\n" + http() + b"\n" + entry(2))
    assert numbers(read) == [0, 2]
    assert len(read.damages) == 1


def test_a_file_that_ends_in_a_member():
    whole = gzip_each([header(), *entries(range(3))])
    read = Read(whole[:-20])
    assert numbers(read) == [0, 1]
    assert read.reasons == ["gzip_truncated"]


def test_a_file_that_ends_in_a_record():
    read = Read((header() + b"".join(entries(range(3))))[:-20])
    assert numbers(read) == [0, 1]
    assert read.reasons == ["truncated"]


def test_a_damaged_member_costs_only_itself():
    members = [gzip.compress(item, mtime=0) for item in (header(), *entries(range(4)))]
    broken = bytearray(members[2])
    broken[12:20] = b"\xff" * 8
    read = Read(b"".join([*members[:2], bytes(broken), *members[3:]]))
    assert numbers(read) == [0, 2, 3]
    assert read.reasons == ["gzip_corrupt"]


def test_a_first_member_that_is_damaged_does_not_hide_the_format():
    members = [gzip.compress(item, mtime=0) for item in (header(), *entries(range(3)))]
    read = Read(members[0][:-12] + b"".join(members[1:]))
    assert numbers(read) == [0, 1, 2]
    assert len(read.damages) == 1


def test_lines_like_those_of_the_other_format_are_text():
    listing = b"<p>Look:\n" + entry(9) + b"\n" + page_record(9) + b"\n</p>"
    assert numbers(Read(header() + entry(0, http(listing)) + entry(1))) == [0, 1]
    warc = page_record(0, listing) + record("metadata", b"x") + page_record(1)
    assert numbers(Read(warc)) == [0, 1]
    # In a damaged stretch too, once a whole record has said what the file is.
    broken = record(block=http(listing), length=70)
    assert numbers(Read(page_record(0) + broken + page_record(1)))[-1] == 1


def test_a_line_without_an_end_does_not_fill_the_memory():
    endless = b"http://example.com/" + b"a" * (1 << 20)
    read = Read(header() + entry(0) + endless + b"\n" + entry(1))
    assert numbers(read) == [0, 1]
    assert len(read.damages) == 1


@pytest.mark.parametrize("pack", ["plain", "gzip_each", "gzip_whole", "zstd_each"])
def test_random_damage_never_raises_nor_loses_the_count(pack: str):
    chance = random.Random(pack)
    whole = PACKINGS[pack]([header(), *entries(range(12))])
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        read = Read(bytes(data[: chance.randint(1, len(data))]))  # `Read` checks the count
        assert read.items or read.others
        if pack.startswith("gzip"):  # only its checksum tells every flipped byte
            assert all(page.body == HTML for page in read.pages)
