"""What the reader makes of one file, and whether all that was put into it is accounted for."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from pipelines.crawl import Damage, Page
from pipelines.crawl.archive.decode import decode_page
from pipelines.crawl.archive.records import Record, RecordReader
from pipelines.crawl.archive.warc import read_warc
from tests.broken.made import RECORDS, Broken


@dataclass(slots=True)
class Account:
    """Of one file, or of many."""

    files: int = 0
    records: int = 0
    """Records and damaged stretches that the reader finds."""
    pages: int = 0
    others: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    """Records that are in the file and have neither a row nor a place in a damaged stretch."""
    altered: list[str] = field(default_factory=list)
    """Records that were to be read as they were written, and were not."""

    def add(self, other: "Account") -> None:
        """Add another account to this one."""
        self.files += other.files
        self.records += other.records
        self.pages += other.pages
        self.others.update(other.others)
        self.failed.update(other.failed)
        self.lost += other.lost
        self.altered += other.altered


@dataclass(frozen=True, slots=True)
class Found:
    """A record, or a damaged stretch (which has no id)."""

    offset: int
    id: str | None
    digest: bytes


def account_for(broken: Broken) -> Account:
    """Read a broken file; AssertionError where rows contradict each other."""
    found = find_all(BytesIO(broken.data))
    account = count(BytesIO(broken.data), found)
    account.lost += lost_of(broken.planted, found)
    digests = {one.id: one.digest for one in found if one.id is not None}
    account.altered = [f"{broken.name}: {i}" for i in broken.whole if digests.get(i) != WHOLE[i]]
    if broken.failed is not None:
        assert Counter(broken.failed) == account.failed, (broken.name, account.failed)
    return account


def account_for_foreign(path: Path) -> Account:
    """Read a crawl file that somebody else has made; a second reader says what is in it."""
    with path.open("rb") as file:
        found = find_all(file)
        account = count(file, found)
    starts = {one.offset for one in found} | {0}
    stretches = [
        range(one.offset, after) for one, after in zip(found, _nexts(found, path), strict=True)
        if one.id is None
    ]  # fmt: skip
    account.lost += sum(
        offset not in starts and not any(offset in stretch for stretch in stretches)
        for offset in second_opinion(path)
    )
    return account


def _nexts(found: Sequence[Found], path: Path) -> list[int]:
    return [*(one.offset for one in found[1:]), path.stat().st_size]


def find_all(file: BinaryIO) -> list[Found]:
    """Return what the reader finds, in order; offsets never go back."""
    found = []
    for number, item in enumerate(RecordReader(file)):
        assert item.ordinal == number if isinstance(item, Record) else item.record == number
        found.append(_found(item))
    offsets = [one.offset for one in found]
    assert offsets == sorted(offsets)
    return found


def _found(item: Record | Damage) -> Found:
    if isinstance(item, Damage):
        assert item.reason
        assert item.offset is not None
        return Found(item.offset, None, b"")
    digest = hashlib.sha256(item.block).digest()
    return Found(item.offset, item.headers.get("warc-record-id", ""), digest)


def count(file: BinaryIO, found: Sequence[Found]) -> Account:
    """Read the pages; pages, others and damages together are the records found."""
    others: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    pages, last = 0, -1
    for item in read_warc(file, "", others):
        assert last < item.record < len(found)
        assert item.offset == found[item.record].offset
        last = item.record
        if isinstance(item, Page):
            decode_page(item)
            pages += 1
        else:
            failed[item.reason] += 1
    account = Account(1, len(found), pages, others, failed)
    account.lost = len(found) - pages - others.total() - failed.total()
    return account


def lost_of(planted: Sequence[str], found: Sequence[Found]) -> int:
    """Count planted records that are neither found nor where a damaged stretch is.

    Between two records that were found, a damaged stretch may be any number of them, and a
    record whose id was damaged is one.
    """
    place = {one.id: number for number, one in enumerate(found) if one.id in set(planted)}
    lost = missing = 0
    last = -1
    for name in (*planted, None):
        at = len(found) if name is None else place.get(name)
        if at is None:
            missing += 1
            continue
        between = found[last + 1 : at]
        if all(one.id is not None for one in between):
            lost += max(missing - len(between), 0)
        missing, last = 0, at
    return lost


def second_opinion(path: Path) -> Iterator[int]:
    """Yield the offsets of all records as warcio finds them, until it gives up.

    What it takes for a record at the start of a file that is none begins with the newlines.

    In ARC files it goes on in the middle of a line behind some version blocks: only what it
    finds in WARC files is believed.
    """
    with path.open("rb") as file:
        records = ArchiveIterator(file, no_record_parse=True)
        try:
            for record in records:
                record.raw_stream.read()
                if record.format == "warc":
                    yield records.get_record_offset()
        except (ArchiveLoadFailed, ValueError, OSError):
            return


def _whole() -> dict[str, bytes]:
    found = find_all(BytesIO(b"".join(RECORDS)))
    return {one.id: one.digest for one in found if one.id is not None}


WHOLE = _whole()
"""Digests of the blocks of the records that broken files are made of."""
