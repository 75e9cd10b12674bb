"""Sampled units through the stages of a run, in a temporary folder that is gone afterwards.

Nothing here knows how a page is curated: the units run as they do in a run, and their
commit records say what they gave and cost.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.crawl import CrawlFile, read_pages
from pipelines.curate import CurateJob, curate_file
from pipelines.curator import asset_digests
from pipelines.events import Observer
from pipelines.execute import Task
from pipelines.pipeline import RunOptions
from pipelines.recipe.model import Recipe
from pipelines.stages import RunContext, run_stages
from pipelines.stages.publishing import given_tokenizer
from pipelines.storage import CommitLog

_WARM_UP_PAGES = 20
_PART_LINES = 10_000_000  # more than a part has: lines that nobody counted keep apart


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


@contextmanager
def probed(
    recipe: Recipe, files: Sequence[CrawlFile], pages: int, options: RunOptions, observer: Observer
) -> Iterator[Probe]:
    """Run the stages on at most so many pages of each file, the first ones.

    A file or page that fails does not end this; what the recipe, the engine or the disk
    refuse raises as in a run.
    """
    recipe = replace(recipe, max_failed_units=len(files), max_failed_pages=1.0)
    files = [_with_line_numbers(file) for file in files]
    with tempfile.TemporaryDirectory(prefix="cuvee-plan-") as folder:
        began = time.monotonic()
        with options.opened(recipe) as engine:
            root = Path(folder) / "run"
            root.mkdir()
            run = RunContext(recipe, root, files, asset_digests(recipe), pages, engine, observer)
            _warm_up(run, Path(folder) / "start")
            startup = time.monotonic() - began
            run_stages(run)
        yield Probe(run, engine.slots, startup)


def _warm_up(run: RunContext, root: Path) -> None:
    """Have every worker load what it needs, so that no unit of the sample pays for it."""
    root.mkdir()
    tokenizer = given_tokenizer(run)
    job = CurateJob(
        recipe=run.recipe,
        file=min(run.files, key=lambda file: file.size or 0),
        tokenizer=str(tokenizer) if tokenizer else None,
        limit=_WARM_UP_PAGES,
        extraction="",
    )
    tasks = (Task("start", str(slot), "", curate_file, job) for slot in range(run.engine.slots))
    for _ in run.engine.run(root, tasks):  # a file that cannot be read will say so in its turn
        pass


def _with_line_numbers(file: CrawlFile) -> CrawlFile:
    """Return a part with lines numbered from somewhere: those before it are not counted here."""
    if file.part is None or file.first_record is not None:
        return file
    return replace(file, first_record=file.part.number * _PART_LINES)


def count_pages(file: CrawlFile, recipe: Recipe) -> int:
    """Count a file's pages by reading all of it; errors as `read_pages`."""
    return sum(1 for _ in read_pages(file, Counter(), recipe.read_columns, None, recipe.imported))
