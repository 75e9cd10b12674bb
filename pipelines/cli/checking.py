"""The command that measures what a run's near-duplicate settings find."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import err, out, print_json
from pipelines.cli.observing import LogJson, observing
from pipelines.cli.options import AsJson, RunFolder, examples

commands = typer.Typer()

_USUAL_THRESHOLD = 0.75  # FineWeb's settings are made for it (arXiv 2406.17557, section 3)


@commands.command(
    epilog=examples(
        "cuvee dedup-check runs/demo",
        "cuvee dedup-check runs/demo --sample 50 --threshold 0.8 --verify 0.8",
    )
)
def dedup_check(
    folder: RunFolder,
    sample: Annotated[
        int,
        typer.Option(min=1, max=100_000, help="Documents to draw, and pairs at each similarity."),
    ] = 300,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Real similarity from which on a pair is rightly joined; verify's, else 0.75.",
        ),
    ] = None,
    verify: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Check as if the recipe said so; 0: not verified."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one draws other documents and words.")] = 0,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Plant near-duplicates beside a run's documents and measure which of them are found."""
    from pipelines.dedup_check import CheckOptions, check, draw_documents, read_settings
    from pipelines.dedup_check.table import check_parts

    settings = read_settings(folder, verify)
    wanted = threshold if threshold is not None else settings.verify or _USUAL_THRESHOLD
    options = CheckOptions(sample, wanted, seed)
    with (
        observing(err, "drawing documents", log_json=log_json) as observer,
        tempfile.TemporaryDirectory(prefix="cuvee-dedup-check-") as scratch,
    ):
        drawn = draw_documents(folder, sample, seed)
        found = check(drawn, settings, options, Path(scratch), observer)
    if as_json:
        print_json({"run": str(folder), **found})
        return
    for part in check_parts(found):
        out.print(part)
