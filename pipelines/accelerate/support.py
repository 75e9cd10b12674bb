"""Which trafilatura, and which of its options, the faster parts were made and proved for."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

MADE_FOR = "2.3.1"
PROVED: Mapping[str, tuple[bool, ...]] = {
    "favor_precision": (True,),
    "favor_recall": (False,),
    "deduplicate": (False, True),
    "fast": (False,),
    "include_comments": (False,),
    "include_tables": (True,),
    "include_links": (False,),
    "include_formatting": (False,),
}
"""Values with which every page at hand has trafilatura's text; with others some have not."""

_DEFAULTS = {"favor_precision": False, "include_comments": True}


def why_not(options: Mapping[str, Any]) -> str | None:
    """Return why the faster parts must step aside for the installed trafilatura and options.

    None where they need not.
    """
    installed = version("trafilatura")
    if installed != MADE_FOR:
        return f"trafilatura {installed} is installed, they are made for {MADE_FOR}"
    unknown = sorted(name for name in options if name not in PROVED)
    if unknown:
        return f"they do not know {', '.join(unknown)}"
    values = {**_DEFAULTS, **options}
    odd = sorted(name for name, value in values.items() if value not in PROVED[name])
    return f"{', '.join(odd)} must be as in FineWeb" if odd else None
