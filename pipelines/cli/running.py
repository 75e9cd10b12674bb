"""Commands that run a recipe, and that say how far a run is."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text as Styled

from filters.errors import QuarantineError, WorkError
from pipelines.cli.console import err, out, print_json
from pipelines.cli.options import (
    Address,
    AsJson,
    EngineName,
    InputBase,
    Inputs,
    Match,
    MemoryPerWorker,
    Output,
    RecipeName,
    RunFolder,
    Sets,
    Workers,
    examples,
    recipe_with_input,
    sets_with_memory,
)

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
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many pages of each crawl file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a recipe from crawl to dataset; the same command again resumes."""
    from pipelines.pipeline import RunOptions

    loaded = recipe_with_input(recipe, sets_with_memory(sets, memory_per_worker), inputs)
    options = RunOptions(workers, engine, address, limit, input_base, match)
    _run(loaded, output, options, as_json=as_json)


@commands.command(epilog=examples("cuvee demo", "cuvee demo --output runs/demo --workers 2"))
def demo(
    output: Output = Path("runs/demo"),
    sets: Sets = None,
    workers: Workers = None,
    memory_per_worker: MemoryPerWorker = None,
    engine: EngineName = "ray",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the sample crawl and run the whole FineWeb recipe on it."""
    from pipelines.pipeline import RunOptions
    from pipelines.recipe import load_recipe
    from pipelines.sample import default_folder, fetch_sample_crawl

    console = err if as_json else out
    crawl = fetch_sample_crawl(default_folder(), lambda line: console.print(line, markup=False))
    loaded = load_recipe("demo", sets_with_memory(sets, memory_per_worker), [str(crawl.folder)])
    options = RunOptions(workers=workers, engine=engine, address=address)
    _run(loaded, output, options, as_json=as_json)


def _run(recipe: Any, output: Path, options: Any, *, as_json: bool) -> None:
    from pipelines.assets import model_file
    from pipelines.pipeline import run as run_recipe
    from pipelines.progress import RunProgress

    console = err if as_json else out
    if recipe.text_gates:  # said here, because fetching it is the first thing that takes a while
        model_file(recipe.language.model, report=lambda line: console.print(line, markup=False))
    progress = RunProgress(console)
    try:
        outcome = run_recipe(recipe, output, options, progress)
    except QuarantineError as error:
        raise WorkError(f"{error}: {_same_command()}") from error
    finally:
        progress.close()
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
