"""The command that brings a dataset into the formats of those who train on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.cli.console import err, out, print_json
from pipelines.cli.observing import asking
from pipelines.cli.options import AsJson, RunFolder, examples
from pipelines.terminal import harmless

if TYPE_CHECKING:
    from pipelines.export.binary import Exported, Watch
    from pipelines.export.tools import Made

commands = typer.Typer()

IdFormat = Literal["megatron", "nanotron"]
TextFormat = Literal["pile", "dolma", "redpajama2", "c4"]
ToolName = Literal["trl", "axolotl", "unsloth", "torchtitan", "megatron", "nanotron"]


@commands.command(
    epilog=examples(
        "cuvee export runs/demo --format megatron --output exported/megatron",
        "cuvee export runs/demo --format nanotron --shuffle 0 --output exported/nanotron",
        "cuvee export runs/demo --format pile --output exported/pile",
        "cuvee export runs/demo --for trl --output exported/trl",
    )
)
def export(
    folder: RunFolder,
    output: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", parser=run_folder, help="New or empty; an earlier try goes on."
        ),
    ],
    to_format: Annotated[
        Literal["megatron", "nanotron", "pile", "dolma", "redpajama2", "c4"] | None,
        typer.Option("--format", help="Token ids, or texts, in this format."),
    ] = None,
    tool: Annotated[
        ToolName | None,
        typer.Option("--for", help="A small config that runs, and the data that it needs."),
    ] = None,
    end_of_document: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", help="Token after each document, or none; else the tokenizer's own."
        ),
    ] = None,
    dtype: Annotated[
        Literal["int32", "uint16"],
        typer.Option(help="Of Megatron's ids. DeepSpeed misreads Megatron's uint16."),
    ] = "int32",
    shuffle: Annotated[
        int | None,
        typer.Option(min=0, metavar="SEED", help="Mix documents; else they are sorted by host."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --for: the model to train further.")
    ] = None,
    sequence_length: Annotated[
        int, typer.Option(min=1, help="With --for: tokens of a training sequence.")
    ] = 2048,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With pile and dolma: what documents come from; else the recipe's name.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's dataset for a trainer; the same command again goes on, or finds it done."""
    from pipelines.export.binary import Options, export_tokens
    from pipelines.export.tools import MODEL, export_for

    if (to_format is None) == (tool is None):
        raise UsageError(
            "--format and --for: exactly one of them is needed.\n"
            f"  For example: cuvee export {folder} --format megatron --output exported"
        )
    options = Options(end_of_document, dtype, shuffle)
    if to_format in get_args(TextFormat):
        _check_unused(str(to_format), options != Options())
        _export_texts(folder, output, str(to_format), source, as_json=as_json)
        return
    with _watching() as watch:
        if tool is not None:
            named = model or MODEL
            made = export_for(folder, output, tool, options, named, sequence_length, watch)
        else:
            kind = cast("IdFormat", to_format)
            done = export_tokens(folder, output, kind, options, watch)
    if tool is not None:
        _show_made(output, made, as_json=as_json)
    else:
        _show(done, as_json=as_json)


def _check_unused(to_format: str, given: bool) -> None:
    """Refuse options that would have no effect."""
    if given:
        raise UsageError(
            f"--format {to_format}: --end-of-document, --dtype and --shuffle are for token ids.\n"
            "  Leave them out: texts leave as they are, in the order of the dataset."
        )


def _export_texts(
    folder: Path, output: Path, style: str, source: str | None, *, as_json: bool
) -> None:
    from pipelines.export.lines import export_lines

    with asking("writing lines"):
        done = export_lines(folder, output, style, source=source)
    if as_json:
        files = [asdict(item) for item in done.files]
        facts = {"format": done.style, "documents": done.rows, "bytes": done.bytes}
        print_json({"output": str(output), **facts, "files": files})
        return
    for item in done.files:
        out.print(str(output / item.path), markup=False, soft_wrap=True)
    out.print(f"{done.rows:,} documents, {decimal(done.bytes)}", markup=False)


def _show(done: "Exported", *, as_json: bool) -> None:
    if as_json:
        print_json({"output": str(done.output), **done.facts})
        return
    for name in done.files:
        out.print(str(done.output / name), markup=False, soft_wrap=True)
    out.print(_counted(done.facts), markup=False, soft_wrap=True)


def _counted(facts: Any) -> str:
    end = facts["end_of_document"]
    ends = "no end of document" if end is None else f"documents end with id {end}"
    empty = f", {facts['empty']:,} without a token left out" if facts["empty"] else ""
    return harmless(
        f"{facts['documents']:,} documents, {facts['tokens']:,} tokens as {facts['dtype']}; "
        f"{ends}{empty}"
    )


def _show_made(output: Path, made: "Made", *, as_json: bool) -> None:
    if as_json:
        files = list(made.files)
        print_json({"output": str(output), "command": made.command, **made.facts, "files": files})
        return
    for name in made.files:
        out.print(str(output / name), markup=False, soft_wrap=True)
    if "documents" in made.facts:
        out.print(_counted(made.facts), markup=False, soft_wrap=True)
    out.print(f"Begin with: {made.command}", markup=False, soft_wrap=True)


@contextmanager
def _watching() -> Iterator["Watch"]:
    columns = (
        TextColumn("exporting"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,.0f} tokens"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task("", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
