"""Benchmarks whose items a recipe looks for in pages: their files, and tables of their n-grams.

Items are the objects of a JSON lines file, packed or not, or the rows of a Parquet file, on this
machine or in a dataset of the Hub (`hf://datasets/OWNER/NAME[@REVISION]/FILE`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from filters.contamination import GramTable, gram_signal
from filters.errors import UsageError, nearest
from filters.signal import Signal
from pipelines.files import check_unchanged, sha256_of

HUB = "hf://datasets/"
DEFAULT_GRAMS = (13,)
"""GPT-3's and most others' since."""
_NAME_PARTS = 2
_TABLES = 32
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Items that are looked for in pages, and what of them."""

    name: str
    items: str
    """A file, or the address of one on the Hub."""
    fields: tuple[str, ...]
    """Dotted names; what an item says there is its text, one field after the other."""
    ngrams: tuple[int, ...] = DEFAULT_GRAMS
    sha256: str = ""
    """Of the file's bytes."""

    def plain(self) -> dict[str, Any]:
        """Return it as a recipe writes it."""
        return {
            "items": self.items,
            "fields": list(self.fields),
            "ngrams": list(self.ngrams),
            "sha256": self.sha256,
        }

    @property
    def signals(self) -> Mapping[str, Signal]:
        """What is counted in pages, by bare name."""
        made_of = {"items_sha256": self.sha256, "fields": list(self.fields)}
        table = partial(table_of, self)
        found = (gram_signal(self.name, n, made_of, table) for n in self.ngrams)
        return {signal.name: signal for signal in found}


def benchmark_of(items: str, fields: tuple[str, ...], ngrams: tuple[int, ...]) -> Benchmark:
    """Return the benchmark of a file, called as the file is; errors as `items_file`."""
    return Benchmark(Path(items).stem, items, fields, ngrams, sha256_of(items_file(items)))


def own_signals(benchmarks: Sequence[Benchmark]) -> dict[str, Signal]:
    """Return the signals of several benchmarks, by bare name."""
    return {name: signal for each in benchmarks for name, signal in each.signals.items()}


@lru_cache(maxsize=_TABLES)
def table_of(benchmark: Benchmark) -> GramTable:
    """Return a benchmark's table, made once in a process; errors as `read_items`.

    UsageError too where the file is not the one that the recipe means.
    """
    path = items_file(benchmark.items)
    check_unchanged(path, benchmark.sha256, f"benchmarks.{benchmark.name}: {benchmark.items}")
    return GramTable(read_items(path, benchmark.fields), benchmark.ngrams)


def benchmark_facts(benchmarks: Sequence[Benchmark]) -> dict[str, Any]:
    """Return what a run's manifest says of its benchmarks, by name; errors as `table_of`."""
    return {each.name: _facts(each) for each in benchmarks}


def _facts(benchmark: Benchmark) -> dict[str, Any]:
    table = table_of(benchmark)
    return {
        "sha256": benchmark.sha256,
        "items": table.items,
        "ngrams": {str(n): table.grams(n) for n in benchmark.ngrams},
        "short_items": {str(n): table.short(n) for n in benchmark.ngrams},
    }


def short_items(benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Yield a line for each benchmark and n of which items are too short to be found."""
    for each in benchmarks:
        table = table_of(each)
        for n in each.ngrams:
            if short := table.short(n):
                yield (
                    f"benchmarks.{each.name}: {short:,} of {table.items:,} items have fewer than "
                    f"{n} words, so that {n}-grams cannot find them."
                )


def items_file(items: str) -> Path:
    """Return the file on this machine, fetched if it is one of the Hub; UsageError without one."""
    if items.startswith(HUB):
        return _fetch(items)
    path = Path(items)
    if not path.is_file():
        raise UsageError(
            f"benchmarks: there is no file {items}.\n"
            "  Paths are relative to where the command is typed."
        )
    return path


def _fetch(address: str) -> Path:
    """Return a file of a Hub dataset, out of the Hub's cache where it is there."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    parts = address.removeprefix(HUB).split("/")
    if len(parts) <= _NAME_PARTS:
        raise UsageError(
            f"benchmarks: '{address}' is no file of a dataset.\n"
            f"  For example: {HUB}OWNER/NAME/test.jsonl, or {HUB}OWNER/NAME@REVISION/test.jsonl"
        )
    name, _, revision = "/".join(parts[:_NAME_PARTS]).partition("@")
    file = "/".join(parts[_NAME_PARTS:])
    try:
        found = hf_hub_download(name, file, repo_type="dataset", revision=revision or None)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UsageError(
            f"benchmarks: '{address}' cannot be fetched ({type(error).__name__}).\n"
            "  Is the name right, and the Hub reachable? A file on this machine does as well."
        ) from error
    return Path(found)


def read_items(path: Path, fields: Sequence[str]) -> Iterator[str]:
    """Yield the text of every item, its fields one after the other, lists piece by piece.

    UsageError, with the line or row, for what is no object, lacks a field or has no text in it.
    """
    found = False
    for place, item in _parquet(path) if _is_parquet(path) else _lines(path):
        found = True
        yield "\n".join(_text(place, item, field) for field in fields)
    if not found:
        raise UsageError(f"{path}: has no items.\n  One JSON object a line.")


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from pipelines.crawl.model import Damage
    from pipelines.crawl.text.jsonl import parse_line
    from pipelines.crawl.text.lines import read_lines

    found: Mapping[str, Any] | str
    with path.open("rb") as stream:
        for line in read_lines(stream):
            if isinstance(line, Damage):
                place, found = f"{path}:{line.record + 1}", line.reason
            elif line.data.strip():
                place, found = f"{path}:{line.number + 1}", parse_line(line)
            else:
                continue
            if isinstance(found, str):
                raise UsageError(
                    f"{place}: {found.replace('_', ' ')}.\n  One JSON object a line, in UTF-8."
                )
            yield place, found


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow as pa

    from pipelines.tables import read_rows

    try:
        for number, row in enumerate(read_rows(path), start=1):
            yield f"{path}: row {number}", row
    except pa.ArrowException as error:
        raise UsageError(f"{path}: cannot be read as Parquet.\n  Is it whole?") from error


def _text(place: str, item: Mapping[str, Any], field: str) -> str:
    from pipelines.crawl.text.columns import MISSING, names_in, value_at

    value = value_at(item, field)
    if value is MISSING:
        names = names_in([item])
        near = nearest(field, names)
        hint = f"Did you mean '{near}'?  " if near else ""
        some = ", ".join(names[:_SHOWN])
        raise UsageError(f"{place}: the item has no field '{field}'.\n  {hint}It has {some}.")
    pieces = list(_strings(value))
    if not pieces and value not in (None, [], {}):
        raise UsageError(
            f"{place}: the field '{field}' holds no text.\n"
            "  Name fields with text, or with lists or maps of texts."
        )
    return "\n".join(pieces)


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts in a value, at any depth, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
