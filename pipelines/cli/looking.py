"""Commands that look into a run, also while it goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from filters.errors import UsageError
from pipelines.cli.console import out, print_json
from pipelines.cli.options import AsJson, RunFolder, examples

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "cuvee show runs/demo --kept",
        "cuvee show runs/demo --rule gopher_short_doc -n 3",
        "cuvee show runs/demo --rule minhash -n 1 --full",
        "cuvee show runs/demo --url http://en.wikipedia.org/wiki/Main_Page",
    )
)
def show(
    folder: RunFolder,
    kept: Annotated[bool, typer.Option("--kept", help="Pages that were kept.")] = False,
    rule: Annotated[str | None, typer.Option(help="Pages that this rule removed.")] = None,
    url: Annotated[str | None, typer.Option(help="The page of this address.")] = None,
    page_id: Annotated[str | None, typer.Option("--id", help="The page of this id.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 3,
    full: Annotated[
        bool, typer.Option("--full", help="The whole text and every rule, not an excerpt.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show pages: what each rule says of them, the part of the text that says so, repeats."""
    from pipelines.audit.ledger import open_ledger
    from pipelines.page.panel import page_panel
    from pipelines.page.view import Explainer
    from pipelines.pages import Pages, Wanted

    if kept and rule:
        raise UsageError("show: --kept and --rule exclude each other.\n  Give one of them.")
    ledger = open_ledger(folder)
    pages = Pages(ledger)
    explainer = Explainer(ledger, pages)
    found = pages.find(Wanted(kept, rule, url, page_id), number)
    if as_json:
        views = [explainer.explain(page).facts() for page in found]
        print_json({"pages": views, "finished": ledger.finished})
        return
    plain = not out.is_terminal or out.is_dumb_terminal or out.no_color
    for page in found:
        out.print(page_panel(explainer.explain(page), full=full, plain=plain))
    _print_notes(ledger.notes)


def _print_notes(notes: Sequence[str]) -> None:
    from pipelines.terminal import harmless

    for note in notes:
        out.print(harmless(note), markup=False, style="yellow", soft_wrap=True)


@commands.command(
    epilog=examples("cuvee funnel runs/demo", "cuvee funnel runs/demo --svg funnel.svg")
)
def funnel(
    folder: RunFolder,
    svg: Annotated[Path | None, typer.Option(help="Draw it into this file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a run's funnel, or draw it as a picture; of an unfinished one, as far as it is."""
    from pipelines.audit.funnel import read_funnel
    from pipelines.summary import funnel_table

    if svg and as_json:
        raise UsageError("funnel: --svg and --json exclude each other.\n  Give one of them.")
    manifest, notes = read_funnel(folder)
    if as_json:
        told = {"pages": manifest["pages"], "funnel": manifest["funnel"]}
        print_json({**told, "finished": not notes})
    elif svg is None:
        out.print(funnel_table(manifest))
        _print_notes(notes)
    else:
        from pipelines.files import write_whole
        from pipelines.picture import draw_funnel

        write_whole(svg, draw_funnel(manifest).encode())
        out.print(str(svg), markup=False, soft_wrap=True)
