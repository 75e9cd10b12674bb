"""Commands that run a recipe, and that say how far a run is."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text as Styled

from filters.errors import QuarantineError, WorkError
from pipelines.cli.console import err, out, print_json
from pipelines.cli.observing import LogJson, observing
from pipelines.cli.options import (
    Address,
    AsJson,
    EngineName,
    InputBase,
    InputFormatName,
    Inputs,
    Match,
    MemoryPerWorker,
    Output,
    PageLimit,
    RecipeName,
    RunFolder,
    Sets,
    Workers,
    examples,
    recipe_with_input,
    sets_with_memory,
)

if TYPE_CHECKING:
    from pipelines.events import Observer
    from pipelines.pipeline import Outcome, RunOptions
    from pipelines.recipe.model import Recipe

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "cuvee run demo --input crawl/ --output runs/mine",
        "cuvee run demo --input 'crawl/*.warc.gz' --output runs/mine --set gopher_short_doc=30",
    )
)
def run(
    recipe: RecipeName,
    output: Output,
    inputs: Inputs = None,
    sets: Sets = None,
    workers: Workers = None,
    memory_per_worker: MemoryPerWorker = None,
    engine: EngineName = "ray",
    address: Address = None,
    input_base: InputBase = None,
    match: Match = None,
    input_format: InputFormatName = None,
    limit: PageLimit = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Run a recipe from crawl to dataset; the same command again resumes."""
    from pipelines.pipeline import RunOptions

    sets = sets_with_memory(sets, memory_per_worker)
    loaded = recipe_with_input(recipe, sets, inputs, input_format)
    options = RunOptions(workers, engine, address, limit, input_base, match)
    with observing(err if as_json else out, "finding the input", log_json=log_json) as observer:
        outcome = _run(loaded, output, options, observer)
    _show(outcome, as_json=as_json)


@commands.command(epilog=examples("cuvee demo", "cuvee demo --output runs/demo --workers 2"))
def demo(
    output: Output = Path("runs/demo"),
    sets: Sets = None,
    workers: Workers = None,
    memory_per_worker: MemoryPerWorker = None,
    engine: EngineName = "ray",
    address: Address = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Fetch the sample crawl and run the whole FineWeb recipe on it."""
    from pipelines.events import Said
    from pipelines.pipeline import RunOptions
    from pipelines.recipe import load_recipe
    from pipelines.sample import default_folder, fetch_sample_crawl

    console = err if as_json else out
    with observing(console, "fetching the sample crawl", log_json=log_json) as observer:
        crawl = fetch_sample_crawl(default_folder(), lambda line: observer(Said(line)))
        loaded = load_recipe("demo", sets_with_memory(sets, memory_per_worker), [str(crawl.folder)])
        options = RunOptions(workers=workers, engine=engine, address=address)
        outcome = _run(loaded, output, options, observer)
    _show(outcome, as_json=as_json)


def _run(recipe: "Recipe", output: Path, options: "RunOptions", observer: "Observer") -> "Outcome":
    from pipelines.pipeline import run as run_recipe

    try:
        return run_recipe(recipe, output, options, observer)
    except QuarantineError as error:
        raise WorkError(f"{error}: {_same_command()}") from error


def _show(outcome: "Outcome", *, as_json: bool) -> None:
    if as_json:
        print_json(outcome.manifest)
        return
    from pipelines.summary import run_summary

    for part in run_summary(outcome):
        # A command that is to be copied must stay one line, however narrow the terminal.
        out.print(part, soft_wrap=isinstance(part, Styled))


def _same_command() -> str:
    """Return what was typed, to be typed again, without what an address hides."""
    from pipelines.crawl.remote.address import without_secrets

    return shlex.join(["cuvee", *(without_secrets(word) for word in sys.argv[1:])])


@commands.command(epilog=examples("cuvee status runs/demo"))
def status(folder: RunFolder, as_json: AsJson = False) -> None:
    """Say how far a run is: stages, units done, failed and left. Needs no Ray."""
    from pipelines.summary import progress_table, read_status

    found = read_status(folder)
    if as_json:
        print_json(found)
    else:
        out.print(progress_table(folder, found))
