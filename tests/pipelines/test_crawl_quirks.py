"""Foreign crawl files: odd, broken and hostile ones, and a second reader's opinion of the rest."""

from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from pipelines.crawl import find_inputs, read_pages
from pipelines.crawl.archive.decode import decode_page
from pipelines.crawl.archive.records import Record, RecordReader
from tests.pipelines.warc_bytes import Read


@pytest.fixture(scope="module")
def quirks(test_data) -> list[Path]:
    return sorted((test_data / "quirks").iterdir())


def test_every_quirk_is_read_and_accounted_for(quirks):
    found: Counter[str] = Counter()
    for path in quirks:
        read = Read(path.read_bytes())
        assert read.items or read.others, path.name
        found.update(read.others, pages=len(read.pages), damages=len(read.damages))
        for page in read.pages:
            decode_page(page)
    assert found == {
        "pages": 373,
        "damages": 90,
        "request": 387,
        "response_not_html": 248,
        "warcinfo": 114,
        "metadata": 96,
        "resource": 82,
        "revisit": 31,
        "arc_header": 32,
        "response_not_http": 90,
        "response_not_200": 23,
        "unknown": 3,
    }


def test_files_without_damage_are_read_as_a_second_reader_does(quirks):
    compared = 0
    for path in quirks:
        with path.open("rb") as file:
            ours = list(RecordReader(file))
        if all(isinstance(item, Record) for item in ours):
            theirs = _second_opinion(path)
            if theirs is not None and not path.name.startswith(_DERAILED):
                assert _blocks(ours) == theirs, path.name
                compared += 1
    assert compared == 113


# ARC files from whose version block the second reader goes on in the middle of a line.
_DERAILED = ("c73a", "e09a", "e29a", "e79f")


def _blocks(records: list[Record]) -> list[bytes]:
    """Blocks of all records; none of an ARC file's version block, where the second reader errs."""
    return [_kept(record.headers.get("warc-type"), record.block) for record in records]


def _kept(kind: str | None, block: bytes) -> bytes:
    return b"" if kind == "arc_header" else block


def _second_opinion(path: Path) -> list[bytes] | None:
    """Blocks of all records as warcio reads them; None where it gives up."""
    with path.open("rb") as file:
        try:
            records = ArchiveIterator(file, no_record_parse=True)
            return [_kept(record.rec_type, record.raw_stream.read()) for record in records]
        except ArchiveLoadFailed:
            return None


def test_a_real_crawl_is_read_to_the_last_page(test_data):
    others: Counter[str] = Counter()
    files = find_inputs([str(test_data / "crawl")])
    pages = [page for file in files for page in read_pages(file, others)]
    assert len(pages) == 949
    assert not others
    assert Counter(decode_page(page).source for page in pages) == {
        "valid": 921,
        "meta": 22,
        "bom": 5,
        "detected": 1,
    }
