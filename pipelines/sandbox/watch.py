"""The parent's watch over one child: CPU time and memory of the page under way."""

import os
import signal
import time

from pipelines.sandbox.confine import resident_now
from pipelines.sandbox.limits import Limits
from pipelines.sandbox.marks import Marks

_NANO = 1e9
_AWAY_SECONDS = 5
_SCHED = 2
"""Linux: which clock of a process, `CPUCLOCK_SCHED` in include/linux/posix-timers_types.h."""


class Watch:
    """Looks at a child, and kills it when its page has used up what it may."""

    def __init__(self, process: int, marks: Marks, limits: Limits) -> None:
        self._process = process
        self._handle = os.pidfd_open(process)
        self._marks = marks
        self.limits = limits
        """Those of the try under way."""
        self.verdict: str | None = None
        """Why the child was killed; None where it was not, or by somebody else."""
        self._spent = -1
        self._moved = self._looked = time.monotonic()

    def close(self) -> None:
        """Let go of the child, which has ended."""
        os.close(self._handle)

    def look(self) -> None:
        """Kill the child if its page is over a limit."""
        spent = self.cpu_nanoseconds()
        begun = self._marks.read()  # after the clock: a page that begins in between has spent less
        now = time.monotonic()
        away = now - self._looked > _AWAY_SECONDS  # the parent was stopped, and the child as well
        if spent != self._spent or away:
            self._spent, self._moved = spent, now
        self._looked = now
        if now - self._moved > self.limits.idle_seconds:
            self.kill("stalled")
        elif begun and spent - begun.cpu_nanoseconds > self.limits.cpu_seconds * _NANO:
            self.kill("cpu_limit")
        elif begun and resident_now(self._process) - self._marks.base > self.limits.memory:
            self.kill("memory_limit")

    def expect(self, limits: Limits) -> None:
        """Begin to wait for an answer."""
        self.limits = limits
        self._moved = time.monotonic()

    def cpu_nanoseconds(self) -> int:
        """Return the CPU time that the child has spent; what was last seen once it has ended."""
        try:
            return time.clock_gettime_ns((~self._process) << 3 | _SCHED)
        except OSError:
            return max(self._spent, 0)

    def kill(self, verdict: str | None = None) -> None:
        """End the child at once, if it has not ended."""
        self.verdict = self.verdict or verdict
        try:
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        except ProcessLookupError:
            return
