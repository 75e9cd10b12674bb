"""Records whose header or length is wrong, and those that are too large."""

import pytest

from pipelines.crawl.archive.records import MAX_RECORD
from tests.pipelines.warc_bytes import HTML, PACKINGS, Read, gzip_each, http, page_record, record

FIRST, LAST = page_record(1), page_record(9)
BOTH = ["http://example.com/1", "http://example.com/9"]


def page_of_length(length: int | str) -> bytes:
    return record(block=http(), length=length, WARC_Target_URI="http://example.com/5")


@pytest.mark.parametrize("pack", [b"".join, gzip_each])
@pytest.mark.parametrize("wrong_by", [-30, -1, 5, 40, 10_000, MAX_RECORD * 9])
def test_a_wrong_length_costs_one_record(pack, wrong_by):
    read = Read(pack([FIRST, page_of_length(len(http()) + wrong_by), LAST]))
    assert read.urls == BOTH
    assert len(read.damages) == 1
    assert read.damages[0].record == 1


@pytest.mark.parametrize("length", ["", "-5", "12e3", "two", "+10", "٣"])
def test_a_length_that_is_no_number_costs_one_record(length):
    read = Read(FIRST + page_of_length(length) + LAST)
    assert read.urls == BOTH
    assert read.reasons == ["bad_header"]


def test_garbage_behind_a_whole_record_is_one_damage():
    read = Read(FIRST + b"rubbish\n" * 40 + LAST)
    assert read.urls == BOTH
    assert read.reasons == ["garbage"]
    assert read.damages[0].offset == len(FIRST)


def test_a_length_that_takes_in_the_closing_newlines_is_forgiven():
    read = Read(FIRST + page_of_length(len(http()) + 3) + LAST)
    assert read.pages[1].body == HTML + b"\r\n\r"
    assert (len(read.pages), read.reasons) == (3, [])


def test_missing_newlines_behind_a_block_are_forgiven():
    assert Read(FIRST.removesuffix(b"\r\n\r\n") + LAST).urls == BOTH
    assert not Read(FIRST.removesuffix(b"\r\n\r\n") + LAST).damages


def test_a_page_about_warc_is_not_taken_apart():
    body = HTML + b"\r\n\r\nWARC/1.0\r\nWARC-Type: response\r\n\r\n" + HTML
    read = Read(page_record(1, body) + LAST)
    assert read.urls == BOTH
    assert read.pages[0].body == body


def test_lines_may_end_in_lf_alone_and_be_folded():
    data = record(newline=b"\n", block=http(), WARC_Target_URI="http://a.de/\n /b", X="é")
    (page,) = Read(data).pages
    assert page.url == "http://a.de/ /b"


def test_header_names_and_versions_may_be_written_otherwise():
    data = FIRST.replace(b"WARC-Target-URI", b"warc-target-uri").replace(b"WARC/1.0", b"WARC/0.18")
    assert Read(data + LAST).urls == BOTH


def test_a_header_without_end_is_damage():
    read = Read(b"WARC/1.0\r\nX: " + b"y" * (2 << 20) + b"\r\n" + LAST)
    assert read.urls == BOTH[1:]
    assert read.reasons == ["bad_header"]


@pytest.mark.parametrize("name", ["plain", "gzip_each", "gzip_whole", "zstd_each"])
def test_a_page_that_is_too_large_is_refused_by_name(name):
    huge = record(
        block=http(bytes(MAX_RECORD)), WARC_Record_ID="<urn:x>", WARC_Target_URI="http://big.de/"
    )
    read = Read(PACKINGS[name]([FIRST, huge, LAST]))
    assert read.urls == BOTH
    (damage,) = read.damages
    assert (damage.reason, damage.id, damage.url) == ("too_large", "<urn:x>", "http://big.de/")


def test_a_record_at_the_limit_is_read_and_one_that_is_no_page_is_counted():
    page = record(block=http(bytes(MAX_RECORD - len(http(b"")))))
    video = record(block=http(bytes(MAX_RECORD), Content_Type="video/mp4"))
    read = Read(gzip_each([page, video, record("resource", bytes(MAX_RECORD + 1)), LAST]))
    assert len(read.pages) == len(BOTH)
    assert read.others == {"response_not_html": 1, "resource": 1}


def test_a_large_record_that_is_cut_off_is_damage():
    huge = gzip_each([record(block=http(bytes(MAX_RECORD + 1)))])
    assert Read(gzip_each([FIRST]) + huge[:-500]).reasons == ["gzip_truncated"]
    read = Read(gzip_each([FIRST, record(length=MAX_RECORD + 1, block=http()), LAST]))
    assert (read.urls, read.reasons) == (BOTH, ["wrong_length"])
