"""Crawl files in every packing, whole and damaged."""

import gzip
import random
import zlib
from io import BytesIO

import pytest
import zstandard
from warcio.archiveiterator import ArchiveIterator

from pipelines.crawl import Damage
from pipelines.crawl.archive import container
from pipelines.crawl.archive.container import _MAX_PIECE, Gap, read_pieces
from pipelines.crawl.archive.records import RecordReader
from tests.pipelines.warc_bytes import (
    HTML,
    PACKINGS,
    Read,
    gzip_each,
    gzip_whole,
    page_record,
    record,
    zstd_each,
)

PAGES = [page_record(number, HTML * (number + 1)) for number in range(6)]
RECORDS = [record("warcinfo", b"software: test\r\n"), *PAGES, record("request", b"GET /")]


@pytest.fixture(params=sorted(PACKINGS))
def packed(request) -> bytes:
    return PACKINGS[request.param](RECORDS)


def test_every_packing_gives_the_same_pages(packed):
    read = Read(packed)
    assert read.urls == [f"http://example.com/{number}" for number in range(6)]
    assert [page.body for page in read.pages] == [HTML * (number + 1) for number in range(6)]
    assert [page.record for page in read.pages] == list(range(1, 7))
    assert read.others == {"warcinfo": 1, "request": 1}
    assert not read.damages


@pytest.mark.parametrize("name", ["gzip_each", "zstd_each", "plain"])
def test_a_record_is_found_at_its_offset(name):
    packed = PACKINGS[name](RECORDS)
    for page in Read(packed).pages:
        assert Read(packed[page.offset :]).pages[0].url == page.url


def test_a_second_reader_finds_the_same_records():
    theirs = [
        (item.rec_type, item.raw_stream.read())
        for item in ArchiveIterator(BytesIO(gzip_each(RECORDS)), no_record_parse=True)
    ]
    ours = [
        (item.headers["warc-type"], item.block)
        for item in RecordReader(BytesIO(gzip_each(RECORDS)))
    ]
    assert ours == theirs


def test_pieces_of_a_bomb_stay_small():
    zeros = bytes(_MAX_PIECE * 40)
    for bomb, most in ((gzip.compress(zeros), _MAX_PIECE), (zstandard.compress(zeros), 1 << 25)):
        sizes = [len(piece.data) for piece in read_pieces(BytesIO(bomb))]
        assert sum(sizes) == len(zeros)
        assert max(sizes) <= most


@pytest.mark.parametrize("padding", [b"\0" * 512, b"\r\n" * 3])
def test_padding_at_the_end_is_no_damage(padding):
    packed = gzip_each(RECORDS) + (padding if padding[0] == 0 else gzip.compress(padding))
    assert not Read(packed).damages


def test_zstd_frames_that_are_to_be_skipped_are_skipped():
    skippable = b"\x51\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    read = Read(zstd_each(RECORDS[:3]) + skippable + zstd_each(RECORDS[3:]))
    assert len(read.pages) == len(PAGES)
    assert not read.damages


@pytest.mark.parametrize("name", ["gzip_each", "zstd_each"])
def test_a_damaged_member_costs_only_itself(name):
    pack = PACKINGS[name]
    members = [pack([item]) for item in RECORDS]
    for lost in range(1, 7):
        member = bytearray(members[lost])
        member[len(member) // 2] ^= 0xFF
        read = Read(b"".join([*members[:lost], bytes(member), *members[lost + 1 :]]))
        expected = [f"http://example.com/{number}" for number in range(6) if number != lost - 1]
        assert read.urls == expected
        assert [item.record for item in read.damages] == [lost]
        assert read.damages[0].offset == sum(map(len, members[:lost]))


def test_a_wrong_checksum_is_damage_although_all_bytes_came():
    members = [gzip_each([item]) for item in RECORDS]
    broken = members[2][:-8] + bytes(4) + members[2][-4:]
    read = Read(b"".join([*members[:2], broken, *members[3:]]))
    assert read.reasons == ["gzip_corrupt"]
    assert "http://example.com/1" not in read.urls
    assert len(read.pages) == len(PAGES) - 1


@pytest.mark.parametrize("name", ["gzip_each", "zstd_each"])
def test_garbage_between_members_is_one_damage(name):
    pack = PACKINGS[name]
    read = Read(pack(RECORDS[:3]) + b"rubbish " * 100 + pack(RECORDS[3:]))
    assert len(read.pages) == len(PAGES)
    assert read.reasons == ["garbage"]


def clean_cuts(name: str) -> set[int]:
    """Sizes at which a file may end without anybody noticing: behind a record."""
    if name in ("gzip_whole", "zstd_whole"):
        return set()
    ends = {len(PACKINGS[name](RECORDS[: count + 1])) for count in range(len(RECORDS))}
    # The newlines behind the last record of a plain file are no part of it.
    return {end - extra for end in ends for extra in range(5 if name == "plain" else 1)}


@pytest.mark.parametrize("name", sorted(PACKINGS))
def test_a_file_cut_anywhere_says_so(name):
    packed = PACKINGS[name](RECORDS)
    whole, clean = Read(packed).urls, clean_cuts(name)
    for size in range(1, len(packed)):
        read = Read(packed[:size])
        assert read.urls == whole[: len(read.urls)]
        assert len(read.damages) == (size not in clean), size
        assert not read.damages or read.items[-1] is read.damages[0]


def test_a_single_member_keeps_what_came_before_the_cut():
    whole = gzip_whole(
        [page_record(number, random.Random(number).randbytes(9000)) for number in range(50)]
    )
    read = Read(whole[: len(whole) // 2])
    assert 20 <= len(read.pages) <= 25
    assert read.reasons == ["gzip_truncated"]


def test_members_that_split_records_are_read():
    data = b"".join(RECORDS)
    read = Read(b"".join(gzip.compress(data[at : at + 97]) for at in range(0, len(data), 97)))
    assert len(read.pages) == len(PAGES)
    assert not read.damages


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b"\r\n\r\n", "empty_file"),
        (b"PK\x03\x04 this is something else", "not_warc"),
        (b"\x1f\x8b", "gzip_truncated"),
        (b"\x1f\x8b\x08 no gzip at all", "gzip_corrupt"),
        (gzip.compress(b"some text\nof no interest\n", mtime=0), "not_warc"),
        (b"\x28\xb5\x2f\xfd", "zstd_truncated"),
        (zlib.compress(b"WARC/1.0"), "not_warc"),
    ],
)
def test_what_is_no_crawl_file_is_one_damage(data, reason):
    read = Read(data)
    assert read.items == [Damage(0, read.items[0].offset, reason)]
    assert not read.others


@pytest.mark.parametrize("name", sorted(PACKINGS))
def test_random_damage_never_raises_nor_loses_the_count(name):
    packed = PACKINGS[name](RECORDS)
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(packed)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            kind = chance.randrange(3)
            if kind == 0:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del data[at : at + chance.randint(1, 300)]
            else:
                data[at:at] = chance.randbytes(chance.randint(1, 50))
        Read(bytes(data))  # checks the ordinals itself


def _damaged(rng: random.Random) -> bytes:
    sizes = rng.choices([0, 10, 300, 5000, 70_000], k=3)
    kinds = [lambda n: bytes(rng.choices(b"abcde <>/\n", k=n)), rng.randbytes, lambda n: b"x" * n]
    members = [b"WARC/1.0\r\n" + rng.choice(kinds)(size) for size in sizes]
    packed = bytearray(b"".join(gzip.compress(one, rng.choice([1, 6, 9])) for one in members))
    near_a_head = rng.random() < 0.3
    at = rng.randrange(min(30, len(packed)) if near_a_head else len(packed))
    match rng.choice(["flip", "cut", "remove", "insert", "blank"]):
        case "flip":
            packed[at] ^= 1 << rng.randrange(8)
        case "cut":
            del packed[at:]
        case "remove":
            del packed[at : at + rng.randrange(1, 20)]
        case "insert":
            packed[at:at] = rng.randbytes(rng.randrange(1, 20))
        case "blank":
            packed[at : at + 8] = bytes(8)
    return bytes(packed)


def test_zlib_has_the_last_word_on_damaged_members(monkeypatch):
    """Whatever the quick library makes of a file, what comes out is what zlib alone makes of it."""
    rng = random.Random(9)
    files = [_damaged(rng) for _ in range(300)]
    first = [list(read_pieces(BytesIO(file), b"WARC/")) for file in files]
    whole_member, quick = container._whole_member, []

    def tried_in_vain(raw):
        quick.append(whole_member(raw))

    monkeypatch.setattr(container, "_whole_member", tried_in_vain)
    assert [_joined(read_pieces(BytesIO(file), b"WARC/")) for file in files] == [
        _joined(pieces) for pieces in first
    ]
    assert 300 < sum(found is not None for found in quick) < len(quick) - 100


def _joined(pieces):
    """Put the pieces of each member together; how it was cut says nothing."""
    members = []
    for piece in pieces:
        if isinstance(piece, Gap) or piece.begins:
            members.append(piece if isinstance(piece, Gap) else [piece.offset, piece.data])
        else:
            members[-1][1] += piece.data
    return members
