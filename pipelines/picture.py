"""A funnel, and the shift between two runs, as pictures: SVG, without scripts or own fonts."""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

from pipelines.terminal import harmless

_WIDTH, _ROW, _TOP = 940, 22, 74
_RULE, _LABEL, _BAR = 104, 330, 450  # pixels: where rules and bars begin, the longest bar
_COUNTS = (_LABEL + _BAR + 60, _LABEL + _BAR + 120)  # where the counts end
_LEFT_COLOUR, _REMOVED_COLOUR, _INK, _SOFT = "#7b1e3a", "#e7c3cc", "#2b2326", "#7d7074"
_STYLE = (
    "font-family=\"ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" "
    'font-size="13"'
)


def draw_funnel(manifest: Mapping[str, Any]) -> str:
    """Return an SVG of what each rule removed and what was left after it."""
    removing = [row for row in manifest["funnel"] if row["status"] != "kept" and row["pages"]]
    height = _TOP + _ROW * (len(removing) + 2) + 14
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_STYLE}>',
        f"<title>{_caption(manifest)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#fffdfb"/>',
        _text(20, 32, _caption(manifest), size=17, weight=600),
        _text(20, 53, "Dark: pages left after the rule. Light: pages it removed.", fill=_SOFT),
    ]
    left = total = manifest["pages"]
    parts.append(_row(0, "crawled", "", left, 0, total))
    stage = ""
    for index, row in enumerate(removing, start=1):
        left -= row["pages"]
        shown = row["stage"] if row["stage"] != stage else ""
        stage = row["stage"]
        parts.append(_row(index, shown, row["rule"], left, row["pages"], total))
    parts.append(_row(len(removing) + 1, "kept", "", left, 0, total, weight=600))
    return "\n".join([*parts, "</svg>", ""])


def draw_shift(frame: "pd.DataFrame", name: str, what: str) -> str:
    """Return an SVG of `what` (pages or tokens) in run A and in run B, two bars for each `name`.

    `frame` has columns `<name>, <what>_a, <what>_b`, as the tables of `pipelines.audit.diff`.
    """
    rows = list(zip(frame[name], frame[f"{what}_a"], frame[f"{what}_b"], strict=True))
    scale = _BAR / max([1, *(int(count) for _, *counts in rows for count in counts)])
    height = _TOP + 2 * _ROW * len(rows) + 14
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    title = f"Kept {what} by {name}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_STYLE}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#fffdfb"/>',
        _text(20, 32, title, size=17, weight=600),
        _text(20, 53, "Light: in A. Dark: in B.", fill=_SOFT),
    ]
    for index, (shown, *counts) in enumerate(rows):
        y = _TOP + 2 * _ROW * index
        parts.append(_text(20, y + 14, str(shown or "(none)")))
        for at, (count, colour) in enumerate(
            zip(counts, (_REMOVED_COLOUR, _LEFT_COLOUR), strict=True)
        ):
            parts.append(_bar(_LABEL, y + 16 * at, int(count) * scale, colour))
            parts.append(_text(_COUNTS[1], y + 14 + 16 * at, f"{int(count):,}", anchor="end"))
    return "\n".join([*parts, "</svg>", ""])


def _caption(manifest: Mapping[str, Any]) -> str:
    name = escape(harmless(str(manifest["recipe"]["name"])))
    counts = f"{name}: {manifest['pages']:,} pages crawled, {manifest['rows']:,} kept"
    tokens = manifest["tokens"]
    return counts if tokens is None else f"{counts}, {tokens:,} tokens"


def _row(
    index: int, stage: str, rule: str, left: int, removed: int, total: int, *, weight: int = 400
) -> str:
    y = _TOP + index * _ROW
    scale = _BAR / max(total, 1)
    dark, light = left * scale, removed * scale
    parts = [
        _text(20, y + 14, stage, fill=_SOFT if rule else _INK, weight=weight),
        _text(_RULE, y + 14, rule),
        _bar(_LABEL, y, dark, _LEFT_COLOUR),
        _bar(_LABEL + dark, y, light, _REMOVED_COLOUR),
        _text(_COUNTS[0], y + 14, f"{left:,}", weight=weight, anchor="end"),
        _text(_COUNTS[1], y + 14, f"−{removed:,}" if removed else "", fill=_SOFT, anchor="end"),
    ]
    return "\n".join(parts)


def _bar(x: float, y: int, width: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="15" fill="{fill}"/>'


def _text(
    x: int,
    y: int,
    content: str,
    *,
    fill: str = _INK,
    size: int = 13,
    weight: int = 400,
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{fill}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(harmless(content))}</text>'
    )
