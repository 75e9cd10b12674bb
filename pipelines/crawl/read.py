"""Reading a file of the input: its pages, rows and damaged stretches."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from filters.errors import UnitError
from pipelines.crawl.archive.warc import read_warc
from pipelines.crawl.model import CrawlFile, Item
from pipelines.crawl.remote.address import scheme_of
from pipelines.crawl.remote.ask import open_remote
from pipelines.crawl.remote.patience import Traffic
from pipelines.crawl.text.hub_rows import read_dataset
from pipelines.crawl.text.jsonl import read_jsonl
from pipelines.crawl.text.parquet import read_parquet
from pipelines.recipe.model import Columns


def open_file(file: CrawlFile, traffic: Traffic | None = None) -> BinaryIO:
    """Open a file of the input for reading; UnitError when it cannot be opened any more.

    A remote one counts in `traffic` what reading it costs, raises the same error whenever
    it cannot be read on, and is for one thread at a time.
    """
    if scheme_of(file.uri):
        remote = open_remote(file.uri, file.version, file.size, traffic or Traffic())
        return cast("BinaryIO", remote)  # a RawIOBase of which every read is whole
    try:
        return Path(file.uri).open("rb")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnitError(
            f"input '{file.uri}' cannot be opened: {reason}.\n"
            "  Put it back or make it readable, then repeat the command: it resumes."
        ) from error


def read_pages(
    file: CrawlFile,
    others: Counter[str],
    columns: Columns | None = None,
    traffic: Traffic | None = None,
) -> Iterator[Item]:
    """Yield what gets a row of the ledger; counts all other records in `others`.

    `columns` are the recipe's, for a file that holds text; without them all are guessed.
    """
    columns = columns or Columns()
    if file.format == "dataset":
        yield from read_dataset(file, columns)
        return
    with open_file(file, traffic) as opened:
        if file.format == "jsonl":
            yield from read_jsonl(opened, file, columns, others)
        elif file.format == "parquet":
            yield from read_parquet(opened, file, columns)
        else:
            yield from read_warc(opened, file.file_path, others)
