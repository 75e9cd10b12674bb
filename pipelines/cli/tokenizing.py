"""Commands that make token shards with another tokenizer, and tokenizers."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text as Styled

from pipelines.cli.console import err, out, print_json
from pipelines.cli.observing import LogJson, observing
from pipelines.cli.options import Address, AsJson, EngineName, RunFolder, Workers, examples

if TYPE_CHECKING:
    from pipelines.recipe.model import Recipe

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "cuvee tokenize runs/demo --tokenizer runs/demo/tokenizer.json --name again --packed 512",
        "cuvee tokenize runs/demo --tokenizer runs/demo/tokenizer.json --end '<|endoftext|>'",
    )
)
def tokenize(
    folder: RunFolder,
    tokenizer: Annotated[
        str, typer.Option(metavar="T", help="What a recipe's tokenizer may be: a name, a file.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Folder below tokenized/; by default the tokenizer's name.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Special token before each document.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Special token after each document.")
    ] = None,
    packed: Annotated[
        int, typer.Option(metavar="LENGTH", help="Write packed rows of this length, too.")
    ] = 0,
    packing: Annotated[
        Literal["best_fit", "in_order"], typer.Option(help="How documents come into packed rows.")
    ] = "best_fit",
    pad: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Special token that fills up packed rows.")
    ] = None,
    workers: Workers = None,
    engine: EngineName = "ray",
    address: Address = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Make token shards of a finished run with another tokenizer; the same command resumes."""
    from pipelines.pipeline import RunOptions
    from pipelines.tokens.another import tokenize_run

    said = {"begin": begin, "end": end, "packed": packed, "packing": packing, "pad": pad}
    recipe = _recipe(tokenizer, said)
    how = RunOptions(workers, engine, address)
    with observing(err if as_json else out, "loading the tokenizer", log_json=log_json) as observer:
        made = tokenize_run(folder, recipe.tokenizer, recipe.tokens, name, how, observer)
    if as_json:
        print_json({"folder": str(made.folder), "did_work": made.did_work, **made.manifest})
        return
    out.print(_shards_table(made.manifest))
    told = "" if made.did_work else ": made before, nothing to do"
    out.print(Styled(f"{made.folder}{told}"), soft_wrap=True)


def _recipe(tokenizer: str, tokens: dict[str, Any]) -> "Recipe":
    """Return a recipe with these two keys, checked as in any other."""
    from pipelines.recipe import load_recipe

    given = tokenizer if tokenizer.lstrip().startswith("{") else json.dumps(tokenizer)
    return load_recipe("fineweb", [f"tokenizer={given}", f"tokens={json.dumps(tokens)}"])


def _shards_table(manifest: Any) -> Table:
    from pipelines.terminal import harmless

    table = Table(box=None, show_header=False, pad_edge=False)
    shards = manifest["token_shards"]
    rows = [
        ("tokenizer", shards["tokenizer"]),
        ("documents", f"{shards['documents']:,}"),
        ("tokens", f"{shards['tokens']:,}"),
        ("special tokens", f"{shards['special_tokens_added']:,}: {shards['special_tokens']}"),
    ]
    if "packed" in manifest:
        packed = manifest["packed"]
        how = f"{packed['rows']:,} of {packed['length']:,} ids, {packed['packing']}"
        share = f"{packed['padding']:,} ids, {packed['padding_share']:.2%}"
        rows += [("packed rows", how), ("segments", f"{packed['segments']:,}"), ("padding", share)]
    for what, value in rows:
        table.add_row(what, Styled(harmless(value)))
    return table
