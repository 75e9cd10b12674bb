"""Units of work for tests of the engines: each call leaves a file, so that calls can be counted."""

import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.events import Event, Said, StageDone, StageStarted, UnitDone
from pipelines.execute import Task, Work
from pipelines.storage import Attempt


class Listener:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case Said(line):
                self.said(line)
            case StageStarted(stage, total, done):
                self.told.append(f"{stage}: {total} units, {len(done)} done")
            case UnitDone(commit):
                self.told.append(commit.unit)
            case StageDone(stage):
                self.told.append(f"{stage} ended")

    def said(self, line: str) -> None:
        self.told.append(line)


def write(attempt: Attempt, name: str) -> dict[str, Any]:
    """Write the unit's name into its file."""
    note(attempt, name)
    return _write(attempt, name)


def write_slowly(attempt: Attempt, name: str) -> dict[str, Any]:
    time.sleep(0.05)
    return write(attempt, name)


def grow(attempt: Attempt, name: str) -> dict[str, Any]:
    """Write, and hold on to memory for as long as the worker lives."""
    sys.modules["held"] = bytearray(os.urandom(1 << 20) * 300)
    return write(attempt, name)


def write_where(attempt: Attempt, name: str) -> dict[str, Any]:
    """Write, and say on which node of a cluster."""
    import ray

    time.sleep(0.5)  # long enough that one node cannot take everything
    return {**write(attempt, name), "node": ray.get_runtime_context().get_node_id()}


def raise_once(attempt: Attempt, name: str) -> dict[str, Any]:
    if note(attempt, name) == 1:
        raise ValueError("only once")
    return _write(attempt, name)


def raise_always(attempt: Attempt, name: str) -> dict[str, Any]:
    note(attempt, name)
    attempt.path(f"out/{name}").write_text("half")
    raise ValueError(f"{name} cannot be done\nsecond line")


def refuse(attempt: Attempt, name: str) -> dict[str, Any]:
    note(attempt, name)
    raise UsageError("the recipe is wrong.\n  Mend it.")


def die_once(attempt: Attempt, name: str) -> dict[str, Any]:
    if note(attempt, name) == 1:
        attempt.path(f"out/{name}").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    return _write(attempt, name)


def die_always(attempt: Attempt, name: str) -> dict[str, Any]:
    note(attempt, name)
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def die_and_raise(attempt: Attempt, name: str) -> dict[str, Any]:
    """Lose the worker, then raise, then do the work."""
    calls = note(attempt, name)
    if calls == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if calls == 2:
        raise ValueError("only once")
    return _write(attempt, name)


def note(attempt: Attempt, name: str) -> int:
    """Leave a trace of the call, and return how many there are."""
    folder = attempt.root / "calls"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.{uuid.uuid4().hex}").touch()
    return calls_of(attempt.root, name)


def calls_of(root: Path, name: str) -> int:
    return len(list((root / "calls").glob(f"{name}.*")))


def _write(attempt: Attempt, name: str) -> dict[str, Any]:
    attempt.path(f"out/{name}").write_text(name)
    attempt.add(f"out/{name}", rows=1)
    return {"pid": os.getpid()}


def task(name: str, work: Work = write, fingerprint: str = "f") -> Task:
    return Task("stage", name, fingerprint, work, name)


def tasks(names: Sequence[str]) -> list[Task]:
    return [task(name) for name in names]
