"""What a person sees while a run is working: one line per stage.

On a terminal the line moves (pages/s, kept share, time left); elsewhere it is
written once, when the stage has ended, so that logs stay readable.
"""

import time
from collections import Counter

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)  # fmt: skip

from pipelines.storage import Commit
from pipelines.terminal import harmless

TITLES = {
    "count": "count the lines of big files",
    "curate": "gate, extract, filter",
    "runs": "sort keys",
    "edges": "find who shares a key",
    "forests": "bring pairs together",
    "components": "join clusters",
    "spread": "spread pairs",
    "largestar": "join clusters",
    "smallstar": "join clusters",
    "members": "list clusters",
    "labels": "name each page's cluster",
    "shingles": "gather what may be alike",
    "verify": "compare what may be alike",
    "values": "weigh pages of clusters",
    "survivors": "choose who stays",
    "verdicts": "say who leaves",
    "passages": "sort lines",
    "repeats": "find repeated lines",
    "edits": "remove repeated lines",
    "tokenizer": "train the tokenizer",
    "settle": "edit, count, write the ledger",
    "plan": "plan the shards",
    "dataset": "write the dataset",
    "tokens": "write the tokens",
}


class RunProgress:
    """An `Observer` that draws on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Progress | None = None
        self._bar: TaskID | None = None
        self._counts: Counter[str] = Counter()
        self._fresh: Counter[str] = Counter()
        self._began = 0.0
        self._total = 0

    def said(self, line: str) -> None:
        """Show a line."""
        self._console.print(harmless(line), markup=False, soft_wrap=True)

    def stage_started(self, stage: str, total: int, done: list[Commit]) -> None:
        """Begin a stage's line."""
        self._counts.clear()
        self._fresh.clear()
        self._began = time.monotonic()
        self._total = total
        for commit in done:
            self._counts.update(_counted(commit))
        if self._console.is_terminal:
            self._live = Progress(
                TextColumn("{task.description:<52}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True),
                console=self._console,
            )
            self._live.start()
            self._bar = self._live.add_task(
                _title(stage), total=total, completed=len(done), rate=self._rate()
            )

    def unit_done(self, commit: Commit) -> None:
        """Move the line on."""
        self._counts.update(_counted(commit))
        self._fresh.update(_counted(commit))
        if self._live and self._bar is not None:
            self._live.update(self._bar, advance=1, rate=self._rate())

    def stage_done(self, stage: str) -> None:
        """End the line."""
        if self._live:
            self._live.stop()
            self._live = self._bar = None
            return
        seconds = time.monotonic() - self._began
        parts = [f"{self._total} unit(s)", self._rate(), f"{seconds:.1f} s"]
        self._console.print(f"{_title(stage):<52}" + ", ".join(part for part in parts if part))

    def close(self) -> None:
        """Leave the terminal as it was, also after an error in the middle of a stage."""
        if self._live:
            self._live.stop()
            self._live = None

    def _rate(self) -> str:
        pages = self._counts["pages"]
        if not pages:
            return ""
        seconds = max(time.monotonic() - self._began, 1e-3)
        speed = f"{self._fresh['pages'] / seconds:.0f} pages/s, " if self._fresh["pages"] else ""
        return f"{pages:,} pages, {speed}{self._counts['kept'] / pages:.0%} kept"


def _title(stage: str) -> str:
    return f"{stage:<24}{TITLES.get(stage.partition('_')[0], '')}"


def _counted(commit: Commit) -> dict[str, int]:
    return {key: commit.facts[key] for key in ("pages", "kept") if key in commit.facts}
