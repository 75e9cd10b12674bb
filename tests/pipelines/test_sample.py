"""The sample crawl: complete, the same on every run, and never half there."""

from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from pipelines.crawl import Page, find_inputs, read_pages
from pipelines.crawl.archive.decode import decode_page
from pipelines.sample import PAGES, fetch_sample_crawl, sample_pages


@pytest.fixture(scope="module")
def pages(sample_crawl) -> list[Page]:
    others: Counter[str] = Counter()
    files = find_inputs([str(sample_crawl)])
    found = [page for file in files for page in read_pages(file, others)]
    assert others == {
        "request": 340,
        "metadata": 338,
        "response_not_html": 123,
        "response_not_200": 48,
        "response_not_http": 43,
        "warcinfo": 12,
        "revisit": 10,
        "resource": 4,
    }
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_page_is_there_with_its_address_and_bytes(pages):
    ours = [(page.url, page.body) for page in pages if page.date.startswith("1970")]
    assert ours == [(page.url, page.html) for page in sample_pages()]
    assert len(ours) == PAGES
    assert len(pages) == PAGES + 159


def test_ids_follow_from_addresses(pages):
    ours = [page for page in pages if page.date.startswith("1970")]
    assert len({page.id for page in ours}) == len({page.url for page in ours}) == 945
    assert all(page.id.startswith("<urn:uuid:") for page in pages)


def test_most_pages_are_utf8_and_the_rest_declares_something(pages):
    sources = Counter(decode_page(page).source for page in pages)
    assert sources == {"valid": 1095, "bom": 10, "meta": 4, "header": 3, "detected": 1}


def test_a_second_reader_agrees(sample_crawl):
    responses = 0
    for path in sorted(sample_crawl.glob("formasaurus-*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, check_digests=True):
                responses += record.rec_type == "response"
                assert (
                    record.rec_type == "warcinfo" or record.http_headers.get_statuscode() == "200"
                )
    assert responses == PAGES


def test_it_is_the_same_bytes_every_time_and_written_once(sample_crawl, tmp_path):
    said: list[str] = []
    sample = fetch_sample_crawl(tmp_path / "again", said.append)
    assert (sample.pages, sample.repeated, len(sample.files)) == (PAGES, 9, 12)
    assert contents(sample.folder) == contents(sample_crawl)
    assert any("MIT" in line for line in said)
    before = {path: path.stat().st_mtime_ns for path in sample.folder.iterdir()}
    assert fetch_sample_crawl(sample.folder) == sample
    assert {path: path.stat().st_mtime_ns for path in sample.folder.iterdir()} == before


@pytest.mark.parametrize("harm", ["missing", "short", "no marker", "broken marker"])
def test_an_incomplete_folder_is_completed(sample_crawl, tmp_path, harm):
    whole = contents(sample_crawl)
    for name, data in whole.items():
        (tmp_path / name).write_bytes(data)
    victim = tmp_path / ("sample.json" if "marker" in harm else "formasaurus-00003.warc.gz")
    if harm in ("missing", "no marker"):
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:100])
    fetch_sample_crawl(tmp_path)
    assert contents(tmp_path) == whole
