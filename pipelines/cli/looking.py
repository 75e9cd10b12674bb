"""Commands that look into a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from filters.errors import UsageError
from pipelines.cli.console import out, print_json
from pipelines.cli.options import AsJson, RunFolder, examples

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "cuvee show runs/demo --kept", "cuvee show runs/demo --rule gopher_short_doc -n 3"
    )
)
def show(
    folder: RunFolder,
    kept: Annotated[bool, typer.Option("--kept", help="Pages that were kept.")] = False,
    rule: Annotated[str | None, typer.Option(help="Pages that this rule removed.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 3,
    full: Annotated[bool, typer.Option("--full", help="The whole text, not its start.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show pages with their text, the rule that decided and the measured numbers."""
    from pipelines.manifest import load_manifest
    from pipelines.pages import find_pages
    from pipelines.recipe.recorded import recorded_rules
    from pipelines.summary import page_panel

    if kept and rule:
        raise UsageError("show: --kept and --rule exclude each other.\n  Give one of them.")
    load_manifest(folder)
    pages = list(find_pages(folder, kept=kept, rule=rule, limit=number))
    if as_json:
        rows = [{**page.row, "signals": page.signals, "text": page.text} for page in pages]
        print_json({"pages": rows})
        return
    rules = recorded_rules(folder / "recipe.yaml")
    for page in pages:
        out.print(page_panel(page, rules, full=full))


@commands.command(
    epilog=examples("cuvee funnel runs/demo", "cuvee funnel runs/demo --svg funnel.svg")
)
def funnel(
    folder: RunFolder,
    svg: Annotated[Path | None, typer.Option(help="Draw it into this file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a finished run's funnel, or draw it as a picture."""
    from pipelines.manifest import load_manifest
    from pipelines.summary import funnel_table

    if svg and as_json:
        raise UsageError("funnel: --svg and --json exclude each other.\n  Give one of them.")
    manifest = load_manifest(folder)
    if as_json:
        print_json({"pages": manifest["pages"], "funnel": manifest["funnel"]})
    elif svg is None:
        out.print(funnel_table(manifest))
    else:
        from pipelines.files import write_whole
        from pipelines.picture import draw_funnel

        write_whole(svg, draw_funnel(manifest).encode())
        out.print(str(svg), markup=False, soft_wrap=True)
