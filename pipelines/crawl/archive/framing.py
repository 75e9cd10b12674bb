"""What tells the records of a crawl format apart: their starts, their headers, their ends."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Framing:
    """How one format writes records one after the other."""

    begins: Callable[[bytes | bytearray, int], bool]
    """Whether a record seems to begin at an index; sees as much as is at hand."""
    reach: int
    """Bytes from a record's start on that `begins` needs."""
    find: Callable[[bytearray, int, int], int | None]
    """Index, from the first given one to before the second, at which a record surely begins in a
    damaged stretch."""
    find_reach: int
    """Bytes from a record's start on that `find` needs."""
    header_end: re.Pattern[bytes]
    max_header: int
    parse_header: Callable[[bytes], Mapping[str, str]]
    """Header as WARC names its fields, names in lower case."""
    terminator: int
    """Newlines that end a record."""
