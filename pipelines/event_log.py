"""`events.jsonl` of a run: what has happened in it, from its first command on.

In a folder each event is one write at the end of the file, so a killed driver leaves whole
lines. S3 cannot append: there it is a folder of that name, to which an object with the
lines of a while is added. The log is for people and their programs; a run never reads it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from filters.errors import CuveeError
from pipelines.bucket.path import S3Path
from pipelines.events import Event, Observer, RunFailed, RunStarted, line_of

NAME = "events.jsonl"
_EVERY_SECONDS = 60.0
"""How often lines are sent to S3, at most."""
_TAIL = 1 << 16


class _Log(Protocol):
    def write(self, line: bytes) -> None:
        """Add a line."""

    def close(self) -> None:
        """Leave everything where it is to be found."""


class Recorder:
    """An observer that passes on what it is told, and writes it down once it knows where."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._early: list[bytes] = []
        self._log: _Log | None = None

    def __call__(self, event: Event) -> None:
        """See `Observer`."""
        line = line_of(event)
        if self._log is None:
            self._early.append(line)
        else:
            self._log.write(line)
        self._observer(event)

    @contextmanager
    def writing(self, root: Path, started: RunStarted) -> Iterator[None]:
        """Write to a run's directory, which this process holds; an error is the last event."""
        self._log = log = _S3Log(root / NAME) if isinstance(root, S3Path) else _File(root / NAME)
        try:
            early, self._early = self._early, []
            self(started)
            for line in early:
                log.write(line)
            yield
        except BaseException as error:
            self._fail(log, error)
            raise
        else:
            log.close()
        finally:
            self._log = None

    def _fail(self, log: "_Log", error: BaseException) -> None:
        failed = RunFailed(*in_words(error))
        try:
            log.write(line_of(failed))
            log.close()
        except (OSError, CuveeError) as another:  # the first one is what is to be told
            error.add_note(f"{NAME}: {another}")
        self._observer(failed)


def in_words(error: BaseException) -> tuple[str, int]:
    """Return what an error is told as, and the exit code that it leads to."""
    if isinstance(error, CuveeError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}", 1


class _File:
    """A file of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        self._cut_torn_line()

    def write(self, line: bytes) -> None:
        """See `_Log`."""
        written = os.write(self._descriptor, line)
        if written < len(line):  # the disk is full: say so where the rest of it goes
            os.write(self._descriptor, line[written:])

    def close(self) -> None:
        """See `_Log`."""
        os.close(self._descriptor)

    def _cut_torn_line(self) -> None:
        """Remove what a full disk or a power cut has left of a last line."""
        end = size = os.fstat(self._descriptor).st_size
        while end > 0:
            start = max(end - _TAIL, 0)
            newline = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._descriptor, end)


class _S3Log:
    """A folder of objects, whose names are in the order of time."""

    def __init__(self, folder: S3Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._waiting: list[bytes] = []
        self._sent = float("-inf")

    def write(self, line: bytes) -> None:
        """See `_Log`."""
        self._waiting.append(line)
        if self._clock() - self._sent >= _EVERY_SECONDS:
            self.close()

    def close(self) -> None:
        """Send what waits."""
        if not self._waiting:
            return
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        (self._folder / f"{name}.jsonl").write_bytes(b"".join(self._waiting))
        self._waiting.clear()
        self._sent = self._clock()
