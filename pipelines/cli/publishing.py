"""Commands that bring a dataset to the Hub, and that check one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from filters.errors import UsageError
from pipelines.cli.console import err, out, print_json
from pipelines.cli.options import AsJson, RunFolder, examples
from pipelines.terminal import harmless

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "cuvee publish runs/demo ORG/NAME --dry-run",
        "cuvee publish runs/demo ORG/NAME --private --tag v1.0",
    )
)
def publish(
    folder: RunFolder,
    repo_id: Annotated[str, typer.Argument(metavar="ORG/NAME", help="Dataset on the Hub.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show the commits, send nothing.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="If it has to be made: not for all to see.")
    ] = False,
    branch: Annotated[str | None, typer.Option(help="Branch; main by default.")] = None,
    tag: Annotated[str | None, typer.Option(help="Name for what is there then.")] = None,
    message: Annotated[str | None, typer.Option(help="What the commits are to say.")] = None,
    token: Annotated[
        str | None, typer.Option(help="Instead of HF_TOKEN or the login; better not typed.")
    ] = None,
    replace_dump: Annotated[
        list[str] | None,
        typer.Option(metavar="DUMP", help="Dump that is there in another form, to be replaced."),
    ] = None,
    beside_others: Annotated[
        bool, typer.Option("--beside-others", help="Also where other files are; they stay.")
    ] = False,
    commit_files: Annotated[
        int, typer.Option(min=2, max=10_000, help="At most so many files in a commit.")
    ] = 100,
    commit_size: Annotated[
        str, typer.Option(metavar="SIZE", help="At most so many bytes in a commit.")
    ] = "50GB",
    as_json: AsJson = False,
) -> None:
    """Bring a run's dataset to the Hub; the same command again sends only what is missing."""
    from pipelines.publish.content import read_content
    from pipelines.publish.errors import require_token
    from pipelines.publish.plan import Options
    from pipelines.publish.send import Publisher, Target

    options = Options(
        message=message,
        replace=tuple(replace_dump or ()),
        beside_others=beside_others,
        commit_files=commit_files,
        commit_bytes=_bytes_of(commit_size),
    )
    target = Target(repo_id, token if dry_run else require_token(token), branch, tag, private)
    content = read_content(folder, tokens=False)
    with _watching(err) as watcher:
        publisher = Publisher(content, target, options, folder / "dataset", watcher)
        if dry_run:
            _show_plan(repo_id, publisher.plan(), as_json=as_json)
            return
        _show_done(target, publisher.publish(), as_json=as_json)


def _bytes_of(size: str) -> int:
    from pipelines.recipe.options import bytes_of

    found = bytes_of(size)
    if not found:
        raise UsageError(f"--commit-size {size}: is no size.\n  For example: --commit-size 50GB")
    return found


def _show_plan(repo_id: str, plan: Any, *, as_json: bool) -> None:
    if as_json:
        print_json({"repository": repo_id, **_facts(plan)})
        return
    for number, step in enumerate(plan.steps, 1):
        out.print(f"commit {number} of {len(plan.steps)}: {step.title}", markup=False)
        for item in step.add:
            out.print(f"  + {item.path}  {decimal(item.size)}", markup=False, soft_wrap=True)
        for path in step.delete:
            out.print(f"  - {path}", markup=False, soft_wrap=True)
    out.print(_sum(plan) + "; nothing was sent", markup=False)


def _sum(plan: Any) -> str:
    files = sum(len(step.add) for step in plan.steps)
    commits = "1 commit" if len(plan.steps) == 1 else f"{len(plan.steps)} commits"
    return (
        f"{commits}, {files:,} files with {decimal(plan.size)} to send, "
        f"{plan.unchanged:,} there already"
    )


def _facts(plan: Any) -> dict[str, Any]:
    steps = [
        {
            "title": step.title,
            "add": [{"path": item.path, "bytes": item.size} for item in step.add],
            "delete": list(step.delete),
        }
        for step in plan.steps
    ]
    return {"commits": steps, "bytes": plan.size, "unchanged": plan.unchanged}


def _show_done(target: Any, done: Any, *, as_json: bool) -> None:
    if as_json:
        facts = {"made": done.commits, "commit": done.commit, "faults": dict(done.faults)}
        print_json({"repository": target.repo_id, **_facts(done.plan), **facts})
        return
    if done.commits:
        out.print(f"{_sum(done.plan)}: done", markup=False)
    else:
        out.print("The Hub has all of it already.", markup=False)
    place = f"{target.repo_id} at {done.commit}" + (f", tag {target.tag}" if target.tag else "")
    out.print(place, markup=False, soft_wrap=True)
    out.print(f"Check it: cuvee verify {target.repo_id}", markup=False, soft_wrap=True)


class _Bar:
    """Shows bytes on a terminal, and lines about failures anywhere."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._reading = progress.add_task("checking files", total=None, visible=False)
        self._sending = progress.add_task("sending", total=None, visible=False)

    def planned(self, plan: Any) -> None:
        self._progress.update(self._reading, total=plan.size, visible=True)
        self._progress.update(self._sending, total=plan.size, visible=True)

    def checked(self, count: int) -> None:
        self._progress.advance(self._reading, count)

    def moved(self, count: int) -> None:
        self._progress.advance(self._sending, count)

    def said(self, line: str) -> None:
        self._console.print(harmless(line), markup=False, soft_wrap=True)


@contextmanager
def _watching(console: Console) -> Iterator[_Bar]:
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _Bar(console, progress)
