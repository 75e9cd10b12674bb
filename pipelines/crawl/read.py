"""Reading a file of the input: its pages, rows and damaged stretches."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filters.errors import UnitError
from pipelines.crawl.model import CrawlFile, Item
from pipelines.crawl.warc import read_warc


def open_file(file: CrawlFile) -> BinaryIO:
    """Open a file of the input for reading; UnitError when it cannot be opened any more."""
    try:
        return Path(file.uri).open("rb")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnitError(
            f"input '{file.uri}' cannot be opened: {reason}.\n"
            "  Put it back or make it readable, then repeat the command: it resumes."
        ) from error


def read_pages(file: CrawlFile, others: Counter[str]) -> Iterator[Item]:
    """Yield what gets a row of the ledger; counts all other records in `others`."""
    with open_file(file) as opened:
        yield from read_warc(opened, file.file_path, others)
