"""Runs to be published, and what they have to publish."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from tests.pipelines.small_run import do_run, prose
from tests.pipelines.warc_bytes import gzip_each, http, record

FIRST, SECOND, THIRD = "CC-MAIN-2024-10", "CC-MAIN-2024-18", "CC-MAIN-2024-22"


def made_run(folder: Path, recipe: str, dumps: Mapping[str, range], hosts: int = 4) -> Path:
    """Run a recipe on made pages: so many numbered pages in each dump, on so many hosts."""
    crawl = folder / "crawl"
    for dump, numbers in dumps.items():
        (crawl / dump).mkdir(parents=True)
        pages = [_page(number, hosts) for number in numbers]
        (crawl / dump / "a.warc.gz").write_bytes(gzip_each(pages))
    do_run(recipe, crawl, folder / "run")
    return folder / "run"


def _page(number: int, hosts: int) -> bytes:
    sentences = "".join(f"<p>{sentence}</p>" for sentence in prose(number, 14))
    html = f"<!doctype html><html><body><article>{sentences}</article></body></html>"
    return record(
        block=http(html.encode()),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://host{number % hosts}.example/{number}",
    )


def rows_of(root: Path, dump: str = "") -> list[dict]:
    return pq.read_table(root / "dataset/data" / dump, partitioning=None).to_pylist()


def wanted(root: Path) -> dict[str, bytes]:
    """The tables that a run publishes, by the names that they are to have."""
    folder = root / "dataset"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "data").rglob("*.parquet"))
    }


def beside(root: Path) -> int:
    """How many tables lie beside the card; like shards they are large files to the Hub."""
    folders = (root / "dataset", root / "dataset/domains")
    return sum(len(list(folder.glob("*.parquet"))) for folder in folders)
