"""Pages curated in the sandbox: everything that looks at what a page holds happens there.

Decoding, the look of the cascade, extraction, language, signals, edits, blocks of datatrove
and the near-duplicate signature: each is somebody's C code or a pattern that some text can
make slow. The parent reads records and writes tables. With `limits: false` the same happens
in the parent's own process.
"""

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from filters.datatrove_block import BlockStage
from filters.errors import UsageError
from pipelines.crawl import CrawlFile, Damage, Page, Row
from pipelines.curator import Curated, Curator, base_row
from pipelines.recipe.model import Recipe
from pipelines.sandbox.child import Handler
from pipelines.sandbox.lives import Item
from pipelines.sandbox.marks import STAGES
from pipelines.sandbox.run import Answer, Dead, Sandbox
from pipelines.sandbox.wire import Again, Ask, ask_of, curated_of, item_of, parts_of

Asks: TypeAlias = Iterator[Ask | Damage | Curated]
"""The pages of a file from its first one; what is curated already is passed on."""
_NAMED = 100
"""Pages at a limit that a unit's facts name; of more only their number is told."""
_GARBLED = Dead("extract", "crash:garbled")
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError)
"""What reading raises where a child says what none of ours would."""


class PageWork:
    """The curation of one file's pages, in the sandbox or without one.

    `again` gives the pages once more, for a fresh child that needs the state which earlier
    pages have left in blocks of datatrove.
    """

    def __init__(self, curator: Curator, file: CrawlFile, again: Callable[[], Asks]) -> None:
        self._curator = curator
        self._file = file
        self._again = again
        recipe = curator.recipe
        self._sandbox = sandbox_for(recipe) if recipe.limits else None
        self._spent_before = self._sandbox.lives.cpu_seconds if self._sandbox else 0.0
        self._records: list[int] = []
        """Of the pages that went into the sandbox, by ordinal."""

    def each(self, asks: Asks) -> Iterator[Curated]:
        """Yield what becomes of every page, in order."""
        if self._sandbox is None:
            for ask in asks:
                yield curate_here(self._curator, ask, self._file)
            return
        work = self._sandbox.work(
            json.dumps([self._file.dump, self._file.file_path]).encode(),
            self._entries(asks),
            again=lambda: (item for _, item in self._items(self._again())),
            told=self._book,
        )
        for ask, answer in work:
            self._curator.clock.lap("sandbox")
            yield self._curated(ask, answer)

    def _entries(self, asks: Asks) -> Iterator[tuple[Ask | Curated, Item | None]]:
        """Yield every page as the child gets it."""
        clock = self._curator.clock
        for ask, item in self._items(asks):
            if item is not None and not isinstance(ask, Curated):
                self._records.append(_record(ask))
                clock.lap("sandbox", len(item.body))
            yield ask, item

    def _items(self, asks: Asks) -> Iterator[tuple[Ask | Curated, Item | None]]:
        clock = self._curator.clock
        for ask in asks:
            clock.lap("read")  # its bytes are counted where the page is curated
            if isinstance(ask, Damage | Curated):  # nothing of a page is looked at
                yield curate_here(self._curator, ask, self._file), None
            else:
                yield ask, item_of(ask)

    def _curated(self, ask: Ask | Curated, answer: Answer | None) -> Curated:
        if isinstance(ask, Curated):
            return ask
        base = ask.row if isinstance(ask, Again) else self._base(ask)
        if answer is None or isinstance(answer, Dead):
            return _failed(ask, base, answer or _GARBLED)
        try:
            curated, counts = curated_of(answer, base)
        except _MALFORMED:
            return _failed(ask, base, _GARBLED)
        self._curator.accelerated.update(counts)
        return curated

    def _base(self, ask: Page | Row) -> dict[str, Any]:
        return base_row(ask, self._file, self._curator.recipe.audit_fraction)

    def _book(self, said: bytes) -> None:
        """Book what the child has spent on the steps of a batch of pages."""
        self._curator.clock.lap("sandbox")
        with contextlib.suppress(*_MALFORMED):  # no more than timings are lost
            self._curator.clock.share(json.loads(said))

    @property
    def lost_texts(self) -> bool:
        """Whether a page failed after its text was extracted, which is lost with the child."""
        faults = self._sandbox.faults if self._sandbox else ()
        return any(fault.failed and fault.stage != STAGES[0] for fault in faults)

    @property
    def used(self) -> tuple[float, int]:
        """CPU seconds and most bytes of memory of the sandbox for this file."""
        if self._sandbox is None:
            return 0.0, 0
        lives = self._sandbox.lives
        return lives.cpu_seconds - self._spent_before, lives.peak_bytes

    def facts(self) -> dict[str, Any]:
        """Return the pages that were over a limit or ended a child; nothing without any."""
        faults = self._sandbox.faults if self._sandbox else []
        if not faults:
            return {}
        failed = Counter(fault.reason for fault in faults if fault.failed)
        late = Counter(fault.reason for fault in faults if not fault.failed)
        pages = [
            {"record": self._records[fault.ordinal], "reason": fault.reason, "failed": fault.failed}
            for fault in faults[:_NAMED]
        ]
        return {"at_limits": {"failed": dict(failed), "passed_later": dict(late), "pages": pages}}


def curate_here(curator: Curator, ask: Ask | Damage | Curated, file: CrawlFile) -> Curated:
    """Curate one page in this process."""
    if isinstance(ask, Curated):
        return ask
    if isinstance(ask, Again):
        return curator.decide_text(ask.row, ask.text, ask.decision)
    return curator.curate(ask, file)


def _record(ask: Ask) -> int:
    record: int = ask.row["record"] if isinstance(ask, Again) else ask.record
    return record


def _failed(ask: Ask, base: dict[str, Any], dead: Dead) -> Curated:
    base.update(status="failed", stage=dead.stage, rule=dead.reason)
    return Curated(base, ask.text if isinstance(ask, Again) else None, None)


class _Curating:
    """The handler: a curator, in the child."""

    def __init__(self, recipe: Recipe) -> None:
        self._curator = Curator(recipe)
        self._curator.warm_up()
        self._file = _file("", "")
        self._is_new = True
        """Whether a batch begins."""

    def begin(self, unit: bytes) -> None:
        """See `child.Handler`."""
        self._file = _file(*json.loads(unit))
        self._curator.judge.restart()

    def handle(self, about: bytes, body: bytes, reach: Callable[[str], None]) -> Sequence[bytes]:
        """See `child.Handler`."""
        curator = self._curator
        if self._is_new:
            curator.clock.restart()
            self._is_new = False
        ask = ask_of(about, body)
        curator.reach = reach
        curator.clock.lap("sandbox")
        curated = curate_here(curator, ask, self._file)
        curator.clock.lap("minhash")
        parts = parts_of(curated, curator.accelerated)
        curator.accelerated.clear()
        curator.clock.lap("sandbox")
        return parts

    def close_batch(self) -> bytes:
        """See `child.Handler`."""
        self._is_new = True
        return json.dumps(self._curator.clock.read()).encode()


def load(recipe: Recipe) -> Handler:
    """Load all that a recipe needs; for the template."""
    return _Curating(recipe)


def _file(dump: str, path: str) -> CrawlFile:
    return CrawlFile(0, path, path, dump, None, "", "crawl")


def prepare(recipe: Recipe) -> None:
    """Begin to load what the sandbox needs, while this process loads what it needs itself."""
    if recipe.limits:
        sandbox_for(recipe).lives.prepare()


_OPEN: dict[tuple[int, str], Sandbox] = {}
"""The sandbox of this process and the recipe that it is for."""


def sandbox_for(recipe: Recipe) -> Sandbox:
    """Return this process's sandbox for a recipe that has limits; only the latest is kept.

    UsageError where there can be none.
    """
    assert recipe.limits is not None  # noqa: S101  its caller has looked
    if not sys.platform.startswith("linux"):
        raise UsageError(
            "limits: the sandbox watches over pages with what only Linux has.\n"
            "  Go on without it, on input that you trust: --set limits=false"
        )
    digest = recipe.work_digest
    key = (os.getpid(), digest)
    if key not in _OPEN:
        for (process, _), other in _OPEN.items():
            if process == os.getpid():
                other.lives.retire()
        _OPEN.clear()
        keeps_state = any(isinstance(block, BlockStage) for block in recipe.blocks)
        _OPEN[key] = Sandbox(load, recipe, digest, recipe.limits, keeps_state=keeps_state)
    return _OPEN[key]
