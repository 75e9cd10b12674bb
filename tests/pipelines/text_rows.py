"""Inputs of extracted text for tests, and what becomes of them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.crawl import CrawlFile, Damage, Item, Row, read_pages
from pipelines.crawl.formats import format_of
from pipelines.crawl.model import Part
from pipelines.events import Observer
from pipelines.pipeline import Outcome, RunOptions, run
from pipelines.recipe import Columns, load_recipe
from tests.pipelines.small_run import RECIPE, prose
from tests.pipelines.units import Listener

LENIENT = RECIPE + "max_failed_pages: 1.0\n"


def crawl_file(path: Path, part: Part | None = None, first: int | None = 0) -> CrawlFile:
    return CrawlFile(
        ordinal=0,
        uri=str(path),
        file_path=path.name,
        dump="local",
        size=path.stat().st_size,
        version="",
        format=format_of(path.name),
        part=part,
        first_record=first,
    )


def read(
    path: Path, columns: Columns | None = None, part: Part | None = None, first: int | None = 0
) -> tuple[list[Item], Counter[str]]:
    others: Counter[str] = Counter()
    return list(read_pages(crawl_file(path, part, first), others, columns)), others


def read_items(path: Path) -> Iterator[Item]:
    """Read rows without keeping them."""
    return read_pages(crawl_file(path), Counter())


def told(items: Iterable[Item]) -> list[tuple[int, str]]:
    """Return record and text, or record and reason."""
    return [
        (item.record, item.text if isinstance(item, Row) else f"! {item.reason}")
        for item in items
        if isinstance(item, Row | Damage)
    ]


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def made_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Prose of which some comes again, short texts, blocked addresses, another language."""
    rows = []
    for number in range(count):
        text = "\n".join(prose(seed + number % (count * 3 // 4 + 1)))
        if number % 13 == 5:
            text = "\n".join(prose(number)[:2])
        if number % 17 == 3:
            text = "Der Fluss und das Haus sind still, und niemand weiß, warum es so ist. " * 12
        place = "porn/" if number % 11 == 7 else ""
        url = f"http://host{number % 3}.example/{place}{number}"
        rows.append({"text": text, "id": f"row-{seed}-{number}", "url": url, "date": "2024-05-01"})
    return rows


def run_text(
    folder: Path,
    root: Path,
    recipe: str = LENIENT,
    sets: tuple[str, ...] = (),
    observer: Observer | None = None,
    **options: Any,
) -> Outcome:
    root.parent.mkdir(parents=True, exist_ok=True)
    written = root.parent / f"{root.name}.yaml"
    written.write_text(recipe)
    loaded = load_recipe(str(written), sets, [str(folder)])
    how = RunOptions(engine="inline", **options)
    return run(loaded, root, how, observer or Listener())


def ledger(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return rows
