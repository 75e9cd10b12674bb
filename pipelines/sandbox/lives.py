"""One child after another: who is at work, what it has cost, when another one takes over."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from pipelines.sandbox.child import Loader
from pipelines.sandbox.confine import resident_now
from pipelines.sandbox.frames import GarbledError, GoneError
from pipelines.sandbox.launch import (
    Child,
    Ended,
    SandboxError,
    close_template,
    template_for,
)
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.marks import STAGES

MOST_PAGES = 30_000
"""Pages of a child's life, about a crawl file's."""
_LEAKED = 4
"""A child has grown too old once it holds this part of a page's memory more than at first."""
_NANO = 1e9
_SAID = {"done": 0, "memory": 0, "refused": 2, "raised": 1}
"""How much more an answer says, by outcome."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something for the child."""

    about: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How an item went."""

    spent: int
    """Nanoseconds of CPU time."""
    outcome: str
    """`done`, `memory`, `refused` or `raised`."""
    said: tuple[str, ...]
    """Name of the exception and, of one that is for a person, its message."""
    stage: str
    """How far it came."""


def _read_head(message: list[bytes]) -> Head:
    """Believe nothing. ValueError or TypeError for what no child of ours would send."""
    spent, outcome, *said, stage = json.loads(message[0] if message else b"")
    if stage not in STAGES or outcome not in _SAID or len(said) != _SAID[outcome]:
        raise ValueError(f"not an answer: {message[0]!r}")
    return Head(int(spent), outcome, tuple(map(str, said)), stage)


class DiedError(Exception):
    """A try ended without an answer that counts."""

    def __init__(self, ended: Ended, answered: str | None) -> None:
        super().__init__(ended.reason)
        self.ended = ended
        self._answered = answered
        """The last stage of the item that was waited for, if the child had come to its end."""

    def culprit(self, waiting: Iterable[int]) -> tuple[int, str] | None:
        """Return which of the items that wait for an answer ended the child, and at which stage.

        None if none had begun. What comes before it had its answer ready, but not yet sent.
        """
        waiting = list(waiting)
        begun = self.ended.begun
        if self._answered and waiting:
            return waiting[0], self._answered
        return (begun.ordinal, begun.stage) if begun and begun.ordinal in waiting else None


class Lives:
    """The children that one sandbox has, one at a time."""

    def __init__(self, loader: Loader, argument: Any, key: str, limits: Limits) -> None:
        self.limits = limits
        self._source = (loader, argument, key)
        self._child: Child | None = None
        self._spent = 0.0
        self._peak = 0

    @property
    def alive(self) -> bool:
        """Whether there is a child; it may have ended without anybody noticing."""
        return self._child is not None

    @property
    def fresh(self) -> bool:
        """Whether whoever is next to work has not seen any item."""
        return self._child is None or self._child.handled == 0

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all children so far."""
        return self._spent + (self._child.cpu_seconds if self._child else 0.0)

    @property
    def peak_bytes(self) -> int:
        """Memory of the largest child that has ended, or of the one at work."""
        return max(self._peak, resident_now(self._child.process) if self._child else 0)

    def prepare(self) -> None:
        """Begin to load what children need, while this process does something else."""
        try:
            template_for(*self._source)
        except SandboxError:  # see `start`
            close_template()

    def start(self) -> Child:
        """Return the child at work, a fresh one where there is none."""
        if self._child is None:
            try:
                self._child = self._fork()
            except SandboxError:  # somebody has killed the template: it is to be had again
                close_template()
                self._child = self._fork()
        return self._child

    def _fork(self) -> Child:
        return template_for(*self._source).fork(self.limits)

    def send(
        self, unit: tuple[int, bytes], items: Mapping[int, Item], limits: Limits, *, hold: bool
    ) -> None:
        """Send items by their ordinals to the child, which may hold answers back for a moment."""
        child = self.start()
        child.watch.expect(limits)
        head = json.dumps([unit[0], limits.memory, hold, list(items)]).encode()
        parts = [part for item in items.values() for part in (item.about, item.body)]
        try:
            child.line.send([head, unit[1], *parts])
        except GoneError:
            self.bury()

    def receive(self) -> list[bytes]:
        """Return the child's next message. DiedError where there will be none."""
        child = self.start()
        try:
            return child.line.receive()
        except GoneError:
            self.bury()
        except GarbledError:
            self.bury("crash:garbled")

    def answer(self) -> tuple["Head", list[bytes]]:
        """Return how an item went, and its answer. DiedError if it took more than a second try may.

        What took less than that on a first try needs no second one: it would end the same.
        """
        message = self.receive()
        try:
            head = _read_head(message)
        except (ValueError, TypeError):
            self.bury("crash:garbled", STAGES[0])
        if head.outcome == "memory":
            self.bury("memory_limit", head.stage)
        if head.spent > 2 * self.limits.cpu_seconds * _NANO:
            self.bury("cpu_limit", head.stage)
        self.start().handled += 1
        return head, message[1:]

    def bury(self, verdict: str | None = None, stage: str | None = None) -> NoReturn:
        """End the child, and say by DiedError how it came to that."""
        ended = self._end(verdict)
        assert ended is not None  # noqa: S101  somebody was waiting for it
        raise DiedError(ended, stage)

    def retire(self) -> None:
        """End the child, which has done its work."""
        self._end(None)

    def renew(self) -> None:
        """Have another child take over if this one has grown too old."""
        child = self._child
        if child is None:
            return
        grown = resident_now(child.process) - child.base
        if child.handled >= MOST_PAGES or grown > self.limits.memory / _LEAKED:
            self.retire()

    def _end(self, verdict: str | None) -> Ended | None:
        child, self._child = self._child, None
        if child is None:
            return None
        ended = child.end(verdict)
        self._spent += child.used[0]
        self._peak = max(self._peak, child.used[1])
        return ended
