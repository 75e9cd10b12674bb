"""Texts finished in the sandbox: the edits after deduplication, and the counting of tokens.

Edits and blocks of datatrove are anybody's code, and a tokenizer's patterns are as slow as
some text can make them. With `limits: false` the same happens in this process.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from filters.datatrove_block import BlockStage
from filters.errors import CuveeError, UnitError
from filters.judge import Decision
from pipelines.final_edits import FinalEdits, raised
from pipelines.recipe.model import Recipe
from pipelines.recipe.modules import activate
from pipelines.sandbox.child import Handler
from pipelines.sandbox.lives import Item
from pipelines.sandbox.opened import UnitWork, load_in_child, open_sandbox
from pipelines.sandbox.run import Answer, Dead, Sandbox
from pipelines.tokenizer import count_tokens

_UTF8 = ("utf-8", "surrogatepass")
_SOME_TEXT = "Some words of no page, to be read first."
_EDIT, _COUNT = b"edit", b"count"
_TIMES_PAGE = 4
"""How many times as long as the longest page a text may be that was made of one: a character
that is one byte there takes up to three in UTF-8."""
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Ask:
    """A text that is to be finished."""

    record: int
    text: str
    edit: bool
    """Whether it is to be edited, and not only counted."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a text."""

    text: str
    counts: Mapping[str, int]
    """What the edits counted, by the ledger's columns."""
    tokens: int | None
    """None where nobody asked, or where they could not be counted."""
    failed: Decision | None
    """Set where the text cannot be published."""


class TextWork(UnitWork):
    """The finishing of one file's texts, in the sandbox or without one.

    `again` gives the texts once more, for a fresh child that needs the state which earlier
    texts have left in blocks of datatrove. Without a `tokenizer` nothing is counted.
    """

    def __init__(
        self, recipe: Recipe, tokenizer: str | None, again: Callable[[], Iterable[Ask]]
    ) -> None:
        super().__init__(_sandbox(recipe) if recipe.limits else None)
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._again = again

    def each(self, asks: Iterable[tuple[Key, Ask | None]]) -> Iterator[tuple[Key, Finished | None]]:
        """Yield every key with what became of its text, in order; None where it has none."""
        if self.sandbox is None:
            edits = FinalEdits(self._recipe)
            for key, ask in asks:
                yield key, finish(edits, self._tokenizer, ask) if ask else None
            return
        work = self.sandbox.work(
            (self._tokenizer or "").encode(),
            self._entries(asks),
            again=lambda: (_item(ask) for ask in self._again()),
        )
        for (key, ask), answer in work:
            yield key, _finished(ask, answer) if ask else None

    def _entries(
        self, asks: Iterable[tuple[Key, Ask | None]]
    ) -> Iterator[tuple[tuple[Key, Ask | None], Item | None]]:
        for key, ask in asks:
            if ask is not None:
                self.records.append(ask.record)
            yield (key, ask), _item(ask) if ask else None


def finish(edits: FinalEdits, tokenizer: str | None, ask: Ask) -> Finished:
    """Edit and count one text in this process."""
    text, counts, failed = edits.apply(ask.text) if ask.edit else (ask.text, {}, None)
    tokens = None
    if tokenizer is not None:
        try:
            tokens = count_tokens(tokenizer, text)
        except CuveeError:
            raise
        except Exception as error:  # noqa: BLE001  it costs the page, not the file
            failed = failed or raised(error)
    return Finished(text, counts, tokens, failed)


def prepare_texts(recipe: Recipe) -> None:
    """Begin to load what the sandbox needs, while this process loads what it needs itself."""
    if recipe.limits:
        _sandbox(recipe).lives.prepare()


def _sandbox(recipe: Recipe) -> Sandbox:
    assert recipe.limits is not None  # noqa: S101  its caller has looked
    return open_sandbox(
        load,
        recipe,
        f"texts {recipe.work_digest}",
        recipe.limits,
        keeps_state=any(isinstance(stage, BlockStage) for stage in recipe.final_edits),
        longest=_TIMES_PAGE * recipe.limits.page_bytes,
    )


class _Finishing:
    """The handler: edits and a tokenizer, in the child."""

    def __init__(self, recipe: Recipe) -> None:
        activate(recipe.modules)
        self._recipe = recipe
        self._tokenizer: str | None = None
        self._unready: UnitError | None = None
        self._edits = FinalEdits(recipe)
        self._edits.warm_up(_SOME_TEXT)

    def begin(self, unit: bytes) -> None:
        """See `child.Handler`."""
        self._tokenizer = unit.decode() or None
        self._unready = load_in_child(self._tokenizer)
        self._edits = FinalEdits(self._recipe)

    def handle(self, about: bytes, body: bytes, reach: Callable[[str], None]) -> Sequence[bytes]:
        """See `child.Handler`."""
        reach("quality")
        if self._unready is not None:
            raise self._unready
        ask = Ask(0, body.decode(*_UTF8), edit=about == _EDIT)
        done = finish(self._edits, self._tokenizer, ask)
        failed = done.failed
        plain = [failed.status, failed.stage, failed.rule] if failed else None
        same = done.text == ask.text
        head = json.dumps([dict(done.counts), done.tokens, plain, same]).encode()
        return [head, b"" if same else done.text.encode(*_UTF8)]

    def close_batch(self) -> bytes:
        """See `child.Handler`."""
        return b""


def load(recipe: Recipe) -> Handler:
    """Load a recipe's final edits; for the template."""
    return _Finishing(recipe)


def _item(ask: Ask) -> Item:
    return Item(_EDIT if ask.edit else _COUNT, ask.text.encode(*_UTF8))


def _finished(ask: Ask, answer: Answer | None) -> Finished:
    if isinstance(answer, list):
        try:
            return _read(ask, answer)
        except (ValueError, TypeError, AttributeError):
            answer = None
    reason = answer.reason if isinstance(answer, Dead) else "crash:garbled"
    return Finished(ask.text, {}, None, Decision("failed", "quality", reason))


def _read(ask: Ask, answer: list[bytes]) -> Finished:
    """Believe nothing. ValueError or TypeError for what no child of ours would send."""
    head, text = answer
    counts, tokens, plain, same = json.loads(head)
    failed: Any = None
    if plain is not None:
        status, stage, rule = plain
        if status not in ("dropped", "failed") or stage != "quality":
            raise ValueError("no outcome of a text")
        failed = Decision(status, stage, str(rule))
    return Finished(
        ask.text if same else text.decode(*_UTF8),
        {str(name): int(count) for name, count in counts.items()},
        None if tokens is None else int(tokens),
        failed,
    )
