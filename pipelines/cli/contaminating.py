"""The command that looks for a benchmark's items in a run's texts."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from pipelines.cli.console import out, print_json
from pipelines.cli.observing import asking
from pipelines.cli.options import AsJson, RunFolder, examples

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.benchmarks import Benchmark
    from pipelines.contamination import Contamination

commands = typer.Typer()
_SHOWN = 100  # characters of an item
_NGRAMS = [13, 8]


@commands.command(
    epilog=examples(
        "cuvee contamination runs/demo --items items.jsonl --fields question",
        "cuvee contamination runs/demo --items items.jsonl --fields question --ngrams 8 --json",
    )
)
def contamination(
    run: RunFolder,
    items: Annotated[
        str | None,
        typer.Option(help="JSON lines or Parquet file of items; by default the recipe's own."),
    ] = None,
    fields: Annotated[
        list[str] | None, typer.Option(help="Field of an item that is text; again for several.")
    ] = None,
    ngrams: Annotated[
        list[int] | None,
        typer.Option(min=5, max=50, help="Words of an n-gram; by default 13, then 8."),
    ] = None,
    texts: Annotated[
        Literal["dataset", "documents"],
        typer.Option(help="Look at what is published, or at every stored text."),
    ] = "dataset",
    count: Annotated[int, typer.Option("-n", min=0, help="Items to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Say which items of a benchmark the texts of a run hold, and which pages hold them."""
    from pipelines.contamination import find_contamination

    named = _named(run, items, fields, ngrams)
    with asking("looking for the items"):
        found = find_contamination(run, named, texts)
    if as_json:
        print_json({"benchmarks": [_facts(each) for each in found]})
        return
    for each in found:
        _print(each, count)


def _named(
    run: "Path", items: str | None, fields: list[str] | None, ngrams: list[int] | None
) -> "list[Benchmark]":
    """Return the benchmark that the command names, or those that the run's recipe does."""
    from dataclasses import replace

    from filters.errors import UsageError
    from pipelines.benchmarks import benchmark_of
    from pipelines.manifest import load_manifest
    from pipelines.recipe.recorded import run_benchmarks

    load_manifest(run)
    sizes = tuple(sorted(set(ngrams or _NGRAMS), reverse=True))
    if items is not None:
        if not fields:
            raise UsageError("--items: say which field is text.\n  For example: --fields question")
        return [benchmark_of(items, tuple(fields), sizes)]
    if fields:
        raise UsageError("--fields is for --items.\n  A run's own benchmarks have their fields.")
    found = run_benchmarks(run)
    return [replace(each, ngrams=sizes) for each in found] if ngrams else found


def _facts(found: "Contamination") -> dict[str, Any]:
    items = [{**asdict(item), "share": item.share} for item in found.found]
    return {**asdict(found), "mostly": found.mostly, "found": items}


def _print(found: "Contamination", count: int) -> None:
    from pipelines.contamination import MOSTLY

    out.print(
        f"{found.benchmark}, {found.n}-grams: something of {len(found.found):,} of {found.items:,} "
        f"items is in {found.pages:,} of {found.texts:,} texts; {found.mostly:,} items by at least "
        f"{MOSTLY:.0%}, {found.short:,} items are too short.",
        markup=False,
    )
    if not found.found or not count:
        return
    table = Table(box=None, pad_edge=False)
    for head in ("item", "n-grams", "found", "pages"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("begins, and the page that holds the most of it")
    for item in found.found[:count]:
        figures = (f"{item.number:,}", f"{item.grams:,}", f"{item.share:.0%}", f"{item.pages:,}")
        table.add_row(*figures, _shown(item.text, item.examples[0]["url"]))
    out.print(table)
    if len(found.found) > count:
        out.print(f"{len(found.found) - count:,} more: --json has them all.")


def _shown(text: str, url: str | None) -> Text:
    from pipelines.terminal import harmless

    return Text(harmless(f"{' '.join(text.split())[:_SHOWN]}\n{url or 'no address'}"))
