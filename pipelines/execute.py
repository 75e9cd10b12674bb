"""Where units run: Ray Core tasks, or the same units inside this process.

Ray's own retries are off (`max_retries=0`): what to do about a failure is the
driver's decision. The only module that knows Ray.
"""

import logging
import os
import socket
import sys
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
from pipelines.sandbox.confine import resident_now
from pipelines.storage import Attempt, Commit, CommitLog
from pipelines.stragglers import Stragglers
from pipelines.timing import peak_memory

Work = Callable[[Attempt, Any], dict[str, Any]]
"""A module-level function: writes files through the attempt, returns the commit's facts."""

_WINDOW = 3  # units in flight per slot: enough to keep slots busy, few enough to stay small
_KNOCK_SECONDS = 10
_GROWN = 4 << 30
"""Bytes in memory above which a worker is replaced, where a recipe says nothing."""
_LOOK_SECONDS = 1.0
"""How often to look at nodes and at units under way while nothing ends."""


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
    label: str = ""
    """What a person calls the unit, if it is not its name: the crawl file."""


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
            return commit_unit(attempt, task, facts, (began, spent))
    finally:
        attempt.close()


def commit_unit(
    attempt: Attempt, task: Task, facts: dict[str, Any], since: tuple[float, float]
) -> Commit:
    """Make what an attempt has written count, and return the record that holds.

    `since` is when the unit began: monotonic time and CPU time of this process. WorkError when
    the stage belongs to a later recipe by now.
    """
    began, spent = since
    commit = Commit(
        task.stage,
        task.unit,
        task.fingerprint,
        attempt.seal(),
        facts,
        seconds=round(time.monotonic() - began, 3),
        cpu_seconds=round(time.process_time() - spent + attempt.helped[0], 6),
        peak_bytes=peak_memory() + attempt.helped[1],
        steps=attempt.steps,
    )
    return _commit(CommitLog(attempt.root), attempt, task, commit)


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

    def __init__(self, workers: int | None, memory: int | None) -> None:
        self._workers = workers
        self._memory = memory
        self.slots = _slots(workers)

    def run(self, root: Path, tasks: Iterator[Task]) -> Iterator[tuple[Task, Commit | Failure]]:
        """See `Engine`. The first end of a unit counts, whichever worker it comes from."""
        import ray

        remote: Any = ray.remote(num_cpus=1, max_retries=0)(_performing(self._memory))
        if self._memory:
            remote = remote.options(memory=self._memory)
        flying: dict[Any, Task] = {}
        stragglers = Stragglers()
        while True:
            self.slots = _slots(self._workers)
            for task in islice(tasks, max(self.slots * _WINDOW - len(flying), 0)):
                flying[remote.remote(str(root), task)] = task
            if not flying:
                return
            ready, _ = ray.wait(
                list(flying), num_returns=1, timeout=_LOOK_SECONDS, fetch_local=False
            )
            for reference in ready:
                task = flying.pop(reference)
                outcome = _collect(reference, root, task)
                flying = {other: its for other, its in flying.items() if its is not task}
                if isinstance(outcome, Commit):
                    stragglers.took(outcome.seconds)
                yield task, outcome
            under_way = {task.unit: task for task in flying.values()}
            for unit in stragglers.due([task.unit for task in flying.values()], self.slots):
                flying[remote.remote(str(root), under_way[unit])] = under_way[unit]


def _performing(memory: int | None) -> Callable[[str, Task], Commit]:
    """Return what a worker does. One that holds more than `memory` afterwards makes way.

    It ends with its work committed, and Ray has another one for the units that follow.
    """

    def perform_remotely(root: str, task: Task) -> Commit:
        logging.getLogger().setLevel(logging.ERROR)
        commit = perform(run_folder(root), task)
        if resident_now("self") > (memory or _GROWN):
            sys.exit(0)
        return commit

    return perform_remotely


def _collect(reference: Any, root: Path, task: Task) -> Commit | Failure:
    """Return how a unit ended; what was committed is done, also where its worker has ended."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        commit: Commit = ray.get(reference)
    except RayTaskError as error:
        return Failure(error.cause or error, lost=False)
    except ray.exceptions.RayError as error:
        log = CommitLog(root)
        present = log.get(task.stage, task.unit)
        if present and _holds(log, present, task):
            return present
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
    _start_ray(workers, address or os.environ.get("RAY_ADDRESS"), memory)
    try:
        yield RayEngine(workers, memory)
    finally:
        _stop_ray()


def _start_ray(workers: int | None, address: str | None, memory: int | None) -> None:
    """Join or start Ray."""
    # Facts about a crawl are nobody else's: no usage report leaves the machine.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    if address:
        _check_reachable(address)
    import ray

    # Without "local" Ray would join, and then refuse, whatever cluster else is on this machine.
    embedded = {
        "address": "local",
        "num_cpus": workers or os.cpu_count() or 1,
        "include_dashboard": False,
    }
    where: dict[str, Any] = {"address": address} if address else embedded
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    except (ConnectionError, ValueError, RuntimeError) as error:
        place = f"at {address}" if address else "on this machine"
        raise _unreachable(place, str(error).partition("\n")[0]) from error
    if not address:  # a cluster may still grow
        _check_memory(memory, int(_resources().get("memory", 0)))


def _resources() -> dict[str, float]:
    import ray

    find: Callable[[], dict[str, float]] = ray.cluster_resources
    return find()


def _slots(workers: int | None) -> int:
    """Return how many units can be worked on at a time; nodes come and go."""
    cpus = max(int(_resources().get("CPU", 1)), 1)
    return min(workers, cpus) if workers else cpus


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
        "  Check --address or RAY_ADDRESS (and RAY_AUTH_MODE=token where a cluster asks for its "
        "token), or use --engine inline."
    )


def _check_memory(wanted: int | None, there: int) -> None:
    """Refuse what Ray would wait for in silence."""
    if wanted and wanted > there:
        _stop_ray()
        raise UsageError(
            f"memory_per_worker: {wanted} bytes are asked for, but this machine offers {there}.\n"
            "  Lower it with --set memory_per_worker=BYTES, or leave it out."
        )
