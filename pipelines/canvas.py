"""Drawing in SVG: text, bars and lines, without scripts or fonts of its own."""

from collections.abc import Sequence
from html import escape

from pipelines.terminal import harmless

DARK, LIGHT, INK, SOFT = "#7b1e3a", "#e7c3cc", "#2b2326", "#7d7074"
_PAPER = "#fffdfb"
_FONT = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


class Canvas:
    """A picture under way; sizes in pixels. Text of any origin is escaped."""

    def __init__(self, width: int, height: int, title: str) -> None:
        size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        style = f'font-family="{_FONT}" font-size="13"'
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {style}>',
            f"<title>{_shown(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="10" fill="{_PAPER}"/>',
        ]

    def text(
        self,
        x: int,
        y: int,
        content: str,
        *,
        fill: str = INK,
        size: int = 13,
        weight: int = 400,
        anchor: str = "start",
    ) -> None:
        """Write a line of text whose `anchor` stands at `x`, on the base line `y`."""
        self._parts.append(
            f'<text x="{x}" y="{y}" fill="{fill}" font-size="{size}" font-weight="{weight}" '
            f'text-anchor="{anchor}">{_shown(content)}</text>'
        )

    def bar(self, x: float, y: int, width: float, fill: str) -> None:
        """Draw a bar in the row that begins at `y`."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="15" fill="{fill}"/>'
        )

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        *,
        width: float = 1.0,
        dashed: bool = False,
    ) -> None:
        """Draw a line through points."""
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashes = ' stroke-dasharray="4 4"' if dashed else ""
        self._parts.append(
            f'<polyline points="{through}" fill="none" stroke="{colour}" '
            f'stroke-width="{width:g}"{dashes}/>'
        )

    def svg(self) -> str:
        """Return the picture."""
        return "\n".join([*self._parts, "</svg>", ""])


def _shown(text: str) -> str:
    return escape(harmless(text))
