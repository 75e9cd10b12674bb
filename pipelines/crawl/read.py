"""Reading a file of the input: its pages, rows and damaged stretches."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from filters.errors import UnitError
from filters.imported import column_in_row
from pipelines.crawl.archive.warc import read_warc
from pipelines.crawl.model import Beside, CrawlFile, Item
from pipelines.crawl.remote.address import scheme_of, without_secrets
from pipelines.crawl.remote.ask import open_remote
from pipelines.crawl.remote.patience import Traffic
from pipelines.crawl.text.beside import KINDS, with_signals
from pipelines.crawl.text.hub_rows import read_dataset
from pipelines.crawl.text.jsonl import read_jsonl
from pipelines.crawl.text.parquet import read_parquet
from pipelines.recipe.layouts import Columns


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


def open_beside(file: CrawlFile, beside: Beside, traffic: Traffic | None = None) -> BinaryIO:
    """Open a file that brings signals of a file's documents along.

    UnitError when it cannot be opened, with the way to do without it.
    """
    kind = KINDS[file.layout]
    other = replace(file, uri=beside.uri, size=beside.size, version=beside.version)
    try:
        return open_file(other, traffic)
    except UnitError as error:
        fact = str(error).partition("\n")[0].removeprefix("input ").rstrip(".")
        raise UnitError(
            f"input '{without_secrets(file.uri)}' has no {kind.what} beside it: {fact}.\n"
            f"  Put that file there, or do without: --set '{kind.without}'"
        ) from error


def signals_inside(imported: Sequence[str]) -> dict[str, str]:
    """Return the columns of imported signals that stand in the rows themselves, by full name."""
    columns = ((name, column_in_row(name)) for name in imported)
    return {name: column for name, column in columns if column is not None}


def read_pages(
    file: CrawlFile,
    others: Counter[str],
    columns: Columns | None = None,
    traffic: Traffic | None = None,
    imported: Sequence[str] = (),
) -> Iterator[Item]:
    """Yield what gets a row of the ledger; counts all other records in `others`.

    `columns` are the recipe's, for a file that holds text; without them all are guessed.
    `imported` are the full names of signals that the rows are to bring along.
    """
    columns = columns or Columns()
    if file.format == "dataset":
        yield from read_dataset(file, columns)
        return
    with ExitStack() as stack:
        opened = stack.enter_context(open_file(file, traffic))
        if file.format == "crawl":
            yield from read_warc(opened, file.file_path, others)
            return
        inside = signals_inside(imported)
        if file.format == "parquet":
            rows = read_parquet(opened, file, columns, inside)
        else:
            rows = read_jsonl(opened, file, columns, others, inside)
        if file.beside:
            streams = [
                stack.enter_context(open_beside(file, item, traffic)) for item in file.beside
            ]
            rows = with_signals(rows, file, streams, imported, others)
        yield from rows
