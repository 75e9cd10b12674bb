"""Items through the sandbox: in batches, in order, each of them answered or named as fatal.

While the child is at one batch, the parent reads the next and writes the last. An item that
kills its child, or is over a limit, is tried once more, alone, in a fresh child with double
the limits; the others of its batch go on in another.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count, islice
from typing import Any, Generic, TypeAlias, TypeVar

from pipelines.sandbox.child import Loader
from pipelines.sandbox.launch import SandboxError, raised_again
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.lives import DiedError, Item, Lives
from pipelines.sandbox.marks import STAGES

MOST_ITEMS = 32
MOST_BYTES = 4 << 20
"""Of a batch: the child is to have something to do while the parent does something else."""
_TRIES = 2
_TRIES_LOST = 10
"""Somebody else may kill a child, also one that has not begun."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Dead:
    """What became of an item that cannot be handled."""

    stage: str
    """The stage that it failed at; see `marks.STAGES`."""
    reason: str


@dataclass(frozen=True, slots=True)
class Fault:
    """An item that went over a limit or ended a child, whatever became of it."""

    ordinal: int
    """Place of the item among those of its unit, from 0."""
    stage: str
    """The stage that it was at, at the last try that was in vain."""
    reason: str
    failed: bool
    """Whether its second try ended like that; else it was answered then."""


Answer: TypeAlias = list[bytes] | Dead
Again: TypeAlias = Callable[[], Iterable[Item | None]]


@dataclass(slots=True)
class _Batch(Generic[Key]):
    """Items under way, and what is known of them so far."""

    entries: list[tuple[Key, int | None]] = field(default_factory=list)
    """Key and ordinal; no ordinal for what has nothing to be done."""
    open: dict[int, Item] = field(default_factory=dict)
    """What the child has not answered, by ordinal, in order."""
    answers: dict[int, Answer] = field(default_factory=dict)
    bytes: int = 0

    @property
    def full(self) -> bool:
        return len(self.entries) >= MOST_ITEMS or self.bytes >= MOST_BYTES

    def done(self) -> Iterator[tuple[Key, Answer | None]]:
        for key, ordinal in self.entries:
            yield key, None if ordinal is None else self.answers[ordinal]


class Sandbox:
    """Where one thread of this process has items handled.

    `key` tells one handler from another. A handler that `keeps_state` from item to item is
    given the earlier items of the unit again before it goes on in a fresh child. `longest`
    is how many bytes an item may have, if not as many as a page.
    """

    def __init__(
        self,
        loader: Loader,
        argument: Any,
        key: str,
        limits: Limits,
        *,
        keeps_state: bool = False,
        longest: int | None = None,
    ) -> None:
        self.faults: list[Fault] = []
        """Of the unit under way."""
        self.lives = Lives(loader, argument, key, limits)
        self._limits = limits
        self._longest = limits.page_bytes if longest is None else longest
        self._keeps_state = keeps_state
        self._unit = (0, b"")
        self._again: Again = tuple
        self._told: Callable[[bytes], None] = lambda _: None
        self._fatal: set[int] = set()

    def work(
        self,
        unit: bytes,
        items: Iterable[tuple[Key, Item | None]],
        *,
        again: Again = tuple,
        told: Callable[[bytes], None] = lambda _: None,
    ) -> Iterator[tuple[Key, Answer | None]]:
        """Yield every key with the answer to its item, in order; None where there is no item.

        `unit` is what the handler learns of all of them. `again` gives the items from the
        start, for a handler that keeps state. `told` gets what the handler says of a batch.
        Raises SandboxError, and the CuveeError that a handler raises.
        """
        self._unit = (self._unit[0] + 1, unit)
        self._again, self._told = again, told
        self._fatal, self.faults = set(), []
        if self._keeps_state:
            self.lives.renew()
        before: _Batch[Key] = _Batch()
        whole = False
        try:
            for batch in chain(self._batches(items), [_Batch[Key]()]):
                self._finish(before)
                finished, before = before, batch
                self._begin(batch)
                yield from finished.done()
            whole = True
        finally:
            if not whole:  # nobody will read what the child still has to say
                self.lives.retire()

    def _batches(self, items: Iterable[tuple[Key, Item | None]]) -> Iterator[_Batch[Key]]:
        batch: _Batch[Key] = _Batch()
        ordinals = count()
        for key, item in items:
            ordinal = None if item is None else next(ordinals)
            batch.entries.append((key, ordinal))
            if item is not None and ordinal is not None:
                self._add(batch, ordinal, item)
            if batch.full:
                yield batch
                batch = _Batch()
        yield batch

    def _add(self, batch: _Batch[Key], ordinal: int, item: Item) -> None:
        if len(item.body) > self._longest:
            batch.answers[ordinal] = self._fails(ordinal, STAGES[0], "page_bytes")
        else:
            batch.open[ordinal] = item
            batch.bytes += len(item.body)

    def _begin(self, batch: _Batch[Key]) -> None:
        if not self._keeps_state:
            self.lives.renew()
        if batch.open:
            try:
                self._send(batch.open, self._limits)
            except DiedError:
                return  # whoever waits for answers begins again

    def _finish(self, batch: _Batch[Key]) -> None:
        """Wait for all answers to a batch that was begun, whatever happens on the way."""
        lost = 0
        while batch.open:
            try:
                self._receive_all(batch, hold=not lost)
            except DiedError as died:
                found = died.culprit(batch.open)
                if found is None and batch.open and lost and not died.ended.lost:
                    # A page that has spoilt the marks, too: this time nothing was held back.
                    found = next(iter(batch.open)), STAGES[0]
                lost += found is None
                if lost >= _TRIES_LOST:
                    raise SandboxError(f"somebody keeps killing the sandbox: {died}") from died
                if found is not None:
                    ordinal, stage = found
                    item = batch.open.pop(ordinal)
                    batch.answers[ordinal] = self._alone(ordinal, item, died, stage)

    def _receive_all(self, batch: _Batch[Key], *, hold: bool) -> None:
        if not self.lives.alive:
            self._send(batch.open, self._limits, hold=hold)
        for ordinal in list(batch.open):
            answer = self._answer()
            del batch.open[ordinal]
            batch.answers[ordinal] = answer
        self._told(b"".join(self.lives.receive()))

    def _alone(self, ordinal: int, item: Item, died: DiedError, stage: str) -> Answer:
        """Try an item once more, with double the limits; who was killed says nothing about it."""
        tries, lost = int(not died.ended.lost), int(died.ended.lost)
        first = died.ended.reason
        while tries < _TRIES and lost < _TRIES_LOST:
            try:
                self._send({ordinal: item}, self._limits.doubled())
                answer = self._answer()
            except DiedError as again:
                died, found = again, again.culprit([ordinal])
                tries, lost = tries + (not died.ended.lost), lost + died.ended.lost
                stage = found[1] if found else stage
            else:
                self.lives.retire()
                if tries:
                    self.faults.append(Fault(ordinal, stage, first, failed=False))
                return answer
        return self._fails(ordinal, stage, died.ended.reason)

    def _answer(self) -> Answer:
        """Return the answer to an item; raises what the handler has to say to a person."""
        head, parts = self.lives.answer()
        if head.outcome == "refused":
            raise raised_again(*head.said)
        if head.outcome == "raised":
            return Dead(head.stage, f"error:{head.said[0]}")
        return parts

    def _fails(self, ordinal: int, stage: str, reason: str) -> Dead:
        self._fatal.add(ordinal)
        self.faults.append(Fault(ordinal, stage, reason, failed=True))
        return Dead(stage, reason)

    def _send(self, items: Mapping[int, Item], limits: Limits, *, hold: bool = True) -> None:
        """Send items; the child may hold answers back for a moment unless their order matters."""
        if self._keeps_state and self.lives.fresh:
            self._repeat(next(iter(items)))
        self.lives.send(self._unit, items, limits, hold=hold and not self._keeps_state)

    def _repeat(self, before: int) -> None:
        """Give a fresh child the items of the unit before an ordinal, for the state they leave."""
        known = (item for item in self._again() if item is not None)
        numbered = zip(range(before), known, strict=False)
        earlier = ((at, item) for at, item in numbered if at not in self._fatal)
        while batch := dict(islice(earlier, MOST_ITEMS)):
            self.lives.send(self._unit, batch, self._limits.doubled(), hold=False)
            for _ in batch:
                self.lives.answer()
            self.lives.receive()
