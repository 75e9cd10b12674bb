"""A look into the first text file of each input: what its columns are taken for.

Done before any work, so that a wrong name is a message and not a ledger of failures.
What cannot be opened or read is passed over here; its unit will say so.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filters.errors import UnitError, UsageError, nearest
from pipelines.crawl.model import CrawlFile
from pipelines.crawl.read import open_file
from pipelines.crawl.remote.address import without_secrets
from pipelines.crawl.text.columns import (
    Chosen,
    choose,
    choose_from_rows,
    listed,
    longest_text,
    names_in,
)
from pipelines.crawl.text.hub_rows import dataset_head
from pipelines.crawl.text.jsonl import read_head
from pipelines.crawl.text.look_beside import check_signals
from pipelines.crawl.text.parquet import has_column, look_into
from pipelines.recipe.layouts import Columns

_MOST = 20  # inputs that are looked into; a recipe may list thousands


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a file has: names of columns, those that the recipe and the guesses lead to, rows."""

    names: Sequence[str]
    chosen: Chosen
    absent: Mapping[str, str]
    """Columns that the recipe names and that are surely not there."""
    rows: Sequence[Mapping[str, Any]]


def look_at_columns(
    files: Sequence[CrawlFile],
    columns: Columns,
    say: Callable[[str], None],
    reads: Sequence[str] = (),
) -> dict[str, dict[str, str]]:
    """Return the columns by `file_path`, of the first text file of each input, and say them.

    Raises UsageError where such a file has no text, or not a column that the recipe names; or
    where it brings none of the signals along that rules read, given by their full names.
    """
    found: dict[str, dict[str, str]] = {}
    for file in _first_ones(files):
        seen = _look(file, columns)
        if seen is None:
            continue
        _check(file, seen)
        check_signals(file, seen.names, reads)
        paths = seen.chosen.paths()
        if paths not in found.values():
            say(_in_words(file, paths))
        found[file.file_path] = paths
    return found


def _first_ones(files: Sequence[CrawlFile]) -> list[CrawlFile]:
    first: dict[int, CrawlFile] = {}
    for file in files:
        if file.format != "crawl":
            first.setdefault(file.given, file)
    return list(first.values())[:_MOST]


def _look(file: CrawlFile, columns: Columns) -> _Seen | None:
    try:
        if file.format == "dataset":
            return _look_into_rows(dataset_head(file), columns)
        with open_file(file) as opened:
            if file.format == "parquet":
                return _look_into_parquet(look_into(opened), columns)
            return _look_into_rows(read_head(opened), columns)
    except UnitError:
        return None


def _look_into_rows(rows: Sequence[Mapping[str, Any]], columns: Columns) -> _Seen | None:
    if not rows:
        return None
    chosen = choose_from_rows(columns, rows)
    names = names_in(rows)
    text = chosen.text
    # Another key may be missing from the first lines and come later.
    absent = {"text": text} if text is not None and text not in names else {}
    return _Seen(names, chosen, absent, rows)


def _look_into_parquet(
    looked: tuple[Any, Sequence[Mapping[str, Any]]] | None, columns: Columns
) -> _Seen | None:
    if looked is None:
        return None
    schema, rows = looked
    chosen = choose(columns, lambda path: has_column(schema, path))
    absent = {field: path for field, path in chosen.paths().items() if not has_column(schema, path)}
    return _Seen(list(dict.fromkeys([*schema.names, *names_in(rows)])), chosen, absent, rows)


def _check(file: CrawlFile, seen: _Seen) -> None:
    place = f"input '{without_secrets(file.uri)}'"
    have = f"Its columns: {_one_line(listed(seen.names))}."
    for field, path in seen.absent.items():
        close = nearest(path, seen.names)
        hint = f"Did you mean '{close}'?  " if close else ""
        way = _one_line(f"{hint}{_set(field, close)}")
        raise UsageError(f"{place} has no column '{path}'.\n  {have}\n  {way}")
    if seen.chosen.text is None:
        name = longest_text(seen.rows)
        hint = f"The longest strings are in '{name}'" if name else "Say which one it is"
        way = _one_line(f"{hint}: {_set('text', name)}")
        raise UsageError(f"{place} has no text column.\n  {have}\n  {way}")


def _set(field: str, name: str | None) -> str:
    return (
        f"--set {shlex.quote(f'columns.{field}={name}')}" if name else f"--set columns.{field}=NAME"
    )


def _in_words(file: CrawlFile, paths: Mapping[str, str]) -> str:
    said = [f"{field} from '{path}'" for field, path in paths.items()]
    lacking = [field for field in ("id", "url", "date") if field not in paths]
    none = f"; no {', no '.join(lacking)}" if lacking else ""
    return _one_line(f"columns of {file.file_path}: {', '.join(said)}{none}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
