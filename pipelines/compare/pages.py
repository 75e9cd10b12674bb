"""Pages curated for several recipes at a time, in the sandbox: what they share is found once."""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from filters.datatrove_block import BlockStage
from filters.errors import UnitError
from filters.memo import Memo
from pipelines.crawl import CrawlFile, Damage, Item
from pipelines.curator import Curated, Curator, work_key
from pipelines.ledger_row import base_row
from pipelines.recipe.model import Recipe
from pipelines.sandbox.child import Handler
from pipelines.sandbox.lives import Item as Sent
from pipelines.sandbox.opened import UnitWork, load_in_child, open_sandbox
from pipelines.sandbox.pages import curate_here
from pipelines.sandbox.run import Answer, Dead, Sandbox
from pipelines.sandbox.wire import ask_of, curated_of, item_of, parts_of

_PARTS = 4
"""Parts of an answer for one recipe; see `wire.parts_of`."""
_GARBLED = Dead("extract", "crash:garbled")
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError)


_LOADED: dict[tuple[str, ...], tuple[Memo, list[Curator]]] = {}


def curators_for(recipes: Sequence[Recipe]) -> tuple[Memo, list[Curator]]:
    """Return this process's curators that share what they find of a page, and the memo for it.

    Only the latest are kept in memory.
    """
    key = tuple(map(work_key, recipes))
    if key not in _LOADED:
        _LOADED.clear()
        memo = Memo(remembers=True)
        _LOADED[key] = memo, [Curator(recipe, memo) for recipe in recipes]
    return _LOADED[key]


class PagesTogether(UnitWork):
    """The curation of one file's pages for several recipes, in the sandbox or without one."""

    def __init__(
        self,
        curators: Sequence[Curator],
        memo: Memo,
        file: CrawlFile,
        again: Callable[[], Iterator[Item]],
        tokenizers: Sequence[str | None],
    ) -> None:
        recipes = tuple(curator.recipe for curator in curators)
        super().__init__(_sandbox(recipes) if recipes[0].limits else None)
        self._curators, self._memo = curators, memo
        self._file, self._again, self._tokenizers = file, again, list(tokenizers)
        self.found: Counter[str] = Counter()
        """What was asked for and done, by `asked` or `done` and the kind."""

    def each(self, items: Iterator[Item]) -> Iterator[list[Curated]]:
        """Yield what becomes of every page, by recipe, in order."""
        if self.sandbox is None:
            for item in items:
                self._memo.forget()
                yield _curate_all(self._curators, item, self._file, self._tokenizers)
            self.found.update(_counts(self._memo))
            return
        work = self.sandbox.work(
            json.dumps([self._file.dump, self._file.file_path, self._tokenizers]).encode(),
            self._entries(items),
            again=lambda: (_sent(item) for item in self._again()),
            told=self._book,
        )
        for item, answer in work:
            yield self._curated(item, answer)

    def _entries(self, items: Iterator[Item]) -> Iterator[tuple[Item, Sent | None]]:
        for item in items:
            sent = _sent(item)
            if sent is not None:
                self.records.append(item.record)
            yield item, sent

    def _curated(self, item: Item, answer: Answer | None) -> list[Curated]:
        if answer is None or isinstance(item, Damage):
            return _curate_all(self._curators, item, self._file, self._tokenizers)
        if not isinstance(answer, Dead) and len(answer) != _PARTS * len(self._curators):
            answer = _GARBLED
        return [self._one(number, item, answer) for number in range(len(self._curators))]

    def _one(self, number: int, item: Item, answer: Answer) -> Curated:
        curator = self._curators[number]
        base = base_row(item, self._file, curator.recipe.audit_fraction)
        if not isinstance(answer, Dead):
            try:
                parts = answer[number * _PARTS : (number + 1) * _PARTS]
                curated, counts = curated_of(parts, base)
            except _MALFORMED:
                answer = _GARBLED
            else:
                curator.accelerated.update(counts)
                return curated
        base.update(status="failed", stage=answer.stage, rule=answer.reason)
        return Curated(base, None, None)

    def _book(self, said: bytes) -> None:
        with contextlib.suppress(*_MALFORMED):  # no more than counts for the table are lost
            told = json.loads(said)
            self.found.update({str(kind): int(count) for kind, count in told.items()})


def _sent(item: Item) -> Sent | None:
    return None if isinstance(item, Damage) else item_of(item)


def _curate_all(
    curators: Sequence[Curator], item: Any, file: CrawlFile, tokenizers: Sequence[str | None]
) -> list[Curated]:
    pairs = zip(curators, tokenizers, strict=True)
    return [curate_here(curator, item, file, tokenizer) for curator, tokenizer in pairs]


def _counts(memo: Memo) -> Counter[str]:
    """Return what was asked for and done since this was asked last."""
    counts = Counter({f"asked.{kind}": count for kind, count in memo.asked.items()})
    counts.update({f"done.{kind}": count for kind, count in memo.done.items()})
    memo.asked.clear()
    memo.done.clear()
    return counts


class _CuratingAll:
    """The handler: a curator for each recipe, in the child."""

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        self._memo, self._curators = curators_for(recipes)
        for curator in self._curators:
            self._memo.forget()
            curator.warm_up()
        _counts(self._memo)
        self._tokenizers: list[str | None] = []
        self._unready: UnitError | None = None
        self._file = _file("", "")

    def begin(self, unit: bytes) -> None:
        """See `child.Handler`."""
        dump, path, self._tokenizers = json.loads(unit)
        self._file = _file(dump, path)
        self._unready = next(filter(None, map(load_in_child, self._tokenizers)), None)
        for curator in self._curators:
            curator.judges.restart()

    def handle(self, about: bytes, body: bytes, reach: Callable[[str], None]) -> Sequence[bytes]:
        """See `child.Handler`."""
        if self._unready is not None:
            raise self._unready
        self._memo.forget()
        ask = ask_of(about, body)
        parts: list[bytes] = []
        for curator in self._curators:
            curator.reach = reach
        for curator, found in zip(
            self._curators,
            _curate_all(self._curators, ask, self._file, self._tokenizers),
            strict=True,
        ):
            parts += parts_of(found, curator.accelerated)
            curator.accelerated.clear()
        return parts

    def close_batch(self) -> bytes:
        """See `child.Handler`."""
        return json.dumps(_counts(self._memo)).encode()


def load(recipes: Sequence[Recipe]) -> Handler:
    """Load all that the recipes need; for the template."""
    return _CuratingAll(recipes)


def _file(dump: str, path: str) -> CrawlFile:
    return CrawlFile(0, path, path, dump, None, "", "crawl")


def _sandbox(recipes: Sequence[Recipe]) -> Sandbox:
    limits = recipes[0].limits
    assert limits is not None  # noqa: S101  its caller has looked
    return open_sandbox(
        load,
        recipes,
        f"pages {' '.join(map(work_key, recipes))}",
        limits,
        keeps_state=any(isinstance(stage, BlockStage) for r in recipes for stage in r.blocks),
    )
