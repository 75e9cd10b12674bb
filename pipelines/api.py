"""The commands as functions, for notebooks and programs; results are pandas DataFrames.

Columns have Arrow's types (`int64[pyarrow]` …), so that a count stays an integer also
where some pages have none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from rich.console import Console

from filters.errors import UsageError, nearest
from pipelines.audit.diff import Comparison
from pipelines.audit.diff import compare as compare_runs
from pipelines.audit.ledger import open_ledger
from pipelines.bucket.path import run_folder
from pipelines.compare.frames import Compared
from pipelines.compare.overlap import find_overlap
from pipelines.compare.together import run_together
from pipelines.manifest import load_manifest
from pipelines.pages import Wanted, find_pages
from pipelines.pipeline import RunOptions
from pipelines.pipeline import run as run_pipeline
from pipelines.progress import RunProgress
from pipelines.recipe import Recipe, describe_recipes, describe_signals, load_recipe
from pipelines.sample import default_folder, fetch_sample_crawl
from pipelines.summary import read_status
from pipelines.tables import open_folder


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory. What needs a finished run raises UsageError for another."""

    path: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """Everything that the run states: totals, versions, digests, files."""
        return load_manifest(self.path)

    def status(self) -> pd.DataFrame:
        """Return units planned, done and failed by stage, as `cuvee status`; also while it runs."""
        stages = read_status(self.path)["stages"]
        rows = [{**units, "failed": len(units["failed"])} for units in stages.values()]
        return pd.DataFrame(rows, index=pd.Index(stages, name="stage"))

    def funnel(self) -> pd.DataFrame:
        """Return what became of the pages, in the order in which they meet the rules.

        Columns: status, stage, rule, pages, tokens; the kept pages come last.
        """
        return pd.DataFrame(self.manifest["funnel"])

    def ledger(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return one row for every crawled page, all columns or those that are named.

        Here and below UsageError for a column that is not there.
        """
        return self._table("ledger", columns)

    def documents(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the stored text before any edit; of which pages, the recipe's `keep_text` says."""
        return self._table("documents", columns)

    def dataset(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the published rows."""
        return self._table("dataset/data", columns)

    def tokens(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the published rows as token ids."""
        return self._table("tokens", columns)

    def show(self, rule: str | None = None, *, kept: bool = False, n: int = 3) -> pd.DataFrame:
        """Return pages with their text and every measured number, as `cuvee show`.

        Those that `rule` removed, kept ones, or of every outcome; at most `n`.
        UsageError for a rule that removed nothing.
        """
        pages = find_pages(self.path, Wanted(kept, rule), n)
        return pd.DataFrame([{**page.row, **page.signals, "text": page.text} for page in pages])

    def diff(self, other: "Run | str | Path", *, n: int = 3) -> Comparison:
        """Compare with another run on the same crawl, page by page, as `cuvee diff`.

        `n` examples of each difference. UsageError for runs that have no page in common.
        """
        folder = other.path if isinstance(other, Run) else run_folder(other)
        return compare_runs(open_ledger(self.path), open_ledger(folder), examples=n)

    def _table(self, folder: str, columns: Sequence[str] | None) -> pd.DataFrame:
        load_manifest(self.path)
        tables = open_folder(self.path / folder)
        for name in columns or ():
            if name not in tables.schema.names:
                near = nearest(name, tables.schema.names)
                some = f"Did you mean '{near}'?" if near else f"It has {tables.schema.names}."
                raise UsageError(f"{folder} has no column '{name}'.\n  {some}")
        return _frame(tables.to_table(columns=list(columns) if columns is not None else None))

    def _repr_html_(self) -> str:
        """Show the funnel where a notebook shows the run."""
        return str(self.funnel().to_html(index=False, escape=True))


def run(
    recipe: str | Path | Recipe,
    *,
    output: str | Path,
    input: str | Path | Sequence[str | Path] | None = None,  # noqa: A002  as the command says
    set: Mapping[str, Any] | None = None,  # noqa: A002  as the command says
    workers: int | None = None,
    engine: Literal["ray", "inline"] = "ray",
    address: str | None = None,
    limit: int | None = None,
    input_base: str | None = None,
    match: str | None = None,
    input_format: str | None = None,
    progress: bool = True,
) -> Run:
    """Run a recipe from crawl to dataset, as `cuvee run`; the same call again resumes.

    `recipe` is a file, the name of a shipped one, or one that `load_recipe` has returned,
    which takes no `set` and no `input_format`. `set` maps a dotted path, or a rule's bare
    name, to its value.
    Raises UsageError for what cannot be done as asked, WorkError for work that failed.
    """
    loaded = _loaded(recipe, input, set, input_format)
    options = RunOptions(workers, engine, address, limit, input_base, match)
    observer = RunProgress(Console(stderr=True, quiet=not progress))
    try:
        outcome = run_pipeline(loaded, run_folder(output), options, observer)
    finally:
        observer.close()
    return Run(outcome.root)


def compare(
    recipes: Sequence[str | Path | Recipe],
    *,
    output: str | Path,
    input: str | Path | Sequence[str | Path] | None = None,  # noqa: A002  as the command says
    set: Mapping[str, Any] | None = None,  # noqa: A002  as the command says
    workers: int | None = None,
    engine: Literal["ray", "inline"] = "ray",
    limit: int | None = None,
    n: int = 3,
    progress: bool = True,
) -> Compared:
    """Run several recipes on one crawl, as `cuvee compare`; what they share is done once.

    `recipes`, `input` and `set` are as `run` has them. Each recipe's run stays below `output`, in
    a folder of its name, and the same call again resumes; `n` examples of what only one keeps.
    UsageError for fewer than two recipes, and as `run`.
    """
    if len(recipes) < 2:  # noqa: PLR2004  two
        raise UsageError("compare: one recipe alone.\n  Name at least two; recipes() lists them.")
    loaded = [_loaded(recipe, input, set) for recipe in recipes]
    observer = RunProgress(Console(stderr=True, quiet=not progress))
    try:
        options = RunOptions(workers, engine, None, limit)
        ran = run_together(loaded, run_folder(output), options, observer)
    finally:
        observer.close()
    return Compared(ran, find_overlap(ran.runs, n))


def _loaded(
    recipe: str | Path | Recipe,
    given: str | Path | Sequence[str | Path] | None,
    sets: Mapping[str, Any] | None,
    input_format: str | None = None,
) -> Recipe:
    """Return a recipe with its input; a loaded one takes nothing else."""
    several = [given] if isinstance(given, str | Path) else given or ()
    inputs = tuple(str(item) for item in several)
    if isinstance(recipe, Recipe):
        if sets or input_format:
            what = "set" if sets else "input_format"
            raise UsageError(f"run: a loaded recipe takes no {what}.\n  Give it to load_recipe.")
        return replace(recipe, input=inputs or recipe.input)
    changes = [f"{name}={json.dumps(value)}" for name, value in (sets or {}).items()]
    return load_recipe(str(recipe), changes, inputs, input_format)


def load_run(path: str | Path) -> Run:
    """Return the run in a folder or at an address of S3; UsageError where there is none."""
    folder = run_folder(path)
    read_status(folder)
    return Run(folder)


def sample_crawl() -> Path:
    """Return the folder of the sample crawl of 1,113 real pages; fetched at the first use."""
    return fetch_sample_crawl(default_folder()).folder


def signals(recipe: str | Path | None = None) -> pd.DataFrame:
    """Return everything that a rule can read, as `cuvee signals`: name, kind, summary, source.

    With a recipe, also what its own modules and benchmarks measure.
    """
    own = load_recipe(str(recipe)).own_signals if recipe is not None else {}
    return pd.DataFrame([asdict(row) for row in describe_signals(own)])


def recipes() -> pd.DataFrame:
    """Return the shipped recipes, as `cuvee recipes`: name, summary."""
    return pd.DataFrame(describe_recipes().items(), columns=["name", "summary"])


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame
