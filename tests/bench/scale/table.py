"""The table of what was measured, and the exponents."""

import math
from collections.abc import Callable, Iterator, Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Styled

from tests.bench.scale.sides import Measured

_MEGA = 1e6
_COLUMNS: Mapping[str, Callable[[Measured], float]] = {
    "wall s": lambda one: one.wall_seconds,
    "CPU s": lambda one: one.cpu_seconds,
    "peak MB of a task": lambda one: one.peak_bytes / _MEGA,
    "written MB": lambda one: one.written_bytes / _MEGA,
    "shuffled MB": lambda one: one.shuffled_bytes / _MEGA,
}


def report(
    ours: Mapping[int, Measured],
    start: Measured | None,
    rounds: Mapping[int, Measured],
    keys: Mapping[int, float],
    theirs: Mapping[int, Measured],
    added: Mapping[int, Measured],
) -> Iterator[RenderableType]:
    """Yield the scale table, the stages of the largest size, and the comparisons."""
    yield _scale(ours, start, rounds, keys)
    yield _stages(ours[max(ours)])
    for one in rounds.values():
        yield _stages(one)
    if theirs:
        yield _comparison(ours, keys, theirs)
    if added:
        yield _addition(ours, added)
    sides = sum(size in rounds for size in ours) + sum(size in theirs for size in ours)
    yield Styled(f"Same cluster for every document in {sides} comparison(s).")


def _scale(
    ours: Mapping[int, Measured],
    start: Measured | None,
    rounds: Mapping[int, Measured],
    keys: Mapping[int, float],
) -> Table:
    last = ("clusters", "largest", "before: CPU s for keys")
    table = table_of("From band keys to labels", "documents", *_COLUMNS, *last)
    for documents, one in ours.items():
        found = (f"{one.clusters:,}", f"{one.largest:,}", f"{keys[documents]:.2f}")
        table.add_row(f"{documents:,}", *_figures(one), *found)
    for documents, one in rounds.items():
        name = f"{documents:,}, star rounds"
        table.add_row(name, *_figures(one), f"{one.clusters:,}", f"{one.largest:,}")
    if start is not None:
        table.add_row(f"{start.documents:,} (start)", *_figures(start))
    if len(ours) > 1:
        fitted = [exponent(ours, start, column) for column in _COLUMNS.values()]
        table.add_row("exponent", *(f"{value:.3f}" if value else "" for value in fitted))
    return table


def _figures(one: Measured) -> list[str]:
    return [f"{column(one):,.1f}" for column in _COLUMNS.values()]


def exponent(
    ours: Mapping[int, Measured], start: Measured | None, column: Callable[[Measured], float]
) -> float | None:
    """Return the slope of a line through the logarithms, start-up subtracted; least squares.

    None where a figure is not above that of starting up, as memory may be.
    """
    idle = column(start) if start else 0.0
    rest = [column(one) - idle for one in ours.values()]
    if min(rest) <= 0:
        return None
    xs, ys = [math.log(size) for size in ours], [math.log(value) for value in rest]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread


def _stages(one: Measured) -> Table:
    title = f"By stage, {one.documents:,} documents"
    table = table_of(title, "stage", "units", "CPU s", "peak MB", "rows", "MB written")
    for stage, facts in one.stages.items():
        table.add_row(
            stage, f"{facts['units']:,}", f"{facts['cpu_seconds']:.2f}",
            f"{facts['peak_bytes'] / _MEGA:,.0f}", f"{facts['rows']:,}",
            f"{facts['bytes'] / _MEGA:,.1f}",
        )  # fmt: skip
    return table


def _comparison(
    ours: Mapping[int, Measured], keys: Mapping[int, float], theirs: Mapping[int, Measured]
) -> Table:
    """Return the comparison; to ours counts what makes band keys of signatures, too."""
    table = table_of(
        "Beside datatrove's bucket and cluster stages", "documents", "side", "CPU s", "wall s",
        "peak MB", "written MB", "clusters", "ratio of CPU",
    )  # fmt: skip
    for documents, one in theirs.items():
        buckets = one.stages["buckets"]["cpu_seconds"]
        ours_seconds = ours[documents].cpu_seconds + keys[documents]
        rows = [
            (f"datatrove (buckets {buckets:.1f} s)", one, one.cpu_seconds),
            (f"cuvee (keys {keys[documents]:.1f} s)", ours[documents], ours_seconds),
        ]
        ratio = one.cpu_seconds / ours_seconds
        for side, measured, seconds in rows:
            table.add_row(
                f"{documents:,}", side, f"{seconds:.1f}",
                f"{measured.wall_seconds:.1f}", f"{measured.peak_bytes / _MEGA:,.0f}",
                f"{measured.written_bytes / _MEGA:,.0f}", f"{measured.clusters:,}",
                f"{ratio:.1f}" if measured is not one else "",
            )  # fmt: skip
    return table


def _addition(ours: Mapping[int, Measured], added: Mapping[int, Measured]) -> Table:
    title = "The last tenth against the run of the others"
    table = table_of(title, "documents", "CPU s", "all together", "share")
    for documents, one in added.items():
        whole = ours[documents].cpu_seconds
        table.add_row(
            f"{documents:,}", f"{one.cpu_seconds:.1f}", f"{whole:.1f}",
            f"{one.cpu_seconds / whole:.2f}",
        )  # fmt: skip
    return table


def table_of(title: str, *columns: str) -> Table:
    """Return an empty table whose first column is text and whose others are figures."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(columns):
        is_text = number == 0 or name in ("side", "derived from")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=number == 0)
    return table
