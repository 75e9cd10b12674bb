"""What was asked of a run: remembered in its folder, so that no later run there forgets it.

`takedowns.json` names pages and is nobody else's business; what a manifest and a card say of
it are counts and digests.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.files import read_json, write_whole
from pipelines.takedown.requests import Requests

FILE = "takedowns.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One takedown."""

    when: str
    """The day, as 2026-01-31."""
    asked: Requests
    pages: int
    """Pages of the dataset that it has removed."""
    tokens: int

    def public(self) -> dict[str, Any]:
        """Return what anybody may read."""
        counts = {f"asked_{kind}": count for kind, count in self.asked.counts().items()}
        return {
            "when": self.when,
            "pages": self.pages,
            "tokens": self.tokens,
            **counts,
            "sha256": self.asked.digest,
        }

    def plain(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(replace(self, asked=Requests())), "asked": self.asked.plain()}


def entry_of(data: dict[str, Any]) -> Entry:
    """Return what `Entry.plain` has given."""
    return Entry(**{**data, "asked": Requests.from_plain(data["asked"])})


def read_remembered(root: Path) -> list[Entry]:
    """Return a run's takedowns, first to last; UsageError for a damaged file."""
    path = root / FILE
    try:
        return [entry_of(item) for item in read_json(path, "takedowns")["takedowns"]]
    except FileNotFoundError:
        return []


def remember(root: Path, entry: Entry) -> None:
    """Add a takedown to those of a run, unless it is there."""
    known = read_remembered(root)
    if entry not in known:
        write_remembered(root, [*known, entry])


def write_remembered(root: Path, entries: Sequence[Entry]) -> None:
    """Write a run's takedowns."""
    data = {"takedowns": [entry.plain() for entry in entries]}
    write_whole(root / FILE, json.dumps(data, indent=1, ensure_ascii=False).encode())
