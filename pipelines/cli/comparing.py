"""The command that compares two runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pipelines.bucket.path import run_folder
from pipelines.cli.console import err, out, print_json
from pipelines.cli.options import AsJson, examples

commands = typer.Typer()

_RUN = "Folder of a run, or s3://BUCKET/NAME."


@commands.command(
    epilog=examples(
        "cuvee diff runs/demo runs/demo --exact", "cuvee diff runs/demo runs/demo -n 10 --json"
    )
)
def diff(
    folder: Annotated[Path, typer.Argument(metavar="A", parser=run_folder, help=_RUN)],
    other: Annotated[Path, typer.Argument(metavar="B", parser=run_folder, help=_RUN)],
    number: Annotated[
        int, typer.Option("-n", min=0, max=1_000, help="Examples of each difference.")
    ] = 3,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exit with 1 where anything differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two runs on the same crawl, page by page: decisions, texts, tokens, languages."""
    from pipelines.audit.diff import compare
    from pipelines.audit.diff_table import diff_parts
    from pipelines.audit.ledger import open_ledger

    with _progress() as tell:
        found = compare(open_ledger(folder), open_ledger(other), examples=number, tell=tell)
    if as_json:
        print_json(found.facts())
    else:
        for part in diff_parts(found):
            out.print(part)
    if exact and not found.same:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield what says on a terminal what is being done, and nothing elsewhere."""
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status("reading") as shown:
        yield shown.update
