"""A remote object as a file that can be read and sought in.

Bytes come in blocks by range: big ones ahead of whoever reads on, small ones for
whoever jumps. What came is held against what was announced; the rest of a broken
answer is asked for from the byte reached, of the same version of the object. So
a file ends where the server says that it ends, and a dropped connection is never
taken for a truncated file (design section 7).
"""

import io
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from filters.errors import UnitError
from pipelines.crawl.remote.address import without_secrets
from pipelines.crawl.remote.patience import Fault, Patience, Traffic, patiently
from pipelines.crawl.remote.sources import Answer, Source

_AHEAD = 1 << 24
"""Bytes per request for whoever reads on: a file of 1 GB in 64 requests."""
_FIRST = 1 << 22
_JUMP = 1 << 16


class RemoteFile(io.RawIOBase):
    """A remote object as a binary file, for one reader; `read(n)` is short at the end only.

    UnitError when the object cannot be had, or is not the one that was there before.
    """

    def __init__(
        self,
        address: str,
        source: Source,
        patience: Patience,
        traffic: Traffic,
        version: str = "",
        size: int | None = None,
    ) -> None:
        super().__init__()
        self._address = without_secrets(address)
        self._source = source
        self._patience = patience
        self._traffic = traffic
        self._size = size
        traffic.version = version
        self._at = 0
        self._block = b""
        self._block_at = 0
        self._read_to = 0
        """Where the last read ended: the next one goes on from there, or jumps."""
        self._whole: Any = None
        """The object in a temporary file, where its server has no ranges."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; asks the server for the size only where `whence` needs it."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}
        to = offset + (self._length() if whence == os.SEEK_END else origin[whence])
        if to < 0:
            raise ValueError(f"position {to} lies before the file's start")
        self._at = to
        return to

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, or as much of it as the file has left."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (data := self._some(len(view) - filled)):
            view[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def readall(self) -> bytes:
        """Return the rest of the file."""
        parts = []
        while data := self.read(_FIRST):
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        """Give back connections and memory."""
        if not self.closed:
            self._source.close()
            if self._whole is not None:
                self._whole.close()
            self._block = b""
        super().close()

    def _length(self) -> int:
        if self._size is None:
            self._fetch(0, _JUMP)
        return self._size or 0

    def _some(self, wanted: int) -> bytes:
        """Return bytes from here on, at most so many; none at the end only."""
        if self._size is not None and self._at >= self._size:
            return b""
        if self._whole is None and not self._holds(self._at):
            goes_on = self._at == self._read_to
            ahead = (_AHEAD if self._at else _FIRST) if goes_on else _JUMP
            self._fetch(self._at, max(ahead, min(wanted, _AHEAD)))
        if self._whole is not None:
            self._whole.seek(self._at)
            data = bytes(self._whole.read(wanted))
        else:
            start = self._at - self._block_at
            data = self._block[start : start + wanted]
        self._at += len(data)
        self._read_to = self._at
        return data

    def _holds(self, position: int) -> bool:
        return self._block_at <= position < self._block_at + len(self._block)

    def _fetch(self, start: int, wanted: int) -> None:
        """Make the bytes from `start` on, about so many, the block that reads are served from."""
        end = start + wanted if self._size is None else min(start + wanted, self._size)
        self._block = b""  # before the next one comes: two would be in memory
        came = bytearray()
        try:
            patiently(self._asking(start, end, came), self._patience, self._traffic)
        except Fault as fault:
            raise self._given_up(fault) from fault
        self._block, self._block_at = bytes(came), start

    def _asking(self, start: int, end: int, came: bytearray) -> Callable[[], None]:
        """Return the request for what is still missing of a block."""

        def once() -> None:
            reached = start + len(came)
            if came and self._size is not None and reached == min(end, self._size):
                return  # the connection broke after the last byte
            with self._source.ask(reached, end, self._traffic.version) as answer:
                self._compare(answer)
                if not answer.partial:
                    self._spool(answer)
                    return
                if answer.start != reached and answer.length:
                    raise Fault("range", "the server sends other bytes than asked for")
                for chunk in answer.chunks:
                    came.extend(chunk)
                    self._traffic.bytes += len(chunk)
                    if len(came) > end - start:
                        raise Fault("range", "the server sends more than asked for", passes=False)
            self._check_length(start + len(came), end)

        return once

    def _check_length(self, reached: int, end: int) -> None:
        expected = end if self._size is None else min(end, self._size)
        if reached < expected:
            raise Fault("short", f"{expected - reached} bytes fewer came than were announced")

    def _compare(self, answer: Answer) -> None:
        """Note what the server says of the object; Fault where it said otherwise before."""
        known = self._traffic.version
        if (known and answer.version and known != answer.version) or (
            self._size is not None and answer.total is not None and self._size != answer.total
        ):
            raise Fault("changed", "it changed while it was read", passes=False)
        self._traffic.version = known or answer.version
        self._size = self._size if answer.total is None else answer.total
        if self._size is None and answer.partial:  # a part of what cannot be told from the whole
            raise Fault("no_length", "the server does not say how long it is", passes=False)

    def _spool(self, answer: Answer) -> None:
        """Take the whole object, from its start: what came of an earlier try is of no use."""
        with ExitStack() as until_whole:
            spool = until_whole.enter_context(tempfile.SpooledTemporaryFile(max_size=_AHEAD))
            for chunk in answer.chunks:
                spool.write(chunk)
                self._traffic.bytes += len(chunk)
            length = spool.tell()
            if answer.length is not None and length != answer.length:
                words = f"{answer.length - length} bytes fewer came than were announced"
                raise Fault("short", words)
            self._size, self._whole = length, spool
            until_whole.pop_all()  # now it is closed with this file

    def _given_up(self, fault: Fault) -> Exception:
        return UnitError(
            f"input '{self._address}' cannot be read: {fault} "
            f"({tries_in_words(self._traffic)}).\n  {way_out(fault)}"
        )


def tries_in_words(traffic: Traffic) -> str:
    """Return how often something was asked for."""
    requests = f"{traffic.requests} request{'' if traffic.requests == 1 else 's'}"
    return f"{requests}, {traffic.retries} of them retries" if traffic.retries else requests


_WAYS_OUT = {
    "403": (
        "Either the rights to read it are missing (credentials, requester pays), or the server "
        "throttles: then repeat the command later, with fewer --workers."
    ),
    "404": "Check the address and, for entries of a list, --input-base.",
    "401": "It asks for credentials: a token or key in the environment.",
    "address": "Check the address: its scheme, its host or bucket, and its path.",
    "changed": "Repeat the command: it lists the input anew and reads the new version.",
    "no_length": "Fetch it to this machine, check that it is whole and name the copy.",
}


def way_out(fault: Fault) -> str:
    """Return what a person can do about a fault that did not pass."""
    again = "Repeat the command when the server answers again: it goes on from here."
    return _WAYS_OUT.get(fault.kind, again)
