"""A child at work: reads pages, says what it is at, answers one by one."""

import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol, TypeAlias

from filters.errors import CuveeError
from pipelines.sandbox.confine import confine, resident_peak
from pipelines.sandbox.frames import packed, read_message
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.marks import Marks

_SEND_SECONDS = 0.1


class Handler(Protocol):
    """What a child does with what it is given."""

    def begin(self, unit: bytes) -> None:
        """Begin a unit of work; what was remembered of another is to be forgotten."""

    def handle(self, about: bytes, body: bytes, reach: Callable[[str], None]) -> Sequence[bytes]:
        """Return the answer to one item; `reach` notes the stage that it has come to."""

    def close_batch(self) -> bytes:
        """Return what there is to say of a batch of items that has been handled."""


Loader: TypeAlias = Callable[[Any], Handler]
"""A module-level function that loads a handler, once, in the process that children come from."""


def work(end: socket.socket, marks: Marks, handler: Handler, limits: Limits) -> NoReturn:
    """Handle batch after batch until the parent closes its end; never returns."""
    confine(limits)
    marks.ready(resident_peak())
    unit = None
    try:
        with end.makefile("rb") as stream:
            while (message := read_message(stream)) is not None:
                head, *items = message
                named, memory, hold, ordinals = json.loads(head)
                if named != unit:
                    handler.begin(items[0])
                    unit = named
                outbox = _Outbox(end, _SEND_SECONDS if hold else 0.0)
                for item in zip(ordinals, items[1::2], items[2::2], strict=True):
                    outbox.add(_answer(handler, marks, item, memory))
                outbox.add([handler.close_batch()])
                outbox.send()
    except (BrokenPipeError, ConnectionResetError):
        pass  # nobody waits for an answer any more
    os._exit(0)


class _Outbox:
    """Answers on their way: together, as each message wakes the parent."""

    def __init__(self, end: socket.socket, hold_seconds: float) -> None:
        self._end = end
        self._hold = hold_seconds
        self._waiting: list[bytes] = []
        self._sent = time.monotonic()

    def add(self, answer: Sequence[bytes]) -> None:
        """Send an answer, now or soon."""
        self._waiting.append(packed(answer))
        if time.monotonic() - self._sent >= self._hold:
            self.send()

    def send(self) -> None:
        """Send what waits."""
        self._end.sendall(b"".join(self._waiting))
        self._waiting.clear()
        self._sent = time.monotonic()


def _answer(
    handler: Handler, marks: Marks, item: tuple[int, bytes, bytes], memory: int
) -> list[bytes]:
    """Handle one item; the answer's first part says what it took, how it went and how far."""
    ordinal, about, body = item
    most = marks.base + memory

    def reach(stage: str) -> None:
        if resident_peak() > most:
            raise MemoryError
        marks.reach(stage)

    marks.begin(ordinal)
    parts: Sequence[bytes] = ()
    try:
        parts = handler.handle(about, body, reach)
        outcome = ["done"] if resident_peak() <= most else ["memory"]
    except MemoryError:
        outcome = ["memory"]
    except CuveeError as error:
        outcome = ["refused", type(error).__name__, str(error)]
    except (Exception, SystemExit) as error:  # noqa: BLE001  it costs the page, not the file
        outcome = ["raised", type(error).__name__]
    stage, spent = marks.end()
    return [json.dumps([spent, *outcome, stage]).encode(), *parts]
