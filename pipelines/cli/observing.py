"""How a command that takes a while says what it is at."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.cli.console import err

if TYPE_CHECKING:
    from pipelines.events import Event, Observer

LogJson = Annotated[
    bool, typer.Option("--log-json", help="Say what happens as lines of JSON, on stderr.")
]
LOG_JSON = "--log-json"


@contextmanager
def observing(console: Console, waiting: str, *, log_json: bool) -> Iterator["Observer"]:
    """Give an observer that draws on a console, or that writes lines of JSON to stderr.

    `waiting` is what a terminal shows until there is more to be said.
    """
    if log_json:
        yield write_event
        return
    from pipelines.progress import RunProgress

    progress = RunProgress(console)
    progress.wait(waiting)
    try:
        yield progress
    finally:
        progress.close()


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Show on a terminal what a question of some seconds is at; elsewhere nothing."""
    with err.status(what) if err.is_terminal else nullcontext():
        yield


def write_event(event: "Event") -> None:
    """Write an event to stderr; an error is told where the command ends, once for all of them."""
    from pipelines.events import RunFailed

    if not isinstance(event, RunFailed):
        write_line(event)


def write_line(event: "Event") -> None:
    """Write any event to stderr."""
    from pipelines.events import line_of

    sys.stderr.write(line_of(event).decode())
    sys.stderr.flush()
