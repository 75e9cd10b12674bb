"""The command that writes the dataset card and what lies beside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text as Styled

from filters.errors import UsageError
from pipelines.cli.console import err, out, print_json
from pipelines.cli.options import AsJson, RunFolder, examples

commands = typer.Typer()


@commands.command(
    epilog=examples("cuvee card runs/demo --repo ORG/NAME", "cuvee card runs/demo --init")
)
def card(
    folder: RunFolder,
    init: Annotated[
        bool, typer.Option("--init", help="Start card.yaml, for what only a person can say.")
    ] = False,
    repo: Annotated[
        str | None,
        typer.Option(metavar="ORG/NAME", help="The dataset's name on the Hub, for its programs."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a finished run's dataset card, and what is published beside it."""
    from pipelines.card import make_card, start_card_file

    if init:
        path = start_card_file(folder)
        if as_json:
            print_json({"started": str(path)})
        else:
            out.print(Styled(f"{path}: fill it in, then run 'cuvee card {folder}'."))
        return
    _check_name(repo)
    with _progress() as told:
        made = make_card(folder, repo, told)
    if as_json:
        noted = {"missing": list(made.missing), "changed_by_hand": list(made.changed)}
        found = {"domains": made.counted.domains.count, **noted}
        print_json({"run": str(folder), "files": list(made.files), **found})
        return
    for item in made.files:
        _say(str(folder / item["path"]), item["bytes"])
    if made.changed:
        parts = ", ".join(made.changed)
        out.print(
            Styled(f"Changed by hand, computed anew: {parts}. What it said is a comment below.")
        )
        out.print(Styled("Text outside of cuvee:begin and cuvee:end stays as it is."))
    if made.missing:
        fields = ", ".join(made.missing)
        out.print(Styled(f"card.yaml does not say yet: {fields}. Start one: --init"))


def _check_name(repo: str | None) -> None:
    from pipelines.card.person import REPOSITORY

    if repo is not None and not REPOSITORY.fullmatch(repo):
        raise UsageError(f"--repo '{repo}' is no dataset's name.\n  It is ORG/NAME, as on the Hub.")


def _say(path: str, size: int) -> None:
    from pipelines.card.markup import size as in_units
    from pipelines.terminal import harmless

    out.print(Styled(harmless(f"{in_units(size):>10}  {path}")), soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], Any]]:
    """Yield what moves a bar on a terminal, and does nothing elsewhere."""
    columns = (
        TextColumn("counting"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task("", total=None)
        yield lambda done, whole: shown.update(task, completed=done, total=whole)
