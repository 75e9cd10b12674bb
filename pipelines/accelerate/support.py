"""Which trafilatura, and which of its options, the faster parts were made and proved for."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

MADE_FOR = "2.3.1"
OPTIONS = frozenset(
    {
        "favor_precision",
        "favor_recall",
        "deduplicate",
        "fast",
        "include_comments",
        "include_tables",
        "include_links",
        "include_formatting",
    }
)


def why_not(options: Mapping[str, Any]) -> str | None:
    """Return why the faster parts must step aside for the installed trafilatura and options.

    None where they need not.
    """
    installed = version("trafilatura")
    if installed != MADE_FOR:
        return f"trafilatura {installed} is installed, they are made for {MADE_FOR}"
    unknown = sorted(name for name in options if name not in OPTIONS)
    if unknown:
        return f"they do not know {', '.join(unknown)}"
    odd = sorted(name for name, value in options.items() if not isinstance(value, bool))
    return f"{', '.join(odd)} must be true or false" if odd else None
