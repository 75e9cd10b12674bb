"""A plan as a person reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Styled

from pipelines.terminal import harmless

_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000.0
_LEAST_SHARE = 0.01
_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def plan_parts(plan: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what is shown of a plan that `make_plan` has returned."""
    yield Styled(_heading(plan))
    yield ""
    yield _table(plan)
    yield ""
    for note in plan["notes"]:
        yield Styled(harmless(f"- {note}"))


def _heading(plan: Mapping[str, Any]) -> str:
    given, sample = plan["input"], plan["sample"]
    size = f", {_size(given['bytes'])}" if given["bytes"] is not None else ""
    files = f"{given['files']:,} file(s)" + (
        f" in {given['units']:,} units" if given["units"] != given["files"] else ""
    )
    return harmless(
        f"{plan['recipe']}: {files}{size}\n"
        f"sample: {sample['units']:,} unit(s) in {sample['strata']} strata, "
        f"{sample['pages']:,} pages, {sample['share']:.2%} of the input, seed {sample['seed']}, "
        f"{plan['plan_seconds']:.0f} s"
    )


def _table(plan: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    interval = "" if plan["exact"] else f"{plan['confidence']:.0%} interval"
    for name in ("", "exactly" if plan["exact"] else "about", interval):
        table.add_column(name, justify="left" if not name else "right")
    for name, cells in _rows(plan):
        style = "dim" if name.startswith(" ") else ""
        table.add_row(*map(Styled, (name, *cells)), style=style)
    return table


def _rows(plan: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    exact = plan["exact"]
    yield "pages", _cells(plan["pages"], _count)
    yield "kept pages" if exact else "kept pages, at most", _cells(plan["kept"], _count)
    yield "tokens", _cells(plan["tokens"], _count)
    yield "core time", _cells(plan["core_hours"], _core_time)
    for name, hours in _main_steps(plan):
        yield f"  {name}", _cells(hours, _core_time)
    if plan["money"] is not None:
        price = plan["price_per_core_hour"]
        yield f"money, {price:g} a core-hour", _cells(plan["money"], _money)
    yield f"wall time, {plan['workers']} worker(s)", _cells(plan["wall_seconds"], _time)
    yield "memory of a worker", (_size(plan["memory_per_worker_bytes"]), "")
    yield "disk", _cells(plan["disk_bytes"]["total"], _size)
    for name, size in plan["disk_bytes"].items():
        if name != "total":
            yield f"  {name}", _cells(size, _size)


def _main_steps(plan: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the steps that matter, and the sum of those that do not."""
    steps: Mapping[str, Mapping[str, Any]] = plan["core_hours_by_step"]
    least = plan["core_hours"]["value"] * _LEAST_SHARE
    yield from ((name, hours) for name, hours in steps.items() if hours["value"] >= least)
    rest = sum(hours["value"] for hours in steps.values() if hours["value"] < least)
    yield "other steps", {"value": rest, "low": None, "high": None}


def _cells(estimate: Mapping[str, Any], shown: Any) -> tuple[str, str]:
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    has_interval = low is not None and high is not None and high > low
    return shown(value), f"{shown(low)} to {shown(high)}" if has_interval else ""


def _count(number: float) -> str:
    return f"{round(number):,}"


def _core_time(hours: float) -> str:
    """Write hours of a core, which are paid by the hour however many there are."""
    return f"{hours:,.1f} core-hours" if hours >= 1 else _time(hours * 3600)


def _money(number: float) -> str:
    return f"{number:,.2f}" if number >= 1 else f"{number:.2g}"


def _time(seconds: float) -> str:
    for length, name in _TIMES:
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {name}"
    return f"{seconds:.2g} s" if seconds < _TIMES[-1][0] else f"{seconds:.0f} s"


def _size(number: float) -> str:
    power = 0
    while number >= _THOUSAND and power < len(_BYTES) - 1:
        number, power = number / _THOUSAND, power + 1
    return f"{number:.3g} {_BYTES[power]}"
