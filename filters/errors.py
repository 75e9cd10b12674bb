"""What can go wrong, as a person should read it.

CuveeError
├── UsageError        exit 2: the command, recipe or input is wrong; nothing was done
│   └── RecipeError   exit 2: a recipe is wrong, with file and line
└── WorkError         exit 1: the work was started and could not be finished
    ├── UnitError     one part of it cannot be done; the rest goes on
    └── QuarantineError  more parts than the recipe allows were set aside; the rest is done

A message has at most three lines: the place and the fact, the nearest right
name or the reason, the way out.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CuveeError(Exception):
    """An error that is shown without a traceback."""

    exit_code = 1


class UsageError(CuveeError):
    """The person asked for something that cannot be done as asked."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe says something that has no meaning."""


class WorkError(CuveeError):
    """Work that was begun and could not be finished."""


class UnitError(WorkError):
    """One unit, such as a crawl file, cannot be done; whether that ends the run is a setting."""


class QuarantineError(WorkError):
    """More units were set aside than the recipe allows; the same call tries just those again."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, or None when nothing is close."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None
