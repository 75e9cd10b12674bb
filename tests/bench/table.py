"""The table that a person reads."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Styled

from pipelines.terminal import harmless
from tests.bench.compare import Compared
from tests.bench.crawl import Prepared
from tests.bench.step import SIDES, Crawl, Measured

_LISTED = 5  # ids of pages that are set apart, by reason
_MEGA = 1e6
_WARMED = (
    "English texts: each half is measured after a warm-up on the other; all else after a third. "
    "url: the mean of 20 passes over the addresses."
)


def report(
    crawls: Mapping[Crawl, Prepared],
    compared: Sequence[Compared],
    scaled: Mapping[int, Sequence[Measured]],
    grown: Mapping[Crawl, Sequence[Measured]],
) -> Iterator[RenderableType]:
    """Yield what was measured: steady state, start, workers, growth, and pages set apart."""
    starts = [one for one in compared if one.step.rows == "first"]
    for kind, crawl in crawls.items():
        size = f"{crawl.pages:,} pages, {crawl.warc_bytes / _MEGA:.1f} MB of WARC"
        steady = [one for one in compared if one.step.crawl == kind and one not in starts]
        if steady:
            yield _steady(steady, crawl, f"Steady state, one core, {kind} crawl: {size}")
    if starts:
        yield _starts(starts)
    if scaled:
        yield _scaling(scaled, crawls["long"])
    if grown:
        yield _growth(grown, crawls)
    crawl = crawls["given"]
    for why, ids in crawl.apart.items():
        named = ", ".join(ids[:_LISTED]) + (", …" if len(ids) > _LISTED else "")
        yield Styled(harmless(f"Set apart, {why}: {len(ids)} page(s): {named}"))


def _steady(compared: Sequence[Compared], crawl: Prepared, title: str) -> Table:
    table = _table(
        title, "step", "side", "CPU ms/page", "wall s", "pages/s", "MB/s", "peak MB",
        "ratio (min-max)", "result",
    )  # fmt: skip
    for one in compared:
        for side in SIDES:
            pages = crawl.pages if one.step.rows == "crawl" else one.rounds[side][0].pages
            shared = one.rounds[side][0].pages / pages if pages else 1
            wall = one.wall(side)
            speed = crawl.warc_bytes / wall / _MEGA if one.step.rows == "crawl" else None
            table.add_row(
                one.step.name if side == SIDES[0] else "",
                one.step.against if side == SIDES[0] else side,
                f"{one.milliseconds(side) * shared:.3f}",
                f"{wall:.2f}",
                f"{pages / wall:,.0f}",
                f"{speed:.1f}" if speed else "",
                f"{one.peak_bytes(side) / _MEGA:.0f}",
                _spread(one.ratios()) if side == SIDES[1] else "",
                _agreement(one) if side == SIDES[1] else "",
            )
    table.caption, table.caption_justify = _WARMED, "left"
    return table


def _starts(compared: Sequence[Compared]) -> Table:
    table = _table("Start, of a new process", "step", "side", "CPU s", "wall s", "ratio (min-max)")
    for one in compared:
        for side in SIDES:
            cpu = median(measured.cpu_seconds for measured in one.rounds[side])
            spread = _spread(one.ratios()) if side == SIDES[1] else ""
            name = one.step.what if side == SIDES[0] else ""
            table.add_row(name, side, f"{cpu:.2f}", f"{one.wall(side):.2f}", spread)
    return table


def _scaling(scaled: Mapping[int, Sequence[Measured]], crawl: Prepared) -> Table:
    table = _table("Whole recipe on Ray, workers warm, as many cores", "workers", "wall s",
                   "pages/s", "speed-up", "CPU ms/page", "peak MB")  # fmt: skip
    walls = {workers: [one.wall_seconds for one in rounds] for workers, rounds in scaled.items()}
    for workers, rounds in scaled.items():
        ratios = [a / b for a, b in zip(walls[min(walls)], walls[workers], strict=True)]
        wall = median(walls[workers])
        cpu = median(one.cpu_seconds for one in rounds)
        peak = max(one.peak_bytes for one in rounds)
        table.add_row(
            str(workers), f"{wall:.1f}", f"{crawl.pages / wall:,.0f}", _spread(ratios),
            f"{1e3 * cpu / crawl.pages:.2f}", f"{peak / _MEGA:.0f}",
        )  # fmt: skip
    return table


def _growth(grown: Mapping[Crawl, Sequence[Measured]], crawls: Mapping[Crawl, Prepared]) -> Table:
    table = _table("Whole recipe, one core, by the number of pages", "crawl", "pages",
                   "wall s", "CPU ms/page", "peak MB", "of the given crawl's")  # fmt: skip
    costs = {
        crawl: [1e3 * one.cpu_seconds / crawls[crawl].pages for one in rounds]
        for crawl, rounds in grown.items()
    }
    for crawl, rounds in grown.items():
        ratios = [b / a for a, b in zip(costs["given"], costs[crawl], strict=True)]
        table.add_row(
            crawl, f"{crawls[crawl].pages:,}", f"{median(one.wall_seconds for one in rounds):.1f}",
            f"{median(costs[crawl]):.2f}",
            f"{max(one.peak_bytes for one in rounds) / _MEGA:.0f}", _spread(ratios),
        )  # fmt: skip
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(columns):
        text = number == 0 or name in ("side", "result")
        table.add_column(name, justify="left" if text else "right", no_wrap=True)
    return table


def _spread(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def _agreement(compared: Compared) -> str:
    counts = compared.agreement()
    others = [f"{count} {what}" for what, count in counts.items() if count and what != "same"]
    return ", ".join([f"{counts['same']} same", *others])
