"""A handler for the sandbox that does what the items ask of it, the worst included."""

import ctypes
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from filters.errors import WorkError

MIB = 1 << 20
TERMINATE = b"terminate"


class Planted:
    """Answers with a digest of the body; counts the items of a unit if it is to keep state."""

    def __init__(self, *, counts: bool) -> None:
        self._counts = counts
        self._seen = 0
        self._unit = b""

    def begin(self, unit: bytes) -> None:
        self._unit, self._seen = unit, 0

    def handle(self, about: bytes, body: bytes, reach: Callable[[str], None]) -> Sequence[bytes]:
        self._seen += 1
        what, _, how = about.partition(b" ")
        if what != b"echo":
            getattr(self, f"_{what.decode()}")(how.decode(), reach)
        number = str(self._seen).encode() if self._counts else b"-"
        return [self._unit, hashlib.sha256(body).digest(), number]

    def close_batch(self) -> bytes:
        return b"closed"

    def _burn(self, seconds: str, reach: Callable[[str], None]) -> None:
        reach("language")
        end = time.process_time() + float(seconds)
        while time.process_time() < end:
            pass

    def _loop(self, _: str, reach: Callable[[str], None]) -> None:
        reach("quality")
        # In C, without a look at signals: a pattern that tries every way to fail.
        import re

        re.match(r"(a|a)*b", "a" * 60)

    def _segfault(self, *_: Any) -> None:
        ctypes.string_at(0)

    def _allocate(self, most: str, _: Callable[[str], None]) -> None:
        held = []
        while len(held) < int(most):
            held.append(bytearray(os.urandom(16)) * (MIB // 16))

    def _at_once(self, *_: Any) -> None:
        bytearray(1 << 45)

    def _sleep(self, *_: Any) -> None:
        time.sleep(60)

    def _exit(self, code: str, _: Callable[[str], None]) -> None:
        os._exit(int(code))

    def _kill(self, number: str, _: Callable[[str], None]) -> None:
        os.kill(os.getpid(), int(number))

    def _raise(self, *_: Any) -> None:
        raise ValueError("of a page")

    def _refuse(self, *_: Any) -> None:
        raise WorkError("nothing can be made of it")

    def _garble(self, *_: Any) -> None:
        for descriptor in range(3, 64):  # it cannot know which one its parent listens to
            try:
                os.write(descriptor, b"\xff" * 64)
            except OSError:
                continue
        time.sleep(60)


def load(counts: bool) -> Planted:
    """Load the handler."""
    return Planted(counts=counts)


def refuse(message: str) -> Planted:
    """Fail to load it."""
    raise WorkError(message)
