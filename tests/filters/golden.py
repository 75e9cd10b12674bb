"""Golden rows: `tests/golden/*.jsonl`, a text and what is measured on it."""

import json
from pathlib import Path
from typing import Any

from filters.catalog import EDITS, TEXT, resolve
from filters.segment import segmenter
from filters.text import Text

FOLDER = Path(__file__).parents[1] / "golden"

FINEWEB_OPTIONS: dict[str, dict[str, Any]] = {
    "c4_lines": {"terminal_punctuation": False},
    "pii": {},
}


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file; a text written as pairs is those pieces, so often each."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").strip().split("\n")
    found = [json.loads(line) for line in lines]
    for row in found:
        if isinstance(row["text"], list):
            row["text"] = "".join(piece * times for piece, times in row["text"])
    return found


def revision(raw: str, edit: str) -> tuple[str, dict[str, int]]:
    """Return what FineWeb's recipe makes of a text with one edit, and the edit's counts."""
    options = {**EDITS[edit].options, **FINEWEB_OPTIONS.get(edit, {})}
    edited = EDITS[edit].apply(Text(raw, segmenter("en")), options)
    return edited.text, edited.counts


def measure(raw: str, name: str) -> int:
    """Return what a recipe's name measures on an extracted text."""
    edit, dot, bare = name.rpartition(".")
    if not dot:
        edit = TEXT
    signal = resolve(name, [TEXT, edit])
    if edit != TEXT:
        raw, counts = revision(raw, edit)
        if bare in counts:
            return counts[bare]
    assert signal.measure is not None
    return signal.measure(Text(raw, segmenter("en")))
