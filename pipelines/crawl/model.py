"""What an input consists of: files, and in them pages, rows of text and damage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from filters.signal import Value
from pipelines.crawl.formats import Format


@dataclass(frozen=True, slots=True)
class Found:
    """A file that an input stands for, before it has its place in the input order."""

    uri: str
    """Where the file is: an absolute path, or an address with its scheme."""
    file_path: str
    """The same relative to the input's root, as the ledger has it."""
    size: int | None
    """Bytes as stored; None where a list names files without their size."""
    version: str
    """What tells the file from another of the same size: time of change or ETag; "" if unknown."""
    format: Format
    same_as: str
    """What two names of one file have in common: the path behind links, or the address."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a big file: what begins at byte `start` or later and before `end`."""

    number: int
    """Place among the file's parts, from 0."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Beside:
    """A file that says more of the documents of another, line by line."""

    uri: str
    size: int | None
    """Bytes as stored; None where nobody has asked yet."""
    version: str
    """As that of a `CrawlFile`."""


@dataclass(frozen=True, slots=True)
class CrawlFile:
    """One file of the input, or one part of a big one: the unit of curation."""

    ordinal: int
    """Place in the input order, from 0."""
    uri: str
    """Where the file is: an absolute path, or an address with its scheme."""
    file_path: str
    """The same relative to the input's root, as the ledger has it."""
    dump: str
    size: int | None
    """Bytes as stored; None where a list names files without their size."""
    version: str
    """What tells the file from another of the same size: time of change or ETag; "" if unknown."""
    format: Format
    given: int = 0
    """Which of the inputs that were given it belongs to, from 0."""
    part: Part | None = None
    """The part of the file that this unit is; None for the whole file."""
    first_record: int | None = 0
    """Ordinal in the file of the part's first line; None where it could not be found out."""
    layout: str = "auto"
    """Name of the layout (`pipelines.recipe.layouts`) that the file has."""
    beside: tuple[Beside, ...] = ()
    """Files that bring signals of the file's documents along."""

    @property
    def unit(self) -> str:
        """Name of the unit, for commit records and outputs: ordinal and part; names sort."""
        part = f"-{self.part.number:05d}" if self.part else ""
        return f"{self.ordinal:06d}{part}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the crawl, its body free of HTTP codings but still bytes."""

    record: int
    """Ordinal of the record in its file, from 0, damaged stretches counted."""
    offset: int
    """Byte position in the file: of the record, of its gzip member or zstd frame where packed."""
    id: str
    """WARC-Record-ID as it stands there, brackets included; `file_path#record` without one."""
    url: str
    date: str
    is_text: bool
    """Whether `body` is the text of a WET record; else it is HTML."""
    body: bytes
    content_type: str
    """Declared media type in lower case, without parameters; empty if none was declared."""
    charset: str | None
    """Charset declared in the HTTP header, as written there."""
    identified_type: str | None
    """WARC-Identified-Payload-Type."""
    truncated: str | None
    """WARC-Truncated: why the crawler stopped early."""
    body_note: str | None
    """What did not fit when the HTTP codings were undone."""
    reservations: tuple[tuple[str, str], ...] = ()
    """HTTP headers that may reserve rights (`filters.optout.HEADERS`), each as often as it came."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an input that holds extracted text: Parquet, JSONL or a Hub dataset."""

    record: int
    """Ordinal of the row in its file, from 0."""
    offset: int | None
    """Byte position of the line in an unpacked JSONL file; None elsewhere."""
    id: str
    """The row's own id; `file_path#record` without one."""
    url: str
    date: str
    text: str
    signals: Mapping[str, Value] = field(default_factory=dict)
    """What the input says of the row, by the ledger's columns; what it does not say is left out."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of the file that cannot become a page; `reason` is one word for the ledger.

    `id`, `url` and `date` are known only where a whole record was refused.
    """

    record: int
    offset: int | None
    reason: str
    id: str | None = None
    url: str | None = None
    date: str | None = None


Item: TypeAlias = Page | Row | Damage
"""What gets a row of the ledger."""
