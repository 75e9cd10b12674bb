"""Where the command line prints to."""

import json
import sys
from typing import Any

from rich.console import Console

# Where there is no terminal, lines may be as long as they need to be.
_WIDTH = None if sys.stdout.isatty() else 160
out = Console(highlight=False, width=_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(data: Any) -> None:
    """Print an object as JSON; ASCII, so that no text from a crawl can steer the terminal."""
    print(json.dumps(data, indent=2, default=str))  # noqa: T201  not for rich
