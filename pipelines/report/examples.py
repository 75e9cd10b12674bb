"""Pages to read: some of every outcome, with the start of their text.

They come from a few of the ledger's files, so that as few of the files with texts are read,
however large the run is.
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.languages import find_language
from filters.rule import LANGUAGE
from pipelines.audit.cube import literal, value_sql
from pipelines.audit.ledger import Ledger
from pipelines.audit.steps import Plan
from pipelines.page.marker import Marker
from pipelines.page.marks import merged
from pipelines.report.sample import PAGE, rows_as_objects
from pipelines.tables import opened
from pipelines.terminal import harmless

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

MOST_PAGES = 600
MOST_CHARACTERS = 1_500
"""Of one page's text."""
MOST_BYTES = 1_250_000
"""Of all texts together, as they stand in the report."""
_ROWS = 60_000
"""Files are taken until so many rows are read."""
_ROWS_OF_FILE = 30_000
"""More than an ordinary crawl file has."""
_BATCH = 5_000
_MOST_MARKED = 200_000
"""Characters of a text in which marks are looked for."""
_MOST_MARKS = 200
_SEED = 7
_TEXT = ["file_path", "record", "text"]
_FOLDERS = ("documents", "stages/curate/documents")


def draw_pages(
    connection: "DuckDBPyConnection", ledger: Ledger
) -> tuple["pd.DataFrame", list[Path]]:
    """Return up to `MOST_PAGES` pages, as evenly by outcome as there are any, and their files.

    Columns as those of `panel_sample`; `weight` is 0. The same pages every time.
    """
    steps = ledger.plan.steps
    columns = sorted({*PAGE, *(column for step in steps for column in step.columns)})
    files: list[Path] = []
    tables: list[pa.Table] = []
    for path in _shuffled(ledger.files):
        if sum(table.num_rows for table in tables) >= _ROWS:
            break
        files.append(path)
        tables.append(_first_rows(path, columns))
    values = [f"{value_sql(step.rule)} AS v{rank}" for rank, step in enumerate(steps)]
    connection.register("drawn", pa.concat_tables(tables))
    query = f"""
        SELECT {", ".join([*PAGE, "0.0 AS weight", *values])} FROM (
            SELECT *, row_number() OVER (
                PARTITION BY status, stage, rule ORDER BY md5(file_path || '#' || record)
            ) AS turn FROM drawn
            {_where(ledger)}
        ) ORDER BY turn, stage, rule LIMIT {MOST_PAGES}
    """  # noqa: S608  quoted names
    pages = connection.execute(query).df()
    connection.unregister("drawn")
    return rows_as_objects(pages), files


def _where(ledger: Ledger) -> str:
    """Return SQL that leaves the pages in the ledger's language."""
    return "" if ledger.language is None else f"WHERE language = {literal(ledger.language)}"


def _first_rows(path: Path, columns: Sequence[str]) -> pa.Table:
    batches, rows = [], 0
    for batch in pq.ParquetFile(opened(path)).iter_batches(_BATCH, columns=list(columns)):
        batches.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_OF_FILE:
            break
    return pa.Table.from_batches(batches)


def _shuffled(files: Sequence[Path]) -> list[Path]:
    mixed = list(files)
    random.Random(_SEED).shuffle(mixed)  # noqa: S311  a choice of examples, not a secret
    return mixed


def read_texts(
    root: Path, files: Sequence[Path], pages: "pd.DataFrame"
) -> dict[tuple[str, int], str]:
    """Return the stored text of those pages that have one, by file path and record."""
    wanted = set(zip(pages["file_path"], pages["record"], strict=True))
    records = pa.array(sorted({record for _, record in wanted}), pa.int64())
    texts: dict[tuple[str, int], str] = {}
    for path in (found for file in files if (found := _documents(root, file.name))):
        for batch in pq.ParquetFile(opened(path)).iter_batches(_BATCH, columns=_TEXT):
            for row in batch.filter(pc.is_in(batch["record"], records)).to_pylist():
                key = (row["file_path"], row["record"])
                if key in wanted:
                    texts[key] = row["text"]
    return texts


def _documents(root: Path, name: str) -> Path | None:
    """Return the file with a unit's texts: a unit's files have one name in every folder."""
    paths = (root / folder / name for folder in _FOLDERS)
    return next((path for path in paths if path.exists()), None)


def as_examples(
    ledger: Ledger,
    pages: "pd.DataFrame",
    places: Sequence[int],
    texts: dict[tuple[str, int], str],
) -> list[dict[str, Any]]:
    """Return the pages as plain data; `at` is a page's place in the columns (`places`).

    `own` is the comparison that removed the page, with its value, where languages differ in it;
    `text` is cut after `MOST_CHARACTERS`, `chars` is its whole length; text is null where none
    was kept, and once `MOST_BYTES` are reached. `marks` are the parts of it that the rule which
    removed the page has counted: pairs of places in UTF-16, as scripts count.
    """
    marker = Marker(ledger.recipe)
    reads = {(step.stage, step.rule.name): step.columns[0] for step in ledger.plan.steps}
    ranks = {(step.stage, step.rule.name): rank for rank, step in enumerate(ledger.plan.steps)}
    left = MOST_BYTES
    examples = []
    for at, page in zip(places, pages.to_dict("records"), strict=True):
        whole = texts.get((page["file_path"], page["record"]))
        text = None if whole is None else _start(whole)
        size = 0 if text is None else len(json.dumps(text, ensure_ascii=False).encode())
        if size > left:
            text = None
        else:
            left -= size
        examples.append(
            {
                "at": at,
                "host": harmless((page["host"] or "")[:80]),
                "language": page["language"] or "none",
                "lang": _lang(page["language"]),
                "text": text,
                "chars": None if whole is None else len(whole),
                "own": _own(ledger.plan, ranks.get((page["stage"], page["rule"])), page),
                "marks": _marks(
                    marker,
                    whole,
                    text,
                    reads.get((page["stage"], page["rule"])),
                    page["language"],
                ),
            }
        )
    return examples


def _lang(label: str | None) -> str | None:
    """Return what HTML calls a page's language; Han characters look otherwise in `ja` and `zh`."""
    language = find_language(label) if label else None
    return None if language is None else language.short


def _own(plan: Plan, rank: int | None, page: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the comparison that removed a page, where it is another one in another language."""
    rule = None if rank is None else plan.steps[rank].rule
    if rule is None or not rule.others:
        return None
    own, value = rule.of(page["language"]), page[f"v{rank}"]
    if own is None or value is None or value != value:  # noqa: PLR0124  NaN
        return None
    if rule.reads == (LANGUAGE,):
        return {"value": value, "op": "is none of", "constant": 1 + len(rule.others)}
    return {"value": value, "op": own.op, "constant": own.constant}


def _marks(
    marker: Marker, whole: str | None, text: str | None, signal: str | None, language: str | None
) -> list[tuple[int, int]]:
    """Return what a signal has counted in the whole text, as far as its start is shown."""
    if not whole or text is None or signal is None or len(whole) > _MOST_MARKED:
        return []
    ranges = [part for part in merged(marker.marks(whole, signal, language)) if part[0] < len(text)]
    return [
        (_utf16(text, start), _utf16(text, min(end, len(text))))
        for start, end in ranges[:_MOST_MARKS]
    ]


def _utf16(text: str, place: int) -> int:
    return len(text[:place].encode("utf-16-le", "surrogatepass")) // 2


def _start(text: str) -> str:
    """Return the beginning of a text, as far as the last space before the limit."""
    if len(text) <= MOST_CHARACTERS:
        return text
    start = text[:MOST_CHARACTERS]
    space = max(start.rfind(" "), start.rfind("\n"))
    return start[:space] if space > MOST_CHARACTERS // 2 else start
