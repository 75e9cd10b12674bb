"""What several commands take, under the same name and with the same meaning."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from filters.errors import UsageError
from pipelines.bucket.path import run_folder

if TYPE_CHECKING:
    from pipelines.recipe.model import Recipe


def examples(*commands: str) -> str:
    """Return the end of a command's help: commands that work as they are."""
    # The escape before a paragraph keeps its lines as they are.
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def complete_recipe(start: str) -> list[tuple[str, str]]:
    """Return the shipped recipes whose names begin so; the shell adds files where none does."""
    from pipelines.recipe import describe_recipes

    return [item for item in describe_recipes().items() if item[0].startswith(start)]


def recipe_with_input(
    name: str,
    sets: Sequence[str] | None,
    inputs: Sequence[str] | None,
    input_format: str | None = None,
) -> "Recipe":
    """Load the recipe that a command names; UsageError unless it or the command has an input."""
    from pipelines.recipe import load_recipe

    recipe = load_recipe(name, sets or (), inputs or (), input_format)
    if not recipe.input:
        raise UsageError(f"{name}: no input.\n  Name crawl files with --input.")
    return recipe


def sets_with_memory(sets: Sequence[str] | None, memory: str | None) -> list[str]:
    """Return overrides of a recipe, with that of `memory_per_worker` if it was given."""
    given = [] if memory is None else [f"memory_per_worker={memory}"]
    return [*(sets or ()), *given]


RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="Recipe file, or the name of a shipped one.",
        autocompletion=complete_recipe,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help="File, folder, glob, address (s3:// https:// hf://) or list; instead of the recipe's.",
    ),
]
InputBase = Annotated[
    str | None,
    typer.Option(help="Folder or address that file paths in lists and ledger are relative to."),
]
InputFormatName = Annotated[
    str | None,
    typer.Option(
        "--input-format",
        metavar="FORMAT",
        help="How the input is laid out: pile, redpajama2, dolma, fineweb, fineweb2, c4, warc, "
        "parquet, jsonl; by default each file by its name.",
    ),
]
Match = Annotated[
    str | None,
    typer.Option(metavar="PATTERN", help="Only files whose path or address fits; * is any."),
]
PageLimit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="At most so many pages of each crawl file."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Override a recipe value by dotted path, or a rule's constant by its name.",
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Units at a time; all cores by default.")]
MemoryPerWorker = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Memory of a worker, such as 2GiB; instead of the recipe's."),
]
EngineName = Annotated[
    Literal["ray", "inline"],
    typer.Option(help="Ray tasks, or one unit after another in this process."),
]
Address = Annotated[
    str | None, typer.Option(help="Ray cluster to join; RAY_ADDRESS by default, else embedded.")
]
OfLanguage = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="LABEL",
        help="Only pages in this language, with its thresholds: the model's label, or fra_Latn.",
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one machine-readable object.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print it as a page of the docs.")]
RunFolder = Annotated[
    Path,
    typer.Argument(metavar="DIR", parser=run_folder, help="Folder of a run, or s3://BUCKET/NAME."),
]
Output = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        parser=run_folder,
        help="Folder of the run, or s3://BUCKET/NAME; an earlier run there goes on.",
    ),
]
