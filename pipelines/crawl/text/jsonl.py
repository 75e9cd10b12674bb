"""Rows of a JSON lines file: one object a line, packed or plain.

A line that is no object becomes a `Damage`. Python's reader is used as it is: of a key
that comes twice the last counts, and NaN, which Python itself writes, is a number.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, BinaryIO

from filters.errors import UnitError
from pipelines.crawl.model import CrawlFile, Damage, Row
from pipelines.crawl.text.columns import Chosen, choose_from_rows, value_at
from pipelines.crawl.text.lines import Line, read_lines
from pipelines.crawl.text.rows import make_row
from pipelines.recipe.layouts import Columns

BLANK = "blank_line"
"""What a line without anything in it is counted as."""

_HEAD = 100  # lines by which columns are guessed
_HEAD_BYTES = 4 << 20
_BOM = b"\xef\xbb\xbf"


def read_jsonl(
    file: BinaryIO,
    crawl_file: CrawlFile,
    columns: Columns,
    others: Counter[str],
    signals: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Row | Damage]:
    """Yield the rows and damaged lines of a seekable file, or of the part that `crawl_file` is.

    Blank lines are counted in `others`; they have numbers too. Columns that are not
    given are guessed from the file's first lines, in each part alike. `signals` are columns,
    too, by the full names of what is imported from them.
    """
    if crawl_file.first_record is None:
        raise UnitError("the lines before this part of the file could not be counted.")
    chosen = choose_from_rows(columns, read_head(file))
    for line in read_lines(file, crawl_file.part, crawl_file.first_record):
        if isinstance(line, Damage):
            yield line
        elif not line.data.strip():
            others[BLANK] += 1
        else:
            yield _row(line, chosen, crawl_file.file_path, signals)


def read_head(file: BinaryIO) -> list[dict[str, Any]]:
    """Return the objects in the first lines of a seekable file."""
    rows, size = [], 0
    for line in islice(read_lines(file), _HEAD):
        if isinstance(line, Line):
            row = parse_line(line)
            rows += [row] if isinstance(row, dict) else []
            size += len(line.data)
        if size > _HEAD_BYTES:
            break
    return rows


def _row(line: Line, chosen: Chosen, file_path: str, signals: Mapping[str, str]) -> Row | Damage:
    found = parse_line(line)
    if isinstance(found, str):
        return Damage(line.number, line.offset, found)
    paths = {**chosen.paths(), **signals}
    values = {field: value_at(found, path) for field, path in paths.items()}
    return make_row(values, file_path, line.number, line.offset, signals)


def parse_line(line: Line) -> dict[str, Any] | str:
    """Return the line's object, or why there is none."""
    data = line.data if line.number else line.data.removeprefix(_BOM)
    try:
        found = _load(data.decode())
    except UnicodeDecodeError:
        return "not_utf8"
    except RecursionError:
        return "nested_too_deep"
    except json.JSONDecodeError:
        return "not_json"
    return found if isinstance(found, dict) else "not_an_object"


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python makes no number of thousands of digits, but JSON has no limit
        return json.loads(text, parse_int=str)
