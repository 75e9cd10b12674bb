"""The audit's figures as pictures: SVG, in the colours of the funnel."""

from collections.abc import Sequence

import pandas as pd

from pipelines.audit.sweep import Sweep
from pipelines.canvas import DARK, INK, LIGHT, SOFT, Canvas

_WIDE = 940
_LABEL, _LONGEST, _NUMBER = 250, 540, 920
_ROW, _TOP = 22, 74
_PLOT = (70, 84, 900, 330)  # left, top, right, bottom of a curve's field


def draw_rules(rules: pd.DataFrame) -> str:
    """Return an SVG of what each rule removed first (light) and what only it removes (dark).

    `rules` are rows of `Audit.rules()`; those that removed nothing are left out.
    """
    rows = rules[rules["removed_pages"] > 0]
    canvas = Canvas(_WIDE, _TOP + _ROW * len(rows) + 14, "What each rule removes")
    canvas.text(20, 32, "What each rule removes", size=17, weight=600)
    canvas.text(20, 53, "Light: removed first. Dark: only this rule would.", fill=SOFT)
    scale = _LONGEST / max(float(rows["removed_pages"].max()), 1.0) if len(rows) else 1.0
    for at, row in enumerate(rows.to_dict("records")):
        y = _TOP + _ROW * at
        only = 0 if pd.isna(row["only_pages"]) else row["only_pages"]
        canvas.text(20, y + 14, row["rule"])
        canvas.bar(_LABEL, y, row["removed_pages"] * scale, LIGHT)
        canvas.bar(_LABEL, y, only * scale, DARK)
        canvas.text(_NUMBER, y + 14, f"{row['removed_pages']:,}, {only:,.0f}", anchor="end")
    return canvas.svg()


def draw_curve(found: Sweep) -> str:
    """Return an SVG of the pages that would pass every rule, over a rule's threshold."""
    title = f"Pages past every rule, by the threshold of {found.rule.name}"
    canvas = Canvas(_WIDE, 390, title)
    canvas.text(20, 32, title, size=17, weight=600)
    canvas.text(20, 53, str(found.rule), fill=SOFT)
    left, top, right, bottom = _PLOT
    curve = found.curve
    most = max(float(curve["pages"].max()), 1.0)
    low, high = float(curve["threshold"].min()), float(curve["threshold"].max())
    width = high - low or 1.0

    def across(value: float) -> float:
        return left + (value - low) / width * (right - left)

    points = [
        (across(row.threshold), bottom - row.pages / most * (bottom - top))
        for row in curve.itertuples()
    ]
    canvas.line([(left, bottom), (right, bottom)], SOFT)
    canvas.line(_steps(points), DARK, width=2.5)
    for share in (0.5, 1.0):
        y = bottom - share * (bottom - top)
        canvas.text(left - 8, round(y) + 4, f"{most * share:,.0f}", anchor="end", fill=SOFT)
    for value in (low, high):
        canvas.text(round(across(value)), bottom + 20, f"{value:g}", anchor="middle", fill=SOFT)
    marked = {mark.threshold: mark.who for mark in reversed(found.marks)}
    for threshold, who in marked.items():
        x = across(threshold)
        canvas.line([(x, top), (x, bottom)], INK, dashed=True)
        canvas.text(round(x) + 6, top + 12, f"{who}: {threshold:g}")
    return canvas.svg()


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a line that holds each value until the next threshold."""
    stepped: list[tuple[float, float]] = []
    for at, point in enumerate(points):
        if at:
            stepped.append((point[0], points[at - 1][1]))
        stepped.append(point)
    return stepped
