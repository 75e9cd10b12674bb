"""Commands that make token shards with another tokenizer, and tokenizers."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text as Styled

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.cli.console import err, out, print_json
from pipelines.cli.observing import LogJson, observing
from pipelines.cli.options import Address, AsJson, EngineName, RunFolder, Workers, examples

if TYPE_CHECKING:
    from pipelines.recipe.model import Recipe
    from pipelines.recipe.parts import GivenTokenizer
    from pipelines.tokens.training import Trained

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
        int, typer.Option(metavar="LENGTH", min=0, help="Write packed rows of this length, too.")
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
    given = _given(tokenizer)
    how = RunOptions(workers, engine, address)
    with observing(err if as_json else out, "loading the tokenizer", log_json=log_json) as observer:
        made = tokenize_run(folder, given, recipe.tokens, name, how, observer)
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


def _given(tokenizer: str) -> "GivenTokenizer":
    """Return a tokenizer that is there; UsageError for one that were to be trained."""
    from pipelines.recipe import TrainedTokenizer

    found = _recipe(tokenizer, {}).tokenizer
    if isinstance(found, TrainedTokenizer):
        raise UsageError(
            "a tokenizer is not trained on the way here.\n"
            "  First 'cuvee tokenizer train DIR --vocab-size N', then the folder that it names."
        )
    return found


def _bytes(size: str) -> int:
    from pipelines.recipe.options import bytes_of

    found = bytes_of(size)
    if not found:
        raise UsageError(f"--sample '{size}' is no size.\n  For example: --sample 100MB")
    return found


@contextmanager
def _status() -> Iterator[Callable[[str], Any]]:
    """Yield what says on a terminal what is being done, and nothing elsewhere."""
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status("reading") as shown:
        yield shown.update


def _fertility_table(trained: "Trained", names: Sequence[str]) -> Table:
    from pipelines.terminal import harmless

    table = Table(box=None, pad_edge=False, title="tokens a word", title_justify="left")
    table.add_column("language")
    for name in ("words", *names):
        table.add_column(Styled(harmless(name)), justify="right")
    for language, group in trained.languages.items():
        cells = (f"{group.fertility(name):.3f}" for name in names)
        table.add_row(Styled(harmless(language or "-")), f"{group.words:,}", *cells)
    return table


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


@commands.command(
    epilog=examples(
        "cuvee tokenizer train runs/demo --vocab-size 4096",
        "cuvee tokenizer train runs/demo --vocab-size 4096 --beside runs/demo/tokenizer.json",
    )
)
def tokenizer(
    action: Annotated[Literal["train"], typer.Argument(help="What to do: train one.")],
    folder: RunFolder,
    vocab_size: Annotated[
        int, typer.Option(min=257, max=1_000_000, help="Tokens in the vocabulary.")
    ],
    sample: Annotated[
        str, typer.Option(metavar="SIZE", help="Text to train on, such as 1GB.")
    ] = "100MB",
    pattern: Annotated[
        Literal["gpt2", "cl100k_base", "llama3", "o200k_base"],
        typer.Option(help="Whose pattern parts a text first."),
    ] = "gpt2",
    beside: Annotated[
        list[str] | None,
        typer.Option(metavar="T", help="Compare with this tokenizer, as --tokenizer; again."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", parser=run_folder, help="Folder for it; else in the run's."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a tokenizer on a run's texts; tokens a word by language, beside other tokenizers."""
    from pipelines.tokens.source import find_tokenizer
    from pipelines.tokens.tiktoken import KNOWN
    from pipelines.tokens.training import train_on_run

    del action
    place = output or folder / f"tokenizer-{vocab_size}"
    others = {typed: find_tokenizer(_given(typed)) for typed in beside or ()}
    with _status() as tell:
        trained = train_on_run(
            folder, place, vocab_size, _bytes(sample), KNOWN[pattern].pattern, others, tell
        )
    if as_json:
        print_json({"folder": str(place), **trained.plain()})
        return
    out.print(_fertility_table(trained, ["new", *others]))
    apart = "texts that it was not trained on" if trained.held_out else "the texts of its training"
    size = f"{trained.vocab_size:,} tokens, from {trained.documents:,} documents"
    out.print(Styled(f"{size}, {trained.bytes / 1e6:.1f} MB; compared on {apart}."))
    out.print(Styled(str(place)), soft_wrap=True)
