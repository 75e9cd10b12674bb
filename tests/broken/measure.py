"""Reads files one by one, each in a process of its own that is watched."""

import json
import os
import resource
from collections import Counter
from collections.abc import Callable

from tests.broken.account import Account

MOST_CPU_SECONDS = 100
"""After that a file counts as one that hangs the reader: 50 times what the slowest one takes."""


class EndedError(Exception):
    """The process that read a file has ended, or it raised."""


def measured(read: Callable[[], Account]) -> tuple[Account, int]:
    """Return what `read` does in a fork of this process, and by how much its memory grew."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        _report(theirs, read)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        said = stream.read()
    _, status, _ = os.wait4(process, 0)
    if status or not said:
        raise EndedError(f"ended with {os.waitstatus_to_exitcode(status)}")
    plain = json.loads(said)
    if "error" in plain:
        raise EndedError(plain["error"])
    grown = plain.pop("grown")
    counters = {name: Counter(plain.pop(name)) for name in ("others", "failed")}
    return Account(**plain, **counters), grown


def _report(pipe: int, read: Callable[[], Account]) -> None:
    """Read within the limits, tell the parent, end."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))
        before = _peak()
        account = read()
        told = {name: getattr(account, name) for name in Account.__slots__}
        told["grown"] = _peak() - before
    except BaseException as error:  # noqa: BLE001  the parent is told, whatever it is
        told = {"error": f"{type(error).__name__}: {error}"}
    with os.fdopen(pipe, "wb") as stream:
        stream.write(json.dumps(told).encode())
    os._exit(0)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
