"""Commands that compare: recipes on one crawl, and two runs."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
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
    PageLimit,
    Sets,
    Workers,
    complete_recipe,
    examples,
    recipe_with_input,
)

commands = typer.Typer()

_RUN = "Folder of a run, or s3://BUCKET/NAME."


@commands.command(
    epilog=examples(
        "cuvee diff runs/demo runs/demo --exact", "cuvee diff runs/demo runs/demo -n 10 --json"
    )
)
def diff(
    folder: Annotated[Path, typer.Argument(metavar="A", parser=run_folder, help=_RUN)],
    other: Annotated[Path, typer.Argument(metavar="B", parser=run_folder, help=_RUN)],
    number: Annotated[
        int, typer.Option("-n", min=0, max=1_000, help="Examples of each difference.")
    ] = 3,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exit with 1 where anything differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two runs on the same crawl, page by page: decisions, texts, tokens, languages."""
    from pipelines.audit.diff import compare
    from pipelines.audit.diff_table import diff_parts
    from pipelines.audit.ledger import open_ledger

    with _progress() as tell:
        found = compare(open_ledger(folder), open_ledger(other), examples=number, tell=tell)
    if as_json:
        print_json(found.facts())
    else:
        for part in diff_parts(found):
            out.print(part)
    if exact and not found.same:
        raise typer.Exit(1)


_TOKENIZER = "--set tokenizer=runs/demo/tokenizer.json"


@commands.command(
    epilog=examples(
        f"cuvee compare gopher c4 --input crawl/ {_TOKENIZER}",
        f"cuvee compare fineweb gopher --input crawl/ --output runs/compared {_TOKENIZER}",
        f"cuvee compare gopher c4 --input crawl/ --report compare.html {_TOKENIZER}",
    )
)
def compare(
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE...",
            help="Recipe files, or names of shipped ones; at least two.",
            autocompletion=complete_recipe,
        ),
    ],
    inputs: Inputs = None,
    input_format: InputFormatName = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=run_folder,
            help="Keep the run of each recipe below this folder; without it they are removed.",
        ),
    ] = None,
    sets: Sets = None,
    number: Annotated[
        int, typer.Option("-n", min=0, max=1_000, help="Examples of what only one recipe keeps.")
    ] = 3,
    workers: Workers = None,
    engine: EngineName = "ray",
    address: Address = None,
    input_base: InputBase = None,
    match: Match = None,
    limit: PageLimit = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the comparison as a page of HTML, too."),
    ] = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Run several recipes on one crawl, read and extracted once, and say where they differ."""
    from pipelines.compare.overlap import find_overlap
    from pipelines.compare.page import write_comparison
    from pipelines.compare.together import run_together
    from pipelines.compare.told import compare_facts, compare_parts
    from pipelines.pipeline import RunOptions

    if len(recipes) < 2:  # noqa: PLR2004  two
        raise UsageError(
            "compare: one recipe alone.\n  Name at least two; cuvee recipes lists them."
        )
    loaded = [recipe_with_input(name, sets, inputs, input_format) for name in recipes]
    options = RunOptions(workers, engine, address, limit, input_base, match)
    kept = nullcontext(output) if output else tempfile.TemporaryDirectory(prefix="cuvee-compare-")
    with kept as folder:
        with observing(err if as_json else out, "finding the input", log_json=log_json) as told:
            ran = run_together(loaded, Path(folder), options, told)
        found = find_overlap(ran.runs, number)
    if report:
        write_comparison(ran, found, report)
    if as_json:
        print_json({**compare_facts(ran, found), "report": str(report) if report else None})
        return
    for part in compare_parts(ran, found):
        out.print(part)
    if output:
        out.print(f"Each recipe's run is below {output}, as cuvee run leaves it.", markup=False)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield what says on a terminal what is being done, and nothing elsewhere."""
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status("reading") as shown:
        yield shown.update
