"""Signals of documents that stand in files of their own, line for line beside the documents.

RedPajama-V2 has `{"id", "id_int", "metadata", "quality_signals"}` a line, where the id ends in the
document's row; Dolma `{"id", "attributes"}`, where the id is the document's. A document whose line
is missing, cannot be read or is of another document fails, with that reason: it is never judged by
numbers of another. Lines without a document are counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, BinaryIO

from filters.imported import numbers_in
from pipelines.crawl.model import CrawlFile, Damage, Row
from pipelines.crawl.text.columns import value_at
from pipelines.crawl.text.jsonl import parse_line
from pipelines.crawl.text.lines import Line, read_lines
from pipelines.crawl.text.rows import name_of, unnamed


@dataclass(frozen=True, slots=True)
class Kind:
    """How the files of a layout are that bring signals along."""

    what: str
    """In a message."""
    key: str
    """Where a line has the numbers, by their names."""
    word: str
    """In the ledger's reasons."""
    fits: Callable[[Mapping[str, Any], Row], bool]
    """Whether a line is of a document."""
    without: str
    """What `--set` takes to go on without them."""


def _is_of_row(line: Mapping[str, Any], row: Row) -> bool:
    """Whether the id ends in the row's number, and the address is the same, where both have one."""
    url = value_at(line, "metadata.url")
    same_url = not isinstance(url, str) or not row.url or url == row.url
    return name_of(line.get("id")).rpartition("/")[2] == str(row.record) and same_url


def _is_of_id(line: Mapping[str, Any], row: Row) -> bool:
    return name_of(line.get("id")) == row.id


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "redpajama2": Kind(
            "quality signals",
            "quality_signals",
            "signals",
            _is_of_row,
            "input_format={redpajama2: {signals: false}}",
        ),
        "dolma": Kind("attributes", "attributes", "attributes", _is_of_id, "input_format=dolma"),
    }
)
"""By layout."""


def with_signals(
    rows: Iterator[Row | Damage],
    file: CrawlFile,
    streams: Sequence[BinaryIO],
    imported: Sequence[str],
    others: Counter[str],
) -> Iterator[Row | Damage]:
    """Yield the rows of a whole file with their signals, read line by line from `streams`.

    A row whose signals are missing (`no_signals`), cannot be read (`signals_unreadable`) or are
    of another (`signals_of_another`) is a `Damage`; of Dolma it is `attributes`. Lines behind
    the last document are counted in `others`.
    """
    kind = KINDS[file.layout]
    companions = [_Companion(stream, kind) for stream in streams]
    for row in rows:
        yield _joined(row, companions, kind, file, imported)
    left = sum(companion.count_rest() for companion in companions)
    if left:
        others[f"{kind.word}_without_document"] += left


def _joined(
    row: Row | Damage,
    companions: Sequence["_Companion"],
    kind: Kind,
    file: CrawlFile,
    imported: Sequence[str],
) -> Row | Damage:
    if isinstance(row, Damage):
        return row
    merged: dict[str, Any] = {}
    row_id = row.id
    for companion in companions:
        line = companion.at(row.record)
        if not isinstance(line, str) and not kind.fits(line, row):
            line = f"{kind.word}_of_another"
        if isinstance(line, str):
            return Damage(row.record, row.offset, line, row.id, row.url, row.date)
        merged |= line[kind.key]
        if row.id == unnamed(file.file_path, row.record):
            row_id = name_of(line.get("id")) or row.id
    return replace(row, id=row_id, signals={**row.signals, **numbers_in(merged, imported)})


def _number(line: Line | Damage) -> int:
    return line.number if isinstance(line, Line) else line.record


class _Companion:
    """The lines of one file, asked for by ascending numbers."""

    def __init__(self, stream: BinaryIO, kind: Kind) -> None:
        self._lines = read_lines(stream)
        self._kind = kind

    def at(self, number: int) -> dict[str, Any] | str:
        """Return the object in the line of that number, or why there is none."""
        for line in self._lines:
            if _number(line) >= number:
                return self._parsed(line)
        return f"no_{self._kind.word}"

    def _parsed(self, line: Line | Damage) -> dict[str, Any] | str:
        found = parse_line(line) if isinstance(line, Line) else line.reason
        if isinstance(found, str) or not isinstance(found.get(self._kind.key), dict):
            return f"{self._kind.word}_unreadable"
        return found

    def count_rest(self) -> int:
        """Count the lines that are left and hold something."""
        return sum(1 for line in self._lines if isinstance(line, Line) and line.data.strip())
