"""The command that finds the cascade's margin."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

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
    RecipeName,
    Sets,
    Workers,
    examples,
    recipe_with_input,
)

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "cuvee calibrate demo --input crawl/",
        "cuvee calibrate demo --input crawl/ --loss 0.01 --pages 200 --engine inline",
    )
)
def calibrate(
    recipe: RecipeName,
    inputs: Inputs = None,
    loss: Annotated[
        float, typer.Option(min=0.0001, max=1.0, help="Share of kept tokens that may be lost.")
    ] = 0.005,
    pages: Annotated[int, typer.Option(min=1, help="About how many pages to run.")] = 10_000,
    sets: Sets = None,
    workers: Workers = None,
    engine: EngineName = "ray",
    address: Address = None,
    input_base: InputBase = None,
    match: Match = None,
    input_format: InputFormatName = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Find the margin below which a cheap look may spare a page the extraction."""
    from pipelines.cascade.calibrate import calibrate as run_sample
    from pipelines.pipeline import RunOptions

    loaded = recipe_with_input(recipe, sets, inputs, input_format)
    options = RunOptions(workers, engine, address, None, input_base, match)
    with (
        observing(err if as_json else out, "finding the input", log_json=log_json) as observer,
        tempfile.TemporaryDirectory(prefix="cuvee-calibrate-") as folder,
    ):
        found = run_sample(loaded, Path(folder) / "run", options, observer, loss=loss, sample=pages)
    setting = f"cascade.language={found.margin}" if found.margin is not None else "cascade=false"
    if as_json:
        print_json({**asdict(found), "saving": found.saving, "set": setting})
    else:
        _print(found, setting)


def _print(found: Any, setting: str) -> None:
    table = Table(box=None, pad_edge=False)
    heads = ("margin", "spared", "pages lost", "at most", "tokens lost", "at most")
    for head in heads:
        table.add_column(head, justify="right")
    for point in found.curve:
        shares = (
            point.spared,
            point.lost_pages,
            point.lost_pages_most,
            point.lost_tokens,
            point.lost_tokens_most,
        )
        style = "bold" if point.margin == found.margin else ""
        table.add_row(f"{point.margin:g}", *(f"{share:.2%}" for share in shares), style=style)
    out.print(
        f"{found.pages:,} pages, {found.extractions:,} extractions; {found.kept_pages:,} pages "
        f"with {found.kept_tokens:,} tokens kept, wanted language {found.language!r}",
        markup=False,
    )
    out.print(table)
    out.print(
        f"A look costs {1e3 * found.look_seconds:.1f} ms, an extraction "
        f"{1e3 * found.extraction_seconds:.1f} ms of CPU time: that {_saving(found.saving)}.",
        markup=False,
    )
    out.print(_verdict(found), markup=False)
    out.print(f"  --set {setting}", markup=False)


def _saving(share: float) -> str:
    return f"saves {share:.0%} of the extractions' time" if share > 0 else "saves nothing here"


def _verdict(found: Any) -> str:
    if found.margin is None:
        return f"Every margin loses more than {found.loss:.2%} of the kept tokens: leave it off."
    if found.shown:
        return f"Loses at most {found.loss:.2%} of the kept tokens (95 % interval):"
    return (
        f"This sample is too small to show a loss of at most {found.loss:.2%}, which would take "
        f"about --pages {found.pages_needed}.\nBy the estimate alone, and no more than usual:"
    )
