"""Whole runs of several recipes on one crawl, whose pages are read and extracted once for all.

Each recipe's run is what `cuvee run` would have left, in a folder of its own: pages are curated
together, then each run goes on from there by itself.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path

from filters.errors import UsageError
from pipelines.classifiers.signals import pinned
from pipelines.compare.units import Share, curate_together
from pipelines.crawl import CrawlFile, find_inputs, look_at_columns, split_files
from pipelines.curator import asset_digests
from pipelines.driver import Driver
from pipelines.events import Observer, Said
from pipelines.execute import Engine, Task
from pipelines.fetching import fetch_named
from pipelines.hold import held
from pipelines.manifest import open_run_directory
from pipelines.pipeline import RunOptions, run
from pipelines.recipe.model import Recipe
from pipelines.stages import RunContext
from pipelines.stages.curating import curate_tasks
from pipelines.stages.publishing import given_tokenizer
from pipelines.storage import digest

SHARED = "together"
"""Folder, beside those of the recipes, and stage of what was done for all of them."""


@dataclass(frozen=True, slots=True)
class Together:
    """Finished runs of several recipes."""

    runs: Mapping[str, Path]
    """By the recipe's name, in the order that they were asked for."""
    seconds: Mapping[str, float]
    """Wall time of what was done for all (`together`) and of the rest of each run."""
    cpu_seconds: float
    """CPU time of what was done for all."""
    asked: Mapping[str, int]
    """What the recipes asked for, by kind: extractions, texts, edits, signals …"""
    done: Mapping[str, int]
    """How much of that was done: each thing once for a page, however many recipes asked."""


@dataclass(frozen=True, slots=True)
class _Within(RunOptions):
    """Options of runs that share an engine, which is open."""

    open: Engine | None = None

    def opened(self, recipe: Recipe) -> AbstractContextManager[Engine]:  # noqa: ARG002  as its base
        """See `RunOptions`."""
        assert self.open is not None  # noqa: S101  whoever makes these has one
        return nullcontext(self.open)


def run_together(
    recipes: Sequence[Recipe], output: Path, options: RunOptions, observer: Observer
) -> Together:
    """Run every recipe into a folder of its name below `output`, or go on with runs there.

    The first recipe's input, columns and limits are those of all. Raises what `run` raises, and
    UsageError for recipes of the same name.
    """
    for recipe in recipes:
        fetch_named(recipe, lambda line: observer(Said(line)))
    recipes = [pinned(recipe) for recipe in recipes]
    names = [recipe.recipe for recipe in recipes]
    for name, count in Counter([*names, SHARED]).items():
        if count > 1:
            raise UsageError(
                f"compare: two recipes are called '{name}', as their folders would be.\n"
                "  Give one of them another name: recipe: NAME in its file."
            )
    runs = {name: output / name for name in names}
    began = time.monotonic()
    with options.opened(recipes[0]) as engine:
        given = {field.name: getattr(options, field.name) for field in fields(RunOptions)}
        within = _Within(**given, open=engine)
        files = _files(recipes[0], options, observer)
        with ExitStack() as stack:
            for root in (*runs.values(), output / SHARED):
                open_run_directory(root)
                stack.enter_context(held(root))
            asked, cpu = _curate(recipes, runs, output / SHARED, files, within, observer)
        seconds = {SHARED: round(time.monotonic() - began, 2)}
        for recipe in recipes:
            began = time.monotonic()
            run(recipe, runs[recipe.recipe], within, observer)
            seconds[recipe.recipe] = round(time.monotonic() - began, 2)
    return Together(runs, seconds, cpu, _of("asked", asked), _of("done", asked))


def _files(recipe: Recipe, options: RunOptions, observer: Observer) -> list[CrawlFile]:
    def say(line: str) -> None:
        observer(Said(line))

    where = recipe.input, options.input_base, recipe.dump, options.match
    files = find_inputs(*where, recipe.input_format, say)
    look_at_columns(files, recipe.read_columns, say, recipe.reads_imported)
    return split_files(files, options.part_bytes) if options.limit is None else files


def _curate(
    recipes: Sequence[Recipe],
    runs: Mapping[str, Path],
    shared: Path,
    files: Sequence[CrawlFile],
    within: _Within,
    observer: Observer,
) -> tuple[Counter[str], float]:
    """Curate all files for all recipes; return what was asked and done, and its CPU time."""
    assert within.open is not None  # noqa: S101  see `_Within`
    shares: dict[str, list[Share]] = {}
    for recipe in recipes:
        root = runs[recipe.recipe]
        context = RunContext(
            recipe, root, files, asset_digests(recipe), within.limit, within.open, observer
        )
        for task in curate_tasks(context, given_tokenizer(context)):
            shares.setdefault(task.unit, []).append(Share(str(root), task))
    tasks = [
        Task(
            SHARED,
            unit,
            digest([share.task.fingerprint for share in of_unit]),
            curate_together,
            of_unit,
            label=of_unit[0].task.label,
        )
        for unit, of_unit in shares.items()
    ]
    # A file that cannot be done is left to the runs, which say so as they do alone.
    commits = Driver(shared, within.open, observer, len(tasks)).run(SHARED, tasks).values()
    found: Counter[str] = Counter()
    for commit in commits:
        found.update({key: count for key, count in commit.facts.items() if "." in key})
    return found, round(sum(commit.cpu_seconds for commit in commits), 2)


def _of(what: str, found: Counter[str]) -> dict[str, int]:
    prefix = f"{what}."
    return {
        key.removeprefix(prefix): count
        for key, count in sorted(found.items())
        if key.startswith(prefix)
    }
