"""What a classifier is trained on: texts with a label, from files or from finished runs."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.crawl import CrawlFile, find_inputs
from pipelines.crawl.model import Damage
from pipelines.crawl.read import open_file
from pipelines.crawl.text.columns import choose_from_rows, value_at
from pipelines.crawl.text.lines import read_lines
from pipelines.manifest import check_format, load_manifest
from pipelines.recipe.layouts import Columns
from pipelines.tables import read_rows

LEAST, MOST = 0.0, 5.0
"""Bounds of a numeric label: FineWeb-Edu's scale (arXiv 2406.17557, section 4)."""
_HEAD = 100
_LABELS = ("label", "score", "int_score", "class", "target")
_LANGUAGES = ("language", "lang")
_TWO = 2
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text with what is said of it."""

    text: str
    url: str
    value: float
    """1 for what is looked for and 0 for the rest, or a score from 0 to 5."""
    language: str | None = None


def read_classes(positive: Sequence[str], negative: Sequence[str]) -> list[Labelled]:
    """Return the texts of two classes. UsageError where one of them has none."""
    found = []
    for what, value, names in (("positive", 1.0, positive), ("negative", 0.0, negative)):
        if not names:
            raise UsageError(
                f"there is no --{what}: a classifier learns from two classes.\n"
                f"  Give files of both: --positive FILES --negative FILES, or one file with "
                "--labels."
            )
        texts = [Labelled(*row[:2], value, row[2]) for row in _texts(names)]
        if not texts:
            raise UsageError(f"--{what} {names[0]} holds no text.\n  Name files with some.")
        found += texts
    return found


def read_texts(names: Sequence[str]) -> Iterator[Labelled]:
    """Yield the texts of files, of which nothing is known."""
    return (Labelled(text, url, 0.0, language) for text, url, language, _ in _texts(names))


def read_labels(names: Sequence[str], positive: str | None) -> list[Labelled]:
    """Return the texts of files with a label in every row: numbers, or two words.

    `positive` is the word that is looked for. UsageError for labels that cannot be learnt.
    """
    rows = [row for row in _texts(names) if row[3] is not None]
    where = f"--labels {names[0]}"
    if not rows:
        raise UsageError(
            f"{where} holds no row with a text and a label.\n"
            f"  Rows need a text and one of: {', '.join(_LABELS)}."
        )
    words = sorted({row[3] for row in rows if isinstance(row[3], str)})
    if words:
        of_word = _word_values(where, words, [row[3] for row in rows], positive)
        return [Labelled(row[0], row[1], of_word[row[3]], row[2]) for row in rows]
    found = [Labelled(row[0], row[1], _number(where, row[3]), row[2]) for row in rows]
    if len({item.value for item in found}) == 1:
        raise _one_class(where, str(found[0].value))
    return found


def _word_values(
    where: str, words: list[str], labels: Iterable[Any], positive: str | None
) -> dict[str, float]:
    if not all(isinstance(label, str) for label in labels):
        raise UsageError(f"{where} mixes words and numbers as labels.\n  Use one of them.")
    if len(words) == 1:
        raise _one_class(where, f"'{words[0]}'")
    if positive is None or positive not in words:
        asked = f"--label '{positive}' is none of them" if positive else "--label names none"
        shown = ", ".join(words[:_SHOWN]) + (" …" if len(words) > _SHOWN else "")
        raise UsageError(
            f"{where} has the labels {shown}; {asked}.\n"
            "  Say which is looked for: --label WORD; all others are the rest."
        )
    return {word: float(word == positive) for word in words}


def _one_class(where: str, label: str) -> UsageError:
    return UsageError(
        f"{where} has one class only: every label is {label}.\n"
        "  A classifier learns from two: add rows of the other."
    )


def _number(where: str, label: Any) -> float:
    value = float(label)
    if not (math.isfinite(value) and LEAST <= value <= MOST):
        raise UsageError(
            f"{where} has the label {label}, which is out of range.\n"
            f"  Numbers go from {LEAST:g} to {MOST:g}: 0 and 1 for two classes, else scores."
        )
    return value


_Row = tuple[str, str, str | None, Any]


def _texts(names: Sequence[str]) -> Iterator[_Row]:
    """Yield text, address, language and label of every row that has a text."""
    for name in names:
        path = Path(name)
        if path.suffix == ".txt" and path.is_file():
            lines = path.read_text("utf-8", "replace").splitlines()
            yield from ((line, "", None, None) for line in lines if line.strip())
            continue
        for file in _files(name):
            yield from _chosen(file, _rows(file))


def _files(name: str) -> list[CrawlFile]:
    """Return the files of an input; of a finished run those of its dataset."""
    root = run_folder(name) if "://" not in name or name.startswith("s3://") else None
    if root is not None and root.is_dir() and check_format(root):
        load_manifest(root)  # says that a run has not finished
        name = str(root / "dataset/data")
    return find_inputs([name])


def _rows(file: CrawlFile) -> Iterator[Mapping[str, Any]]:
    """Yield a file's rows as they are; damaged lines are left out."""
    import json

    if file.format == "parquet":
        yield from read_rows(Path(file.uri))
        return
    if file.format != "jsonl":
        raise UsageError(
            f"'{file.uri}' holds no text with labels.\n"
            "  Give .txt (a text a line), JSON lines, Parquet, or the folder of a finished run."
        )
    with open_file(file) as stream:
        for line in read_lines(stream):
            if isinstance(line, Damage) or not line.data.strip():
                continue
            try:
                row = json.loads(line.data)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def _chosen(file: CrawlFile, rows: Iterator[Mapping[str, Any]]) -> Iterator[_Row]:
    head = [row for _, row in zip(range(_HEAD), rows, strict=False)]
    if not head:
        return
    columns = choose_from_rows(Columns(), [dict(row) for row in head])
    if columns.text is None:
        raise UsageError(
            f"'{file.uri}' has no column of text.\n  Call it 'text': {', '.join(head[0])[:200]}"
        )
    for row in (*head, *rows):
        text, url = value_at(row, columns.text), columns.url and value_at(row, columns.url)
        if isinstance(text, str) and text.strip():
            address = url if isinstance(url, str) else ""
            yield text, address, _language(row), _label(row)


def _language(row: Mapping[str, Any]) -> str | None:
    found = next((row[name] for name in _LANGUAGES if isinstance(row.get(name), str)), None)
    return found or None


def _label(row: Mapping[str, Any]) -> str | float | None:
    found = next((row[name] for name in _LABELS if row.get(name) is not None), None)
    if isinstance(found, pa.Scalar):
        found = found.as_py()
    return found if isinstance(found, str | int | float) else None
