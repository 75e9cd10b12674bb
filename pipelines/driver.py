"""Brings a stage to its end over any engine.

The driver holds no state: what is done is what the commit records say. A unit
that raised is tried once more, a unit whose worker or node died up to five
times; then it is set aside.
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from filters.errors import CuveeError, QuarantineError, UnitError
from pipelines.events import Observer, StageDone, StageStarted, UnitDone, UnitFailed, UnitRetry
from pipelines.execute import Engine, Failure, Task
from pipelines.storage import Commit, CommitLog

_TRIES_RAISED = 2
_TRIES_LOST = 5
_NAMED = 5  # units that a message names


@dataclass(frozen=True, slots=True)
class Driver:
    """Brings stages to their end, whatever was done before and whatever fails on the way."""

    root: Path
    engine: Engine
    observer: Observer
    max_failed_units: int = 0

    def run(self, stage: str, tasks: Iterable[Task]) -> dict[str, Commit]:
        """Run the tasks that have no valid commit yet; return all commits of the stage by unit.

        Raises QuarantineError when more units than allowed could not be done; a
        CuveeError raised by a unit ends the run at once.
        """
        began = time.monotonic()
        wanted = {task.unit: task for task in tasks}
        done = self._valid(stage, wanted)
        log = CommitLog(self.root)
        plan = log.plan(stage, {unit: task.fingerprint for unit, task in wanted.items()})
        self.observer(StageStarted(stage, len(wanted), list(done.values())))
        pending = [replace(task, plan=plan) for unit, task in wanted.items() if unit not in done]
        failed: list[tuple[Task, Failure]] = []
        tries: Counter[tuple[str, bool]] = Counter()
        while pending:
            again: list[Task] = []
            for task, outcome in self.engine.run(self.root, iter(pending)):
                if isinstance(outcome, Commit):
                    done[task.unit] = outcome
                    self.observer(UnitDone(outcome))
                    continue
                error = outcome.error
                if isinstance(error, CuveeError) and not isinstance(error, UnitError):
                    raise error
                # Counted apart: a lost worker says nothing about the unit's code.
                tries[task.unit, outcome.lost] += 1
                limit = _TRIES_LOST if outcome.lost else _TRIES_RAISED
                why = _in_words(task, outcome)
                if tries[task.unit, outcome.lost] < limit:
                    again.append(task)
                    self.observer(UnitRetry(stage, task.unit, why))
                else:
                    failed.append((task, outcome))
                    self.observer(UnitFailed(stage, task.unit, why))
            pending = again
        log.set_aside(stage, {task.unit: _in_words(task, failure) for task, failure in failed})
        self._judge(stage, failed)
        seconds = round(time.monotonic() - began, 3)
        self.observer(StageDone(stage, len(done), len(failed), seconds))
        return {unit: done[unit] for unit in wanted if unit in done}

    def _valid(self, stage: str, wanted: dict[str, Task]) -> dict[str, Commit]:
        """Keep the commits that still hold; take back those of units that are no more.

        A stale commit of a unit that will run is taken back by `perform`, which
        may still read its files.
        """
        log = CommitLog(self.root)
        valid = {}
        commits = log.commits(stage)
        whole = log.whole(commits.values())
        for unit, commit in commits.items():
            task = wanted.get(unit)
            if task and commit.fingerprint == task.fingerprint and unit in whole:
                valid[unit] = commit
            elif task is None:
                log.retract(commit)
        return valid

    def _judge(self, stage: str, failed: list[tuple[Task, Failure]]) -> None:
        if len(failed) <= self.max_failed_units:
            return
        (task, failure), *others = failed
        names = [other.label or other.unit for other, _ in others[:_NAMED]]
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        also = f"Failed as well: {', '.join(names)}{more}. " if others else ""
        raise QuarantineError(
            f"{stage}: {len(failed)} unit(s) failed, the first is {task.unit}: "
            f"{_in_words(task, failure)}\n"
            f"  {also}'cuvee status' says why, --debug shows the trace; all else is committed.\n"
            "  The same command tries just these again"
        ) from failure.error


def _in_words(task: Task, failure: Failure) -> str:
    message = str(failure.error).strip().partition("\n")[0]
    if not isinstance(failure.error, CuveeError):
        message = f"{type(failure.error).__name__}: {message}"
    return message if task.label in message else f"{task.label}: {message}"
