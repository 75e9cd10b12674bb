"""Pages curated in the sandbox: everything that looks at what a page holds happens there.

Decoding, the look of the cascade, extraction, language, signals, edits, blocks of datatrove,
the near-duplicate signature and the tokens of what was dropped: each is somebody's C code or
a pattern that some text can make slow. The parent reads records and writes tables. With
`limits: false` the same happens in the parent's own process.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from filters.datatrove_block import BlockStage
from filters.errors import CuveeError, UnitError
from pipelines.crawl import CrawlFile, Damage, Page, Row
from pipelines.curator import Curated, Curator, work_key
from pipelines.ledger_row import base_row
from pipelines.recipe.model import Recipe
from pipelines.sandbox.child import Handler
from pipelines.sandbox.lives import Item
from pipelines.sandbox.opened import UnitWork, load_in_child, open_sandbox
from pipelines.sandbox.run import Answer, Dead, Sandbox
from pipelines.sandbox.wire import Again, Ask, ask_of, curated_of, item_of, parts_of
from pipelines.tokenizer import count_tokens

Asks: TypeAlias = Iterator[Ask | Damage | Curated]
"""The pages of a file from its first one; what is curated already is passed on."""
_GARBLED = Dead("extract", "crash:garbled")
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError)
"""What reading raises where a child says what none of ours would."""


class PageWork(UnitWork):
    """The curation of one file's pages, in the sandbox or without one.

    `again` gives the pages once more, for a fresh child that needs the state which earlier
    pages have left in blocks of datatrove. With a `tokenizer` dropped texts are counted.
    """

    def __init__(
        self,
        curator: Curator,
        file: CrawlFile,
        again: Callable[[], Asks],
        tokenizer: str | None = None,
    ) -> None:
        recipe = curator.recipe
        super().__init__(_sandbox(recipe) if recipe.limits else None)
        self._curator = curator
        self._file = file
        self._again = again
        self._tokenizer = tokenizer

    def each(self, asks: Asks) -> Iterator[Curated]:
        """Yield what becomes of every page, in order."""
        if self.sandbox is None:
            for ask in asks:
                yield curate_here(self._curator, ask, self._file, self._tokenizer)
            return
        work = self.sandbox.work(
            json.dumps([self._file.dump, self._file.file_path, self._tokenizer]).encode(),
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
                self.records.append(_record(ask))
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


def curate_here(
    curator: Curator, ask: Ask | Damage | Curated, file: CrawlFile, tokenizer: str | None = None
) -> Curated:
    """Curate one page in this process; with a `tokenizer`, count the text of a dropped one."""
    if isinstance(ask, Curated):
        return ask
    if isinstance(ask, Again):
        curated = curator.decide_text(ask.row, ask.text, ask.decision)
    else:
        curated = curator.curate(ask, file)
    row, judgement = curated.row, curated.judgement
    if tokenizer is not None and judgement is not None and row["status"] != "kept":
        try:
            row["token_count"] = curator.memo.once(
                ("tokens", tokenizer, judgement.text),
                lambda: count_tokens(tokenizer, judgement.text),
            )
        except CuveeError:
            raise
        except Exception as error:  # noqa: BLE001  it costs the page, not the file
            row.update(status="failed", stage="quality", rule=f"error:{type(error).__name__}")
        curator.clock.lap("tokens")
    return curated


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
        self._tokenizer: str | None = None
        self._unready: UnitError | None = None
        self._file = _file("", "")
        self._is_new = True
        """Whether a batch begins."""

    def begin(self, unit: bytes) -> None:
        """See `child.Handler`."""
        dump, path, self._tokenizer = json.loads(unit)
        self._file = _file(dump, path)
        self._unready = load_in_child(self._tokenizer)
        self._curator.judges.restart()

    def handle(self, about: bytes, body: bytes, reach: Callable[[str], None]) -> Sequence[bytes]:
        """See `child.Handler`."""
        curator = self._curator
        if self._unready is not None:
            raise self._unready
        if self._is_new:
            curator.clock.restart()
            self._is_new = False
        ask = ask_of(about, body)
        curator.reach = reach
        curator.clock.lap("sandbox")
        curated = curate_here(curator, ask, self._file, self._tokenizer)
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
        _sandbox(recipe).lives.prepare()


def _sandbox(recipe: Recipe) -> Sandbox:
    assert recipe.limits is not None  # noqa: S101  its caller has looked
    return open_sandbox(
        load,
        recipe,
        f"pages {work_key(recipe)}",
        recipe.limits,
        keeps_state=any(isinstance(block, BlockStage) for block in recipe.blocks),
    )
