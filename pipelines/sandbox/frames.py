"""Messages between a process and its sandbox: lists of byte strings over a socket.

A child that was taken over by a page may send anything, or nothing, for ever. So nothing
that it sends is unpickled, lengths are checked before memory is taken, and the parent looks
at its watch while it waits.
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate, islice, pairwise
from typing import BinaryIO

from filters.errors import CuveeError

TICK_SECONDS = 0.05
"""How often the parent looks at its watch while it waits."""

_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
_MOST_PARTS = 1 << 16
_CHUNK = 1 << 18
_AT_ONCE = 64
"""Parts in one call; systems take at least 1,024, but a socket takes no more than a few pages."""


class GoneError(CuveeError):
    """The other end is closed: its process has ended."""


class GarbledError(CuveeError):
    """What came is no message."""


def packed(parts: Sequence[bytes]) -> bytes:
    """Return a message as bytes: the number of parts, their lengths, the parts."""
    return b"".join((_head(parts), *parts))


def _head(parts: Sequence[bytes]) -> bytes:
    return struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts))


def read_message(stream: BinaryIO) -> list[bytes] | None:
    """Read a message in the child, which trusts its parent; None at the end."""
    head = stream.read(_COUNT.size)
    if len(head) < _COUNT.size:
        return None
    (count,) = _COUNT.unpack(head)
    lengths = struct.unpack(f"<{count}Q", stream.read(count * _LENGTH.size))
    return [stream.read(length) for length in lengths]


def _shorten(parts: deque[memoryview], sent: int) -> None:
    while sent and sent >= len(parts[0]):
        sent -= len(parts.popleft())
    if sent:
        parts[0] = parts[0][sent:]


class Line:
    """The parent's end: sends and receives without ever waiting blindly."""

    def __init__(self, end: socket.socket, look: Callable[[], None], most: int) -> None:
        end.setblocking(False)
        self._end = end
        self._look = look
        self._most = most
        """Bytes of the longest message that is believed."""
        self._got = bytearray()
        self._looked = time.monotonic()

    def close(self) -> None:
        """Close this end; the child reads the end of its work."""
        self._end.close()

    def send(self, parts: Sequence[bytes]) -> None:
        """Send a message whole. GoneError where nobody reads it any more."""
        left = deque(memoryview(part) for part in (_head(parts), *parts) if part)
        while left:
            try:
                _shorten(left, self._end.sendmsg(islice(left, _AT_ONCE)))
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise GoneError("the sandbox's child has ended") from error

    def receive(self) -> list[bytes]:
        """Return the next message. GoneError at the end, GarbledError for anything else."""
        (count,) = _COUNT.unpack(self._take(_COUNT.size))
        if count > _MOST_PARTS:
            raise GarbledError(f"a message of {count} parts")
        lengths = struct.unpack(f"<{count}Q", self._take(count * _LENGTH.size))
        if sum(lengths) > self._most:
            raise GarbledError(f"a message of {sum(lengths)} bytes")
        whole, ends = self._take(sum(lengths)), list(accumulate(lengths, initial=0))
        return [whole[start:end] for start, end in pairwise(ends)]

    def _take(self, size: int) -> bytes:
        while len(self._got) < size:
            try:
                data = self._end.recv(_CHUNK)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError as error:
                raise GoneError("the sandbox's child has ended") from error
            if not data:
                raise GoneError("the sandbox's child has ended")
            self._got += data
        taken = bytes(self._got[:size])
        del self._got[:size]
        return taken

    def _wait(self, event: int) -> None:
        poller = select.poll()
        poller.register(self._end, event)
        poller.poll(TICK_SECONDS * 1000)
        now = time.monotonic()
        if now - self._looked >= TICK_SECONDS:
            self._looked = now
            self._look()
