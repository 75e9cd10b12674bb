"""A child makes itself small: limits of the kernel that hold whatever a page does."""

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from pipelines.sandbox.limits import Limits

_PR_SET_PDEATHSIG = 1
_STACK = 8 * 1024**2
"""Bytes of the stack, so that it does not depend on the shell how deep is too deep."""
_ROOM = 3
"""A buffer that doubles by copying is refused only once what it holds is over the limit, so
the child knows: until then it has asked for three times as much."""


def confine(limits: Limits) -> None:
    """Set what holds for this process until its end; `limits` are those of a first try."""
    room = _ROOM * limits.doubled().memory
    _at_most(resource.RLIMIT_DATA, _data_bytes() + room)
    _at_most(resource.RLIMIT_STACK, _STACK)
    _at_most(resource.RLIMIT_CORE, 0)
    # Who runs short of memory is to take the child, not the worker.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


@contextlib.contextmanager
def at_most_more(extra: int) -> Iterator[None]:
    """Refuse this process more than so many bytes beyond what it has: MemoryError.

    For a moment and for what asks for much at once: other threads are refused as well.
    Does nothing where there is no `/proc`.
    """
    has = _data_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if has == 0:
        yield
        return
    most = [size for size in (has + extra, soft, hard) if size != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(most), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent, of that process id, ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(0)


def resident_peak() -> int:
    """Return the most bytes that this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident_now(process: int | str) -> int:
    """Return the bytes that a process has in memory; 0 where it has ended."""
    return _statm(process, 1)


def _data_bytes() -> int:
    return _statm("self", 5)


def _statm(process: int | str, field: int) -> int:
    try:
        fields = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:
        return 0
    return int(fields[field]) * resource.getpagesize()


def _at_most(which: int, size: int) -> None:
    hard = resource.getrlimit(which)[1]
    most = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(which, (most, most))
