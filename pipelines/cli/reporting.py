"""The command that writes a run's report."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import out, print_json
from pipelines.cli.observing import asking
from pipelines.cli.options import AsJson, OfLanguage, RunFolder, examples

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "cuvee report runs/demo", "cuvee report runs/demo --output demo.html --sample 10000"
    )
)
def report(
    folder: RunFolder,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write it; report.html in the run by default."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, max=30_000, help="Pages under the sliders.")
    ] = 5_000,
    language: OfLanguage = None,
    as_json: AsJson = False,
) -> None:
    """Write what each rule did into one HTML file, with sliders for the thresholds."""
    from pipelines.report import write_report

    with asking("reading the ledger"):
        path = write_report(folder, output, sample, language)
    size = path.stat().st_size
    if as_json:
        print_json({"report": str(path), "bytes": size})
        return
    out.print(f"{path}  ({size / 1e6:.1f} MB; opens in a browser, without a network)", markup=False)
