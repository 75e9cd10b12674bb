"""Commands that say what there is: signals, the schema."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.cli.console import out, print_json
from pipelines.cli.options import AsJson, AsMarkdown, examples

commands = typer.Typer()


@commands.command(epilog=examples("cuvee signals", "cuvee signals --json"))
def signals(
    recipe: Annotated[
        str | None, typer.Argument(help="Recipe whose own signals are listed too.")
    ] = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """List everything that can be measured, and where it is defined."""
    from pipelines.recipe import describe_signals, load_recipe
    from pipelines.summary import signals_table

    own = load_recipe(recipe).own_signals if recipe is not None else {}
    rows = describe_signals(own)
    if as_json:
        print_json({"signals": [asdict(row) for row in rows]})
    elif as_markdown:
        from pipelines.reference import signal_reference

        print(signal_reference(), end="")  # noqa: T201  not for rich
    else:
        out.print(signals_table(rows))


@commands.command(epilog=examples("cuvee schema", "cuvee schema > recipe.schema.json"))
def schema(as_markdown: AsMarkdown = False) -> None:
    """Print the JSON Schema of a recipe, for editors that complete from it."""
    if as_markdown:
        from pipelines.reference import recipe_reference

        print(recipe_reference(), end="")  # noqa: T201  not for rich
        return
    from pipelines.recipe import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))  # noqa: T201  not for rich
