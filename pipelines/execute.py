"""Where units run: Ray Core tasks, or the same units inside this process.

Ray's own retries are off (`max_retries=0`): what to do about a failure is the
driver's decision. The only module that knows Ray.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from filters.errors import UsageError, WorkError
from pipelines.bucket.path import run_folder
from pipelines.files import plain_errors
from pipelines.storage import Attempt, Commit, CommitLog
from pipelines.timing import peak_memory

Work = Callable[[Attempt, Any], dict[str, Any]]
"""A module-level function: writes files through the attempt, returns the commit's facts."""

_WINDOW = 3  # units in flight per slot: enough to keep slots busy, few enough to stay small
_KNOCK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of one stage."""

    stage: str
    unit: str
    fingerprint: str
    work: Work
    argument: Any
    plan: str | None = None
    """The stage's plan that the unit belongs to; a unit of another plan may not commit."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that did not end in a commit."""

    error: BaseException
    lost: bool
    """True when the worker or its node died, False when the unit's code raised."""


class Engine(Protocol):
    """Where units run."""

    slots: int

    def run(self, root: Path, tasks: Iterator[Task]) -> Iterator[tuple[Task, Commit | Failure]]:
        """Perform the tasks in any order, drawing them as slots become free."""


def perform(root: Path, task: Task) -> Commit:
    """Run one unit to its commit. The same on every engine.

    WorkError when the stage belongs to a later recipe by now.
    """
    began, spent = time.monotonic(), time.process_time()
    log = CommitLog(root)
    stale = log.get(task.stage, task.unit)
    if stale and _holds(log, stale, task):
        return stale
    attempt = Attempt(root, task.stage, task.unit, previous=stale)
    try:
        with plain_errors(attempt.folder):
            facts = task.work(attempt, task.argument)
            files = attempt.seal()
            commit = Commit(
                task.stage,
                task.unit,
                task.fingerprint,
                files,
                facts,
                seconds=round(time.monotonic() - began, 3),
                cpu_seconds=round(time.process_time() - spent + attempt.helped[0], 6),
                peak_bytes=peak_memory() + attempt.helped[1],
                steps=attempt.steps,
            )
            return _commit(log, attempt, task, commit)
    finally:
        attempt.close()


def _holds(log: CommitLog, commit: Commit, task: Task) -> bool:
    return commit.fingerprint == task.fingerprint and log.is_whole(commit)


def _commit(log: CommitLog, attempt: Attempt, task: Task, commit: Commit) -> Commit:
    if task.plan is not None and not log.is_planned(task.stage, task.plan):
        raise WorkError(
            f"{task.stage}: another run took over {log.root} with another recipe or input.\n"
            "  Choose another folder with --output, or go on with the other run."
        )
    # Whoever was faster, or is late from an earlier recipe, has a record by now.
    present = log.get(task.stage, task.unit)
    if present and _holds(log, present, task):
        return present
    if present:
        log.retract(present)
    attempt.place()
    held = log.publish(commit)
    if held.fingerprint != task.fingerprint:
        raise RuntimeError("a late writer of an earlier recipe was faster; trying again helps")
    return held


class InlineEngine:
    """Runs units one after another in this process; for debugging and unit tests."""

    slots = 1

    def run(self, root: Path, tasks: Iterator[Task]) -> Iterator[tuple[Task, Commit | Failure]]:
        """See `Engine`."""
        for task in tasks:
            try:
                outcome: Commit | Failure = perform(root, task)
            except Exception as error:  # noqa: BLE001  the driver decides what a failure means
                outcome = Failure(error, lost=False)
            yield task, outcome


class RayEngine:
    """Runs units as Ray tasks with a bounded window."""

    def __init__(self, slots: int, memory: int | None) -> None:
        self.slots = slots
        self._memory = memory

    def run(self, root: Path, tasks: Iterator[Task]) -> Iterator[tuple[Task, Commit | Failure]]:
        """See `Engine`."""
        import ray

        remote: Any = ray.remote(num_cpus=1, max_retries=0)(_perform_remotely)
        if self._memory:
            remote = remote.options(memory=self._memory)
        flying = {
            remote.remote(str(root), task): task for task in islice(tasks, self.slots * _WINDOW)
        }
        while flying:
            ready, _ = ray.wait(list(flying), num_returns=1, fetch_local=False)
            task = flying.pop(ready[0])
            yield task, _collect(ready[0])
            for following in islice(tasks, 1):
                flying[remote.remote(str(root), following)] = following


def _perform_remotely(root: str, task: Task) -> Commit:
    logging.getLogger().setLevel(logging.ERROR)
    return perform(run_folder(root), task)


def _collect(reference: Any) -> Commit | Failure:
    import ray
    from ray.exceptions import RayTaskError

    try:
        commit: Commit = ray.get(reference)
    except RayTaskError as error:
        return Failure(error.cause or error, lost=False)
    except ray.exceptions.RayError as error:
        return Failure(error, lost=True)
    return commit


@contextmanager
def open_engine(
    name: Literal["ray", "inline"],
    *,
    workers: int | None,
    address: str | None,
    memory: int | None = None,
) -> Iterator[Engine]:
    """Start or join an engine, and leave it at the end.

    With Ray, `address` (or the environment variable RAY_ADDRESS) joins a running
    cluster; otherwise one is started in this process's company and stopped with it.
    `memory` is what a unit asks of its node, in bytes.
    """
    if name == "inline":
        yield InlineEngine()
        return
    resources = _start_ray(workers, address or os.environ.get("RAY_ADDRESS"), memory)
    cpus = max(int(resources.get("CPU", 1)), 1)
    try:
        yield RayEngine(min(workers, cpus) if workers else cpus, memory)
    finally:
        _stop_ray()


def _start_ray(workers: int | None, address: str | None, memory: int | None) -> dict[str, float]:
    """Join or start Ray and return its resources."""
    # Facts about a crawl are nobody else's: no usage report leaves the machine.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    if address:
        _check_reachable(address)
    import ray

    embedded = {"num_cpus": workers or os.cpu_count() or 1, "include_dashboard": False}
    where: dict[str, Any] = {"address": address} if address else embedded
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    except (ConnectionError, ValueError, RuntimeError) as error:
        place = f"at {address}" if address else "on this machine"
        raise _unreachable(place, str(error).partition("\n")[0]) from error
    find_resources: Callable[[], dict[str, float]] = ray.cluster_resources
    resources = find_resources()
    if not address:  # a cluster may still grow
        _check_memory(memory, int(resources.get("memory", 0)))
    return resources


def _stop_ray() -> None:
    import ray

    ray.shutdown()


def _check_reachable(address: str) -> None:
    """Knock at a cluster's door: Ray itself would try for minutes before it gives up."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", or something that Ray will explain
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK_SECONDS).close()
    except OSError as error:
        raise _unreachable(f"at {address}", str(error)) from error


def _unreachable(where: str, why: str) -> UsageError:
    return UsageError(
        f"no Ray could be reached {where}: {why}\n"
        "  Check --address or RAY_ADDRESS, or use --engine inline."
    )


def _check_memory(wanted: int | None, there: int) -> None:
    """Refuse what Ray would wait for in silence."""
    if wanted and wanted > there:
        _stop_ray()
        raise UsageError(
            f"memory_per_worker: {wanted} bytes are asked for, but this machine offers {there}.\n"
            "  Lower it with --set memory_per_worker=BYTES, or leave it out."
        )
