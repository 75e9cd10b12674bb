"""What a person sees while a run is working: one line per stage.

On a terminal the line moves (pages/s, kept share, time left); elsewhere it is written when
the stage has ended, and once in a while before that, so that logs stay readable.
"""

import time
from collections import Counter
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)  # fmt: skip
from rich.status import Status

from pipelines.events import (
    Event,
    RunFailed,
    RunFinished,
    RunStarted,
    Said,
    StageDone,
    StageProgress,
    StageStarted,
    UnitDone,
    UnitFailed,
)
from pipelines.storage import Commit
from pipelines.terminal import harmless

_EVERY_SECONDS = 30.0
"""How often a log hears of a stage that goes on."""
_WORTH_A_LINE = 2.0
"""Seconds of silence that a log hears the reason of."""
TITLES = {
    "start": "start the engine",
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
    "packed": "pack the tokens",
    "real": "find what is alike already",
    "plant": "plant near-duplicates",
    "join": "find what was planted",
}


class RunProgress:
    """An observer that draws on a console."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._waiting: Status | None = None
        self._live: Progress | None = None
        self._bar: TaskID | None = None
        self._counts: Counter[str] = Counter()
        self._fresh: Counter[str] = Counter()
        self._began = self._spoke = clock()
        self._total = self._done = 0

    def __call__(self, event: Event) -> None:
        """See `Observer`."""
        match event:
            case RunStarted(engine=engine):
                self.wait(f"starting ({engine})")
            case Said(line):
                self._say(harmless(line))
            case StageStarted():
                self._start(event)
            case UnitDone(commit):
                self._counts.update(_counted(commit))
                self._fresh.update(_counted(commit))
                self._move(event.commit.stage, self._done + 1)
            case StageProgress(stage, done):
                self._move(stage, done)
            case UnitFailed(stage, _, reason):
                self._say(harmless(f"{stage}: set aside: {reason}"))
            case StageDone(stage):
                self._end(stage)
            case RunFinished() | RunFailed():
                self.close()

    def wait(self, what: str) -> None:
        """Show on a terminal that something is under way until the next stage begins."""
        self.close()
        if self._console.is_terminal and not self._console.quiet:
            self._waiting = self._console.status(what)
            self._waiting.start()

    def close(self) -> None:
        """Leave the terminal as it was, also after an error in the middle of a stage."""
        if self._waiting:
            self._waiting.stop()
        if self._live:
            self._live.stop()
        self._waiting = self._live = self._bar = None

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)
        self._spoke = self._clock()

    def _start(self, event: StageStarted) -> None:
        began, self._began = self._began, self._clock()
        quiet = self._began - max(began, self._spoke)
        if not self._live and not self._console.is_terminal and quiet >= _WORTH_A_LINE:
            self._say(f"{_title('start')}{quiet:.1f} s")
        self.close()
        self._counts.clear()
        self._fresh.clear()
        self._total, self._done = event.units, len(event.done)
        for commit in event.done:
            self._counts.update(_counted(commit))
        if self._console.is_terminal:
            self._live = _bar(self._console)
            self._live.start()
            self._bar = self._live.add_task(
                _title(event.stage), total=self._total, completed=self._done, rate=self._rate()
            )

    def _move(self, stage: str, done: int) -> None:
        """Move the line on; elsewhere than on a terminal say so from time to time."""
        self._done = done
        if self._live and self._bar is not None:
            self._live.update(self._bar, completed=done, rate=self._rate())
        elif self._clock() - max(self._began, self._spoke) >= _EVERY_SECONDS:
            self._say_how_far(stage, f"{done} of {self._total} unit(s)")

    def _end(self, stage: str) -> None:
        if self._live:
            self.close()
        else:
            self._say_how_far(stage, f"{self._total} unit(s)")
        self._began = self._clock()

    def _say_how_far(self, stage: str, units: str) -> None:
        parts = [units, self._rate(), f"{self._clock() - self._began:.1f} s"]
        self._say(_title(stage) + ", ".join(part for part in parts if part))

    def _rate(self) -> str:
        pages = self._counts["pages"]
        if not pages:
            return ""
        seconds = max(self._clock() - self._began, 1e-3)
        speed = f"{self._fresh['pages'] / seconds:.0f} pages/s, " if self._fresh["pages"] else ""
        return f"{pages:,} pages, {speed}{self._counts['kept'] / pages:.0%} kept"


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        console=console,
    )


def _title(stage: str) -> str:
    return f"{stage:<24}{TITLES.get(stage.partition('_')[0], ''):<28}"


def _counted(commit: Commit) -> dict[str, int]:
    return {key: commit.facts[key] for key in ("pages", "kept") if key in commit.facts}
