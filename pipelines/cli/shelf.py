"""The command for the recipes that come with cuvee: a list of them, and one to read."""

from pathlib import Path
from typing import Annotated

import typer

from filters.errors import UsageError
from pipelines.cli.console import out, print_json
from pipelines.cli.options import AsJson, RecipeName, examples

shelf = typer.Typer(
    invoke_without_command=True,
    epilog=examples(
        "cuvee recipes", "cuvee recipes show gopher", "cuvee recipes show c4 > mine.yaml"
    )
    + "\n\nA language of FineWeb-2: cuvee recipes fineweb2 --help",
)


@shelf.callback()
def recipes(context: typer.Context, as_json: AsJson = False) -> None:
    """List the recipes that come with cuvee; `show` prints one."""
    if context.invoked_subcommand is not None:
        return
    from pipelines.recipe import describe_recipes

    described = describe_recipes()
    if as_json:
        print_json({"recipes": described})
        return
    width = max(map(len, described), default=0) + 2
    for name, summary in described.items():
        out.print(f"{name:<{width}}{summary}", markup=False)


@shelf.command(
    epilog=examples("cuvee recipes show gopher", "cuvee recipes show fineweb --resolved")
)
def show(
    recipe: RecipeName,
    resolved: Annotated[
        bool,
        typer.Option(
            "--resolved", help="Checked, with what it extends and every default written out."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print a recipe as it is written, or with everything that it means."""
    from pipelines.recipe import load_recipe
    from pipelines.recipe.layers import written_recipe

    if as_json:
        print_json(load_recipe(recipe).resolved())
        return
    text = load_recipe(recipe).to_yaml() if resolved else written_recipe(recipe)
    print(text, end="")  # noqa: T201  not for rich


@shelf.command(
    epilog=examples(
        "cuvee recipes fineweb2 fra_Latn.yml --label fr > french.yaml",
        "cuvee recipes fineweb2 fra_Latn.yml deu_Latn.yml --model lid.176.ftz > several.yaml",
    )
)
def fineweb2(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Thresholds of a language, as in huggingface/fineweb-2, configs/; of several, "
            "which become one recipe.",
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option(
            help="What the language model calls the language; by default GlotLID's label, the "
            "file's name. For one language."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The language model; by default GlotLID's file, model_v3.bin."),
    ] = None,
) -> None:
    """Print the recipe of a language, or of several, from FineWeb-2's own files of thresholds."""
    from pipelines.recipe.fineweb2 import fineweb2_recipe, several_recipe

    if len(files) > 1 and label is not None:
        raise UsageError(
            "recipes fineweb2: --label names one language, and there are several files.\n"
            "  Name their model instead: --model lid.176.ftz"
        )
    several = len(files) > 1 or model is not None
    text = several_recipe(files, model) if several else fineweb2_recipe(files[0], label)
    print(text, end="")  # noqa: T201  not for rich
