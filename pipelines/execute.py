"""Running units: one driver loop over two engines.

Ray Core tasks over coarse units, or the same units inside this process. The
driver holds no state: what is done is what the commit records say. Ray's own
retries are off (`max_retries=0`): a unit that raised is tried once more, a
unit whose worker or node died up to five times, and then it is set aside.
"""

import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from filters.errors import CuveeError, UsageError, WorkError
from pipelines.storage import Attempt, Commit, CommitLog, plain_errors

Work = Callable[[Attempt, Any], dict[str, Any]]
"""A module-level function: writes files through the attempt, returns the commit's facts."""

_WINDOW = 3  # units in flight per slot: enough to keep slots busy, few enough to stay small
_TRIES_RAISED = 2
_TRIES_LOST = 5
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


class Observer(Protocol):
    """Whoever wants to see progress."""

    def stage_started(self, stage: str, total: int, done: list[Commit]) -> None:
        """`total` units, of which `done` were committed earlier."""

    def unit_done(self, commit: Commit) -> None:
        """A unit has been committed."""

    def stage_done(self, stage: str) -> None:
        """Every unit of the stage is committed."""


class Engine(Protocol):
    """Where units run."""

    slots: int

    def run(self, root: Path, tasks: Iterator[Task]) -> Iterator[tuple[Task, Commit | Failure]]:
        """Perform the tasks in any order, drawing them as slots become free."""


def perform(root: Path, task: Task) -> Commit:
    """Run one unit to its commit. The same on every engine.

    WorkError when the stage belongs to a later recipe by now.
    """
    began = time.monotonic()
    log = CommitLog(root)
    stale = log.get(task.stage, task.unit)
    if stale and _holds(log, stale, task):
        return stale
    attempt = Attempt(root, task.stage, task.unit, previous=stale)
    try:
        with plain_errors(attempt.folder):
            facts = task.work(attempt, task.argument)
            files = attempt.seal()
            seconds = round(time.monotonic() - began, 3)
            commit = Commit(task.stage, task.unit, task.fingerprint, files, facts, seconds)
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
    return perform(Path(root), task)


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
    address = address or os.environ.get("RAY_ADDRESS")
    # Facts about a crawl are nobody else's: no usage report leaves the machine.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    if address:
        _check_reachable(address)
    import ray

    resources: Callable[[], dict[str, float]] = ray.cluster_resources
    try:
        if address:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            ray.init(
                num_cpus=workers or os.cpu_count() or 1,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at {address}" if address else "on this machine"
        raise _unreachable(where, str(error).partition("\n")[0]) from error
    try:
        if not address:  # a cluster may still grow
            _check_memory(memory, int(resources().get("memory", 0)))
        cpus = max(int(resources().get("CPU", 1)), 1)
        yield RayEngine(min(workers, cpus) if workers else cpus, memory)
    finally:
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
        raise UsageError(
            f"memory_per_worker: {wanted} bytes are asked for, but this machine offers {there}.\n"
            "  Lower it with --set memory_per_worker=BYTES, or leave it out."
        )


@dataclass(frozen=True, slots=True)
class Driver:
    """Brings stages to their end, whatever was done before and whatever fails on the way."""

    root: Path
    engine: Engine
    observer: Observer
    max_failed_units: int = 0

    def run(self, stage: str, tasks: Iterable[Task]) -> dict[str, Commit]:
        """Run the tasks that have no valid commit yet; return all commits of the stage by unit.

        Raises WorkError when more units than allowed could not be done; a
        CuveeError raised by a unit ends the run at once.
        """
        wanted = {task.unit: task for task in tasks}
        done = self._valid(stage, wanted)
        log = CommitLog(self.root)
        plan = log.plan(stage, {unit: task.fingerprint for unit, task in wanted.items()})
        self.observer.stage_started(stage, len(wanted), list(done.values()))
        pending = [replace(task, plan=plan) for unit, task in wanted.items() if unit not in done]
        failed: dict[str, Failure] = {}
        tries: Counter[tuple[str, bool]] = Counter()
        while pending:
            again: list[Task] = []
            for task, outcome in self.engine.run(self.root, iter(pending)):
                if isinstance(outcome, Commit):
                    done[task.unit] = outcome
                    self.observer.unit_done(outcome)
                    continue
                if isinstance(outcome.error, CuveeError):
                    raise outcome.error
                # Counted apart: a lost worker says nothing about the unit's code.
                tries[task.unit, outcome.lost] += 1
                limit = _TRIES_LOST if outcome.lost else _TRIES_RAISED
                if tries[task.unit, outcome.lost] < limit:
                    again.append(task)
                else:
                    failed[task.unit] = outcome
            pending = again
        log.set_aside(stage, {unit: _in_words(failure) for unit, failure in failed.items()})
        self._judge(stage, failed)
        self.observer.stage_done(stage)
        return {unit: done[unit] for unit in wanted if unit in done}

    def _valid(self, stage: str, wanted: dict[str, Task]) -> dict[str, Commit]:
        """Keep the commits that still hold; take back those of units that are no more.

        A stale commit of a unit that will run is taken back by `perform`, which
        may still read its files.
        """
        log = CommitLog(self.root)
        valid = {}
        for unit, commit in log.commits(stage).items():
            task = wanted.get(unit)
            if task and commit.fingerprint == task.fingerprint and log.is_whole(commit):
                valid[unit] = commit
            elif task is None:
                log.retract(commit)
        return valid

    def _judge(self, stage: str, failed: dict[str, Failure]) -> None:
        if len(failed) <= self.max_failed_units:
            return
        unit, failure = next(iter(failed.items()))
        raise WorkError(
            f"{stage}: {len(failed)} unit(s) failed, the first is {unit}: {_in_words(failure)}\n"
            "  The rest is committed; run the same command again to retry, --debug for the trace."
        ) from failure.error


def _in_words(failure: Failure) -> str:
    message = str(failure.error).strip().partition("\n")[0]
    return f"{type(failure.error).__name__}: {message}"
