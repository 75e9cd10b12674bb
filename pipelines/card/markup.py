"""Markdown of which nothing comes from elsewhere as anything but text.

File names, addresses and the reasons of other programs' filters are shown in code spans.
"""

from collections.abc import Iterable, Sequence

from pipelines.terminal import harmless


def code(text: str) -> str:
    """Return text from elsewhere so that it is shown as it is and starts nothing of its own."""
    shown = " ".join(harmless(text).replace("`", "'").split())
    return f"`{shown}`" if shown else "–"


def cell(text: str) -> str:
    """Return Markdown so that it stays within its cell of a table: there a bar ends even code."""
    return text.replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()) -> str:
    """Return a table; the columns named in `numbers` stand to the right."""
    rule = ["--:" if name in numbers else "---" for name in head]
    lines = [head, rule, *(tuple(map(cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """Return a list, one line each."""
    return "\n".join(f"- {line}" for line in lines)


def share(part: float, whole: float) -> str:
    """Return a part of a whole as people read it; with nothing to be part of, a dash."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.1f}%" if percent >= 0.1 or not part else f"{percent:.2g}%"  # noqa: PLR2004  one decimal shows it


def size(count: float) -> str:
    """Return bytes in the unit that leaves few digits; decimal, as the Hub has it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004  the next unit
            return f"{count:,.0f} B" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
