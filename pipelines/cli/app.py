"""The command `cuvee`: its commands together, and how it ends."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from filters.errors import CuveeError
from pipelines.cli import (
    auditing,
    calibrating,
    carding,
    checking,
    comparing,
    contaminating,
    describing,
    exporting,
    health,
    looking,
    planning,
    publishing,
    reporting,
    running,
    taking_down,
    tokenizing,
)
from pipelines.cli.classifying import classifier
from pipelines.cli.console import err, out
from pipelines.cli.options import examples
from pipelines.cli.shelf import shelf

app = typer.Typer(
    name="cuvee",
    help="From a web crawl to a published pretraining dataset.",
    epilog=examples("cuvee demo", "cuvee run --help")
    + "\n\nAn error's trace: --debug, anywhere on the line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# The order of the help.
_GROUPS = (
    running,
    planning,
    calibrating,
    looking,
    auditing,
    comparing,
    contaminating,
    reporting,
    checking,
    tokenizing,
    carding,
    publishing,
    exporting,
    taking_down,
    describing,
    health,
)
for _group in _GROUPS:
    if _group is tokenizing:
        app.add_typer(classifier, name="classifier")
    if _group is describing:
        app.add_typer(shelf, name="recipes")
    app.add_typer(_group.commands)

_INTERRUPTED = 130
_RESUMED = ("run", "demo", "publish", "takedown", "tokenize", "export")
"""Commands that keep what was done before an interrupt."""


def _say_version(*, wanted: bool) -> None:
    if wanted:
        out.print(f"cuvee {version('cuvee')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        app(arguments, prog_name="cuvee")
    except CuveeError as error:
        _fail(str(error), error.exit_code, debug=debug)
    except SystemExit as ending:
        if ending.code == _INTERRUPTED:  # typer has made this of a KeyboardInterrupt
            command = next((word for word in arguments if not word.startswith("-")), "")
            then = "; the same command again goes on from here." if command in _RESUMED else "."
            _fail(f"interrupted{then}", _INTERRUPTED, debug=debug)
        raise
    except Exception as error:  # noqa: BLE001  the last place that can turn a trace into words
        what = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        _fail(f"{what}\n  This is a defect of cuvee. --debug shows where.", 1, debug=debug)


def _fail(message: str, code: int, *, debug: bool) -> None:
    from pipelines.cli.observing import LOG_JSON, write_line
    from pipelines.terminal import harmless

    if debug:
        err.print_exception()
    if LOG_JSON in sys.argv:
        from pipelines.events import RunFailed

        write_line(RunFailed(message, code))
    else:
        err.print(harmless(f"cuvee: {message}"), markup=False)
    raise SystemExit(code)
