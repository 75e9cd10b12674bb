"""The command line: the only place that prints.

Exit codes: 0 done, 1 the work failed, 2 wrong use. An error is at most three
lines on standard error; `--debug`, anywhere on the line, adds the trace.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text as Styled

from filters.errors import CuveeError, UsageError

app = typer.Typer(
    name="cuvee",
    help="From a web crawl to a published pretraining dataset.",
    epilog="Start with: cuvee demo.  An error's trace: --debug, anywhere on the line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Where there is no terminal, lines may be as long as they need to be.
_WIDTH = None if sys.stdout.isatty() else 160
_out = Console(highlight=False, width=_WIDTH)
_err = Console(stderr=True, highlight=False, soft_wrap=True)

_INTERRUPTED = 130

Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Override a recipe value by dotted path, or a rule's constant by its name.",
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Units at a time; all cores by default.")]
EngineName = Annotated[
    Literal["ray", "inline"],
    typer.Option(help="Ray tasks, or one unit after another in this process."),
]
Address = Annotated[
    str | None, typer.Option(help="Ray cluster to join; RAY_ADDRESS by default, else embedded.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one machine-readable object.")]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")]


@app.command(
    epilog="Examples:  cuvee run fineweb --input crawl/ --output runs/mine   "
    "cuvee run my.yaml --input 'crawl/*.warc.gz' --output runs/mine --set gopher_short_doc=30"
)
def run(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or the name of a shipped one.")],
    output: Annotated[Path, typer.Option(help="Folder of the run; an earlier run there goes on.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Crawl file, folder or glob; instead of the recipe's."),
    ] = None,
    sets: Sets = None,
    workers: Workers = None,
    engine: EngineName = "ray",
    address: Address = None,
    input_base: Annotated[
        str | None, typer.Option(help="Folder that the ledger's file paths are relative to.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many pages of each crawl file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a recipe from crawl to dataset; the same command again resumes."""
    from pipelines.pipeline import RunOptions
    from pipelines.recipe import load_recipe

    loaded = load_recipe(recipe, sets or (), inputs or ())
    if not loaded.input:
        raise UsageError(f"{recipe}: no input.\n  Name crawl files with --input.")
    options = RunOptions(workers, engine, address, limit, input_base)
    _run(loaded, output, options, as_json=as_json)


@app.command(epilog="Example:  cuvee demo --output runs/demo")
def demo(
    output: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/demo"),
    sets: Sets = None,
    workers: Workers = None,
    engine: EngineName = "ray",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the sample crawl and run the whole FineWeb recipe on it."""
    from pipelines.pipeline import RunOptions
    from pipelines.recipe import load_recipe
    from pipelines.sample import default_folder, fetch_sample_crawl

    console = _err if as_json else _out
    crawl = fetch_sample_crawl(default_folder(), lambda line: console.print(line, markup=False))
    loaded = load_recipe("demo", sets or (), [str(crawl.folder)])
    options = RunOptions(workers=workers, engine=engine, address=address)
    _run(loaded, output, options, as_json=as_json)


def _run(recipe: Any, output: Path, options: Any, *, as_json: bool) -> None:
    from pipelines.assets import model_file
    from pipelines.pipeline import run as run_recipe
    from pipelines.progress import RunProgress

    console = _err if as_json else _out
    if recipe.text_gates:  # said here, because fetching it is the first thing that takes a while
        model_file(recipe.language.model, report=lambda line: console.print(line, markup=False))
    progress = RunProgress(console)
    try:
        outcome = run_recipe(recipe, output, options, progress)
    finally:
        progress.close()
    if as_json:
        _print_json(outcome.manifest)
        return
    from pipelines.summary import run_summary

    for part in run_summary(outcome):
        # A command that is to be copied must stay one line, however narrow the terminal.
        _out.print(part, soft_wrap=isinstance(part, Styled))


@app.command(epilog="Example:  cuvee status runs/demo")
def status(folder: RunFolder, as_json: AsJson = False) -> None:
    """Say how far a run is: stages, units done, failed and left. Needs no Ray."""
    from pipelines.summary import progress_table, read_status

    found = read_status(folder)
    if as_json:
        _print_json(found)
    else:
        _out.print(progress_table(folder, found))


@app.command(
    epilog="Examples:  cuvee show runs/demo --kept   "
    "cuvee show runs/demo --rule gopher_short_doc -n 3"
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
    from pipelines.recipe import load_recipe
    from pipelines.summary import page_panel

    if kept and rule:
        raise UsageError("show: --kept and --rule exclude each other.\n  Give one of them.")
    load_manifest(folder)
    pages = list(find_pages(folder, kept=kept, rule=rule, limit=number))
    if as_json:
        _print_json([{**page.row, "signals": page.signals, "text": page.text} for page in pages])
        return
    recipe = load_recipe(str(folder / "recipe.yaml"))
    rules = {item.name: item for _, item in recipe.rules()}
    for page in pages:
        _out.print(page_panel(page, rules, full=full))


@app.command(epilog="Example:  cuvee signals")
def signals(as_json: AsJson = False) -> None:
    """List everything that can be measured, and where it is defined."""
    from pipelines.recipe import describe_signals
    from pipelines.summary import signals_table

    rows = describe_signals()
    if as_json:
        _print_json([asdict(row) for row in rows])
    else:
        _out.print(signals_table(rows))


@app.command(epilog="Example:  cuvee recipes")
def recipes(as_json: AsJson = False) -> None:
    """List the recipes that come with cuvee."""
    from pipelines.recipe import describe_recipes

    described = describe_recipes()
    if as_json:
        _print_json(described)
        return
    for name, summary in described.items():
        _out.print(f"{name:<12}{summary}", markup=False)


@app.command(epilog="Example:  cuvee schema > recipe.schema.json")
def schema() -> None:
    """Print the JSON Schema of a recipe, for editors that complete from it."""
    from pipelines.recipe import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))  # noqa: T201  not for rich


@app.command(epilog="Example:  cuvee funnel runs/demo --svg funnel.svg")
def funnel(
    folder: RunFolder,
    svg: Annotated[Path | None, typer.Option(help="Also draw it into this file.")] = None,
) -> None:
    """Print a finished run's funnel, or draw it as a picture."""
    from pipelines.manifest import load_manifest
    from pipelines.summary import funnel_table

    manifest = load_manifest(folder)
    if svg is None:
        _out.print(funnel_table(manifest))
        return
    from pipelines.picture import draw_funnel
    from pipelines.storage import write_whole

    write_whole(svg, draw_funnel(manifest).encode())
    _out.print(str(svg), markup=False, soft_wrap=True)


def _print_json(data: Any) -> None:
    # ASCII only: text from the crawl must not reach the terminal as control characters.
    print(json.dumps(data, indent=2, default=str))  # noqa: T201  not for rich


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        app(arguments)
    except CuveeError as error:
        _fail(str(error), error.exit_code, debug=debug)
    except SystemExit as ending:
        if ending.code == _INTERRUPTED:  # typer has made this of a KeyboardInterrupt
            _fail("interrupted; the same command again goes on from here.", 130, debug=debug)
        raise
    except Exception as error:  # noqa: BLE001  the last place that can turn a trace into words
        what = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        _fail(f"{what}\n  This is a defect of cuvee. --debug shows where.", 1, debug=debug)


def _fail(message: str, code: int, *, debug: bool) -> None:
    from pipelines.terminal import harmless

    if debug:
        _err.print_exception()
    _err.print(harmless(f"cuvee: {message}"), markup=False)
    raise SystemExit(code)
