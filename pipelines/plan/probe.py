"""Sampled units through the stages of a run, with what each of them cost.

Everything happens in a temporary folder that is gone afterwards; nothing here knows how
a page is curated.
"""

import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pipelines.crawl import CrawlFile
from pipelines.curate import CurateJob, curate_file
from pipelines.curator import asset_digests
from pipelines.driver import Observer
from pipelines.execute import Engine, Failure, Task, Work, open_engine
from pipelines.pipeline import RunOptions
from pipelines.recipe.model import Recipe
from pipelines.stages import RunContext, run_stages
from pipelines.stages.publishing import given_tokenizer
from pipelines.storage import Attempt, Commit, CommitLog

_WARM_UP_PAGES = 20
_PART_LINES = 10_000_000  # more than a part has: keeps apart the numbers of lines that nobody counted


@dataclass(frozen=True, slots=True)
class Probe:
    """A finished run over the sample, for as long as its folder is there."""

    run: RunContext
    slots: int
    startup_seconds: float
    """Wall time until every worker had done its first pages."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Units of the sample that could not be done, with the reason."""
        failed: Mapping[str, str] = CommitLog(self.run.root).progress()["curate"]["failed"]
        return failed


@dataclass(frozen=True, slots=True)
class Measured:
    """A unit's work, to be done with a look at the clock."""

    work: Work
    argument: Any


def probe(
    recipe: Recipe, files: Sequence[CrawlFile], pages: int, options: RunOptions, observer: Observer
) -> Iterator[Probe]:
    """Run the stages on at most so many pages of each file; yields once, then cleans up.

    A file or page that fails does not end this; errors of the recipe and the engine do.
    """
    recipe = replace(recipe, max_failed_units=len(files), max_failed_pages=1.0)
    files = [_with_line_numbers(file) for file in files]
    with tempfile.TemporaryDirectory(prefix="cuvee-plan-") as folder:
        began = time.monotonic()
        with open_engine(
            options.engine,
            workers=options.workers,
            address=options.address,
            memory=recipe.memory_per_worker,
        ) as engine:
            root = Path(folder) / "run"
            root.mkdir()
            assets = asset_digests(recipe)
            clocked = _Clocked(engine)
            run = RunContext(recipe, root, files, assets, pages, clocked, observer)
            _warm_up(run, Path(folder) / "start")
            startup = time.monotonic() - began
            run_stages(run)
        yield Probe(run, engine.slots, startup)


class _Clocked:
    """An engine on which every unit also says what it cost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.slots = engine.slots

    def run(self, root: Path, tasks: Iterator[Task]) -> Iterator[tuple[Task, Commit | Failure]]:
        """See `Engine`."""
        clocked = (
            replace(task, work=measure, argument=Measured(task.work, task.argument))
            for task in tasks
        )
        for task, outcome in self._engine.run(root, clocked):
            yield replace(task, work=task.argument.work, argument=task.argument.argument), outcome


def measure(attempt: Attempt, job: Measured) -> dict[str, Any]:
    """Do a unit's work; adds to its facts seconds of the clock and of the CPU, and peak memory."""
    wall, cpu = time.perf_counter(), time.process_time()
    facts = job.work(attempt, job.argument)
    spent = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {**facts, "cost": {**spent, "peak": _peak_memory()}}


def _peak_memory() -> int:
    """Return the most bytes that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # of a forked process the system's other number is its parent's
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _warm_up(run: RunContext, root: Path) -> None:
    """Have every worker load what it needs, so that no unit of the sample pays for it."""
    root.mkdir()
    (root / "work").mkdir()
    tokenizer = given_tokenizer(run)
    file = min(run.files, key=lambda file: file.size or 0)
    job = CurateJob(
        recipe=run.recipe,
        file=file,
        tokenizer=str(tokenizer) if tokenizer else None,
        limit=_WARM_UP_PAGES,
        extraction="",
    )
    tasks = (Task("start", f"{slot}", "", curate_file, job) for slot in range(run.engine.slots))
    for _ in run.engine.run(root, tasks):  # what cannot be read will say so in its turn
        pass


def _with_line_numbers(file: CrawlFile) -> CrawlFile:
    """Return a part with lines numbered from somewhere: the ones before it are not counted here."""
    if file.part is None or file.first_record is not None:
        return file
    return replace(file, first_record=file.part.number * _PART_LINES)


def count_pages(file: CrawlFile, recipe: Recipe) -> int:
    """Count a file's pages by reading all of it."""
    from collections import Counter

    from pipelines.crawl import read_pages

    return sum(1 for _ in read_pages(file, Counter(), recipe.columns))
