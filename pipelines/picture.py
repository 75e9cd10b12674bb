"""A funnel, and the shift between two runs, as pictures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.canvas import DARK, INK, LIGHT, SOFT, Canvas

if TYPE_CHECKING:
    import pandas as pd

_WIDTH, _ROW, _TOP = 940, 22, 74
_RULE, _LABEL, _BAR = 104, 330, 450  # pixels: where rules and bars begin, the longest bar
_COUNTS = (_LABEL + _BAR + 60, _LABEL + _BAR + 120)  # where the counts end


def draw_funnel(manifest: Mapping[str, Any]) -> str:
    """Return an SVG of what each rule removed and what was left after it."""
    removing = [row for row in manifest["funnel"] if row["status"] != "kept" and row["pages"]]
    caption = _caption(manifest)
    canvas = Canvas(_WIDTH, _TOP + _ROW * (len(removing) + 2) + 14, caption)
    canvas.text(20, 32, caption, size=17, weight=600)
    canvas.text(20, 53, "Dark: pages left after the rule. Light: pages it removed.", fill=SOFT)
    left = total = manifest["pages"]
    _row(canvas, 0, "crawled", "", left, 0, total)
    stage = ""
    for index, row in enumerate(removing, start=1):
        left -= row["pages"]
        shown = row["stage"] if row["stage"] != stage else ""
        stage = row["stage"]
        _row(canvas, index, shown, row["rule"], left, row["pages"], total)
    _row(canvas, len(removing) + 1, "kept", "", left, 0, total, weight=600)
    return canvas.svg()


def draw_shift(frame: "pd.DataFrame", name: str, what: str) -> str:
    """Return an SVG of `what` (pages or tokens) in run A and in run B, two bars for each `name`.

    `frame` has columns `<name>, <what>_a, <what>_b`, as the tables of `pipelines.audit.diff`.
    """
    rows = list(zip(frame[name], frame[f"{what}_a"], frame[f"{what}_b"], strict=True))
    scale = _BAR / max([1, *(int(count) for _, *counts in rows for count in counts)])
    title = f"Kept {what} by {name}"
    canvas = Canvas(_WIDTH, _TOP + 2 * _ROW * len(rows) + 14, title)
    canvas.text(20, 32, title, size=17, weight=600)
    canvas.text(20, 53, "Light: in A. Dark: in B.", fill=SOFT)
    for index, (shown, *counts) in enumerate(rows):
        y = _TOP + 2 * _ROW * index
        canvas.text(20, y + 14, str(shown or "(none)"))
        for at, (count, colour) in enumerate(zip(counts, (LIGHT, DARK), strict=True)):
            canvas.bar(_LABEL, y + 16 * at, int(count) * scale, colour)
            canvas.text(_COUNTS[1], y + 14 + 16 * at, f"{int(count):,}", anchor="end")
    return canvas.svg()


def _caption(manifest: Mapping[str, Any]) -> str:
    name = str(manifest["recipe"]["name"])
    counts = f"{name}: {manifest['pages']:,} pages crawled, {manifest['rows']:,} kept"
    tokens = manifest["tokens"]
    return counts if tokens is None else f"{counts}, {tokens:,} tokens"


def _row(
    canvas: Canvas,
    index: int,
    stage: str,
    rule: str,
    left: int,
    removed: int,
    total: int,
    *,
    weight: int = 400,
) -> None:
    y = _TOP + index * _ROW
    scale = _BAR / max(total, 1)
    canvas.text(20, y + 14, stage, fill=SOFT if rule else INK, weight=weight)
    canvas.text(_RULE, y + 14, rule)
    canvas.bar(_LABEL, y, left * scale, DARK)
    canvas.bar(_LABEL + left * scale, y, removed * scale, LIGHT)
    canvas.text(_COUNTS[0], y + 14, f"{left:,}", weight=weight, anchor="end")
    shown = f"−{removed:,}" if removed else ""
    canvas.text(_COUNTS[1], y + 14, shown, fill=SOFT, anchor="end")
