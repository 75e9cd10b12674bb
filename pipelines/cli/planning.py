"""The command that says what a run will cost and yield, before it is begun."""

from typing import Annotated

import typer

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
        "cuvee plan demo --input crawl/",
        "cuvee plan demo --input crawl/ --units 6 --workers 2 --price 0.05",
    )
)
def plan(
    recipe: RecipeName,
    inputs: Inputs = None,
    sets: Sets = None,
    workers: Workers = None,
    engine: EngineName = "ray",
    address: Address = None,
    input_base: InputBase = None,
    match: Match = None,
    input_format: InputFormatName = None,
    units: Annotated[
        int, typer.Option(min=1, help="Units (files or parts of one) to draw, at most.")
    ] = 12,
    pages: Annotated[
        int, typer.Option(min=20, help="Pages to read, at most: the first ones of each unit.")
    ] = 6000,
    price: Annotated[
        float | None, typer.Option(min=0, help="Of a core for an hour, in whatever money.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one draws other units.")] = 0,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Say what a run will cost and yield, from a sample of its units. Leaves nothing behind."""
    from pipelines.pipeline import RunOptions
    from pipelines.plan import PlanOptions, make_plan
    from pipelines.plan.table import plan_parts

    loaded = recipe_with_input(recipe, sets, inputs, input_format)
    where = RunOptions(workers, engine, address, None, input_base, match)
    with observing(err, "finding the input", log_json=log_json) as observer:
        found = make_plan(loaded, PlanOptions(where, units, pages, seed, price), observer)
    if as_json:
        print_json(found)
        return
    for part in plan_parts(found):
        out.print(part)
