"""A plan: the sample is drawn, run and made into estimates of the whole."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from filters.errors import WorkError
from pipelines.crawl import CrawlFile, find_inputs, look_at_columns, split_files
from pipelines.crawl.remote.address import without_secrets
from pipelines.events import Observer, Said
from pipelines.fetching import fetch_named
from pipelines.plan.figures import Figures, with_bounded_training
from pipelines.plan.looked import Looked, look, once, unit_size
from pipelines.plan.notes import notes
from pipelines.plan.probe import Probe, probed
from pipelines.plan.sampling import Drawn, PlanOptions, draw_units
from pipelines.plan.survey import CONFIDENCE, Estimate
from pipelines.recipe.model import Recipe

_LEAST_PAGES = 20
_WHOLE_FROM = 1000.0


def make_plan(recipe: Recipe, options: PlanOptions, observer: Observer) -> dict[str, Any]:
    """Run a sample and return estimates of the whole run, as plain data.

    An estimate is `value`, `low` and `high`; the bounds are None where the sample is too
    small for an interval. Nothing is left behind. Raises UsageError for what cannot be done
    as asked, WorkError when no unit of the sample could be done.
    """
    began = time.monotonic()
    where = options.run

    def say(line: str) -> None:
        observer(Said(line))

    fetch_named(recipe, say)
    given = recipe.input, where.input_base, recipe.dump, where.match
    files = find_inputs(*given, recipe.input_format, say)
    recipe = replace(recipe, input=tuple(without_secrets(uri) for uri in recipe.input))
    units = split_files(files, where.part_bytes)
    drawn = draw_units(units, options.sample, options.seed)
    look_at_columns(drawn.files, recipe.read_columns, say, recipe.reads_imported)
    pages = max(options.pages // len(drawn.files), _LEAST_PAGES)
    with probed(recipe, drawn.files, pages, where, observer) as probe:
        facts = _forecast(recipe, options, drawn, probe)
    return {
        "recipe": recipe.recipe,
        "input": _input(files, units),
        **facts,
        "plan_seconds": round(time.monotonic() - began, 1),
    }


def _input(files: Sequence[CrawlFile], units: Sequence[CrawlFile]) -> dict[str, Any]:
    sizes = [unit_size(unit) for unit in units]
    known = [size for size in sizes if size is not None]
    whole = sum(known) if len(known) == len(sizes) else None
    return {"files": len(files), "units": len(units), "bytes": whole}


def _forecast(recipe: Recipe, options: PlanOptions, drawn: Drawn, probe: Probe) -> dict[str, Any]:
    looked = look(probe)
    if not looked:
        unit, why = next(iter(probe.failed.items()))
        raise WorkError(
            f"plan: no unit of the sample could be read; the first, {unit}: {why}\n"
            "  Draw others with --seed, or more with --units."
        )
    survey = drawn.survey(looked)
    figures = Figures(
        survey=survey,
        gave=with_bounded_training(recipe, survey, looked),
        constant=once(probe),
        startup_seconds=probe.startup_seconds,
        workers=options.run.workers or probe.slots,
    )
    return {
        "sample": drawn.facts(looked, options.seed),
        "exact": survey.is_complete,
        "confidence": CONFIDENCE,
        **_yield(figures, looked),
        **_cost(figures, drawn, probe, options.price),
        "notes": notes(recipe, survey, looked, probe.failed, sizes_known=drawn.sizes_known),
    }


def _yield(figures: Figures, looked: Sequence[Looked]) -> dict[str, Any]:
    return {
        "pages": _plain(figures.total("pages")),
        "kept": _plain(figures.kept(sum(unit.pages_read for unit in looked))),
        "tokens": _plain(figures.total("tokens")),
        "text_bytes": _plain(figures.total("text_bytes")),
        "disk_bytes": {name: _plain(size) for name, size in figures.disk().items()},
    }


def _cost(figures: Figures, drawn: Drawn, probe: Probe, price: float | None) -> dict[str, Any]:
    steps = figures.core_hours_by_step()
    page = figures.core_seconds_per_page
    commits = (commit for units in probe.run.commits.values() for commit in units.values())
    return {
        "core_hours": _plain(figures.core_hours),
        "core_hours_by_step": {name: _plain(hours) for name, hours in steps.items()},
        "cpu_hours": _plain(figures.cpu_hours),
        "core_seconds_per_page": None if page is None else _rounded(page),
        "workers": figures.workers,
        "startup_seconds": _rounded(figures.startup_seconds),
        "wall_seconds": _plain(figures.wall_seconds(drawn.largest)),
        "memory_per_worker_bytes": max(commit.peak_bytes for commit in commits),
        "price_per_core_hour": price,
        "money": None if price is None else _plain(figures.core_hours.times(price)),
    }


def _plain(of: Estimate) -> dict[str, float | None]:
    return {name: None if n is None else _rounded(n) for name, n in asdict(of).items()}


def _rounded(number: float) -> float:
    """Return a number with as many digits as could mean something."""
    is_whole = number >= _WHOLE_FROM or number == int(number)
    return round(number) if is_whole else float(f"{number:.6g}")
