"""The stages of star rounds (`pipelines.dedup.rounds`): as many as the components need.

The files of a step are removed once the next one is committed, so that the disk holds two
steps and not all of them. The records stay: they say how far an interrupted run has come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.dedup.parts import Budget, Part
from pipelines.dedup.rounds import (
    SpreadJob,
    StarJob,
    large_star,
    small_star,
    spread,
    write_members,
)
from pipelines.execute import Task
from pipelines.stages.context import RunContext
from pipelines.storage import Commit, CommitLog


@dataclass(frozen=True, slots=True)
class _Step:
    """A step with its units; `number` counts from 0: spread, large, small, large, …, members."""

    number: int
    stage: str
    tasks: Sequence[Task]


@dataclass(frozen=True, slots=True)
class _Done:
    """A step whose every unit is committed; its files may be gone."""

    step: _Step
    commits: Mapping[str, Commit]

    @property
    def changed(self) -> int:
        """How many edges the step has changed."""
        return sum(commit.facts.get("changed", 0) for commit in self.commits.values())


@dataclass(frozen=True, slots=True)
class _Rounds:
    """What all steps have in common."""

    run: RunContext
    kind: str
    bits: int
    starts: tuple[int, ...]
    budget: Budget

    def first(self, forests: Sequence[Part]) -> _Step:
        stage = f"spread_{self.kind}"
        tasks = []
        for number, part in enumerate(forests):
            unit = f"{number:05d}"
            job = SpreadJob(unit, f"stages/{stage}", self.bits, part.path, self.budget)
            fingerprint = self.run.fingerprint(stage, part.content, self.bits)
            tasks.append(Task(stage, unit, fingerprint, spread, job))
        return _Step(0, stage, tasks)

    def after(self, trail: Sequence[_Done]) -> _Step | None:
        """Return the step that follows those done; None when the members are written."""
        last = trail[-1]
        if last.step.stage == f"members_{self.kind}":
            return None
        number = last.step.number + 1
        half, is_small = (number + 1) // 2, number % 2 == 0
        at_rest = last.step.number > 1 and not is_small and not last.changed + trail[-2].changed
        if at_rest:
            return self._step(number, f"members_{self.kind}", write_members, last)
        if is_small:
            return self._step(number, f"smallstar_{self.kind}_{half:02d}", small_star, last)
        return self._step(number, f"largestar_{self.kind}_{half:02d}", large_star, last)

    def _step(self, number: int, stage: str, work: object, last: _Done) -> _Step:
        content = [commit.content for commit in last.commits.values()]
        paths = _paths(self.run.root, last)
        tasks = []
        for partition in range(1 << self.bits):
            job = StarJob(
                unit=f"{partition:05d}",
                folder=f"stages/{stage}",
                partition=partition,
                bits=self.bits,
                rows=paths,
                budget=self.budget,
                starts=self.starts if work is write_members else (),
            )
            fingerprint = self.run.fingerprint(stage, content, partition, self.bits, job.starts)
            tasks.append(Task(stage, job.unit, fingerprint, work, job))  # type: ignore[arg-type]
        return _Step(number, stage, tasks)


def members_by_rounds(
    run: RunContext,
    kind: str,
    forests: Sequence[Part],
    starts: tuple[int, ...],
    budget: Budget,
    documents: int,
) -> Mapping[str, Commit]:
    """Run star rounds over forests until nothing changes; return the commits of the members."""
    partitions = -(-documents // (budget.nodes // 2))
    rounds = _Rounds(run, kind, max(partitions - 1, 0).bit_length(), starts, budget)
    trail = _trail(rounds, forests)
    for done in trail[:-1]:
        _remove_files(run.root, done)
    step = rounds.after(trail) if trail else rounds.first(forests)
    while step is not None:
        trail.append(_Done(step, run.do(step.stage, step.tasks)))
        if len(trail) > 1:
            _remove_files(run.root, trail[-2])
        step = rounds.after(trail)
    run.commits.update((done.step.stage, dict(done.commits)) for done in trail)
    return trail[-1].commits


def _trail(rounds: _Rounds, forests: Sequence[Part]) -> list[_Done]:
    """Return the steps that are done already, up to the last one whose files are there."""
    log = CommitLog(rounds.run.root)
    trail: list[_Done] = []
    step: _Step | None = rounds.first(forests)
    while step is not None:
        recorded = log.commits(step.stage)
        wanted = {task.unit: task.fingerprint for task in step.tasks}
        if {unit: commit.fingerprint for unit, commit in recorded.items()} != wanted:
            break
        trail.append(_Done(step, recorded))
        step = rounds.after(trail)
    while trail and not all(log.is_whole(commit) for commit in trail[-1].commits.values()):
        trail.pop()
    return trail


def _paths(root: Path, done: _Done) -> tuple[Path, ...]:
    return tuple(root / item.path for commit in done.commits.values() for item in commit.files)


def _remove_files(root: Path, done: _Done) -> None:
    for path in _paths(root, done):
        path.unlink(missing_ok=True)
