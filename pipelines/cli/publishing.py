"""Commands that bring a dataset to the Hub, and that check one."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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
from pipelines.bucket.path import run_folder
from pipelines.cli.console import err, out, print_json
from pipelines.cli.options import AsJson, RunFolder, examples
from pipelines.terminal import harmless

commands = typer.Typer()

_HUB = "hf://datasets/"


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
    samples: Annotated[
        list[str] | None,
        typer.Option("--sample", metavar="SIZE", help="Sample of so many tokens, as 10MT or 1BT."),
    ] = None,
    tokens: Annotated[
        bool | None,
        typer.Option(
            "--tokens/--no-tokens",
            help="The token ids, too, as a config of their own; else as card.yaml says.",
        ),
    ] = None,
    tokens_repo: Annotated[
        str | None,
        typer.Option(metavar="ORG/NAME", help="The token ids, too, as a dataset of their own."),
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
    from pipelines.card.person import AS_CONFIG, read_person
    from pipelines.manifest import load_manifest
    from pipelines.publish.content import read_content
    from pipelines.publish.errors import require_token
    from pipelines.publish.plan import Options
    from pipelines.publish.samples import draw_samples
    from pipelines.publish.send import Publisher, RunPlanner, Target
    from pipelines.publish.tokens import tokens_content

    options = Options(
        message=message,
        replace=tuple(replace_dump or ()),
        beside_others=beside_others,
        commit_files=commit_files,
        commit_bytes=_bytes_of(commit_size),
    )
    target = Target(repo_id, token if dry_run else require_token(token), branch, tag, private)
    load_manifest(folder)
    if tokens is None and tokens_repo is None:
        said = read_person(folder).text("tokens")
        tokens, tokens_repo = said == AS_CONFIG, said if said != AS_CONFIG else None
    draw_samples(folder, samples or ())
    content = read_content(folder, tokens=bool(tokens))
    wanted = [(content, target)]
    if tokens_repo:
        own = tokens_content(folder, content, repo_id, tokens_repo)
        wanted.append((own, dataclasses.replace(target, repo_id=tokens_repo)))
    facts = []
    for each, where in wanted:
        with watching(err) as watcher:
            planner = RunPlanner(each, options, folder / "dataset")
            publisher = Publisher(planner, where, watcher, options.message)
            done = publisher.plan() if dry_run else publisher.publish()
        facts.append(_facts(where, done))
        if not as_json:
            (_show_plan if dry_run else _show_done)(where, done)
    if as_json:
        print_json(facts[0] if not tokens_repo else {**facts[0], "tokens": facts[1]})


def _bytes_of(size: str) -> int:
    from pipelines.recipe.options import bytes_of

    found = bytes_of(size)
    if not found:
        raise UsageError(f"--commit-size {size}: is no size.\n  For example: --commit-size 50GB")
    return found


def _show_plan(target: Any, plan: Any) -> None:
    out.print(f"{target.repo_id}:", markup=False)
    for number, step in enumerate(plan.steps, 1):
        out.print(f"commit {number} of {len(plan.steps)}: {step.title}", markup=False)
        for item in step.add:
            out.print(f"  + {item.path}  {decimal(item.size)}", markup=False, soft_wrap=True)
        for path in step.delete:
            out.print(f"  - {path}", markup=False, soft_wrap=True)
    out.print(_sum(plan) + "; nothing was sent", markup=False)


def _show_done(target: Any, done: Any) -> None:
    if done.commits:
        out.print(f"{_sum(done.plan)}: done", markup=False)
    else:
        out.print("The Hub has all of it already.", markup=False)
    place = f"{target.repo_id} at {done.commit}" + (f", tag {target.tag}" if target.tag else "")
    out.print(place, markup=False, soft_wrap=True)
    out.print(f"Check it: cuvee verify {target.repo_id}", markup=False, soft_wrap=True)


def _sum(plan: Any) -> str:
    files = sum(len(step.add) for step in plan.steps)
    commits = "1 commit" if len(plan.steps) == 1 else f"{len(plan.steps)} commits"
    return (
        f"{commits}, {files:,} files with {decimal(plan.size)} to send, "
        f"{plan.unchanged:,} there already"
    )


def _facts(target: Any, done: Any) -> dict[str, Any]:
    """Return what was or is to be done as plain data."""
    plan = getattr(done, "plan", done)
    steps = [
        {
            "title": step.title,
            "add": [{"path": item.path, "bytes": item.size} for item in step.add],
            "delete": list(step.delete),
        }
        for step in plan.steps
    ]
    facts = {"commits": steps, "bytes": plan.size, "unchanged": plan.unchanged}
    if plan is not done:
        facts |= {"made": done.commits, "commit": done.commit, "faults": dict(done.faults)}
    return {"repository": target.repo_id, **facts}


class _Bar:
    """Shows bytes on a terminal, and lines about failures anywhere."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._reading = progress.add_task("checking files", total=None, visible=False)
        self._sending = progress.add_task("sending", total=None, visible=False)

    def planned(self, plan: Any) -> None:
        read = sum(item.size for item, _ in plan.on_disk())
        self._progress.update(self._reading, total=read, visible=True)
        self._progress.update(self._sending, total=plan.size, visible=True)

    def checked(self, count: int) -> None:
        self._progress.advance(self._reading, count)

    def moved(self, count: int) -> None:
        self._progress.advance(self._sending, count)

    def said(self, line: str) -> None:
        self._console.print(harmless(line), markup=False, soft_wrap=True)


@contextmanager
def watching(console: Console) -> Iterator[_Bar]:
    """Show how far publishing is, on a terminal."""
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _Bar(console, progress)


@commands.command(
    epilog=examples(
        "cuvee verify runs/demo",
        "cuvee verify runs/demo --sample 20 --json",
        "cuvee verify ORG/NAME --quick",
    )
)
def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="DIR|ORG/NAME", help="A run, a dataset on the Hub, or a copy of one."
        ),
    ],
    sample: Annotated[
        int, typer.Option(min=0, help="Pages of a run whose decision is taken again.")
    ] = 100,
    quick: Annotated[
        bool, typer.Option("--quick", help="Of the Hub: fetch no table, believe its sha256.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(help="Of the Hub: a branch, tag or commit; main by default.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="Instead of HF_TOKEN or the login; better not typed.")
    ] = None,
    own_code: Annotated[
        bool, typer.Option("--own-code", help="Run modules that the run's recipe names.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check files, rows, tokens, columns and decisions; exit code 1 if anything differs."""
    from pipelines.verify import verify_copy, verify_repository, verify_run

    with _checking() as (looked, say):
        if is_on_hub(what):
            found = verify_repository(plain_name(what), revision, token, looked, quick=quick)
        else:
            root = run_folder(what)
            copied = verify_copy(root, looked)
            found = copied or verify_run(root, sample, looked, own_code=own_code, report=say)
    if as_json:
        facts = {"ok": found.ok, "differing": found.differing, "checked": dict(found.checked)}
        print_json(
            {"verified": what, **facts, "differences": found.differences, "notes": found.notes}
        )
    else:
        _show_findings(what, found)
    if not found.ok:
        raise typer.Exit(1)


def _show_findings(what: str, found: Any) -> None:
    for line in (*found.differences, *found.notes):
        out.print(harmless(line), markup=False, soft_wrap=True)
    if found.differing > len(found.differences):
        out.print(f"… and {found.differing - len(found.differences):,} more")
    checked = ", ".join(f"{count:,} {name}" for name, count in found.checked.items() if count)
    verdict = "ok" if found.ok else f"{found.differing:,} differences"
    out.print(f"{what}: {verdict} ({checked})", markup=False, soft_wrap=True)


def is_on_hub(what: str) -> bool:
    """Whether a name is of the Hub: one that says so, or of no folder here and like ORG/NAME."""
    if what.startswith(_HUB):
        return True
    return "://" not in what and what.count("/") == 1 and not Path(what).exists()


def plain_name(what: str) -> str:
    """Return the name of a repository without what says that it is one."""
    return what.removeprefix(_HUB).strip("/")


@contextmanager
def _checking() -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """Give what draws how much is checked, on a terminal, and what says a line on stderr."""
    columns = (TextColumn("checking"), BarColumn(bar_width=24), DownloadColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task("", total=None)

        def look(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield look, lambda line: err.print(harmless(line), markup=False, soft_wrap=True)
