"""Publishing, from a look at the repository to the last commit, whatever comes between.

The client does not repeat everything (not the commit itself, nor the making of a
repository), and a commit whose answer is lost has been made all the same. So after each
failure the repository is looked at again, compared by sha256, and only what it lacks is
sent. A file that was sent, and that no commit names yet, the Hub has and does not ask for.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar

from filters.errors import UsageError, WorkError
from pipelines.crawl.remote.patience import Fault, patience
from pipelines.publish.checks import check_files, check_shape
from pipelines.publish.content import CARD, Content
from pipelines.publish.others import with_others
from pipelines.publish.plan import Options, Plan, make_plan
from pipelines.publish.repository import Repository, State

Result = TypeVar("Result")


class Watcher(Protocol):
    """Whoever wants to know how far it is."""

    def planned(self, plan: Plan) -> None:
        """Told once, of what there is to do."""

    def checked(self, count: int) -> None:
        """Told of bytes that were read and found to be as they should."""

    def moved(self, count: int) -> None:
        """Told of bytes that were sent."""

    def said(self, line: str) -> None:
        """Told of a failure that is being dealt with."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to publish, and under which names."""

    repo_id: str
    token: str | None
    branch: str | None = None
    tag: str | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """What was done."""

    plan: Plan
    """As it was at first."""
    commits: tuple[str, ...]
    commit: str | None
    """What the branch stands for now; None before anything was ever sent."""
    faults: Mapping[str, int]
    """By kind, those that were overcome."""


class Planner(Protocol):
    """Whoever knows what a repository is to hold."""

    @property
    def name(self) -> str:
        """Of what is published, for people."""

    def plan(self, state: State, repository: Repository) -> Plan:
        """Return what is to be done; UsageError where it cannot be."""

    def check(self, plan: Plan) -> None:
        """Raise UsageError where something is wrong with the first plan: nothing is sent then."""


@dataclass(frozen=True, slots=True)
class RunPlanner:
    """Plans to bring a run's content into a repository."""

    content: Content
    options: Options
    folder: Path
    """Where the run's card is."""

    @property
    def name(self) -> str:
        """See `Planner`."""
        return self.content.name

    def plan(self, state: State, repository: Repository) -> Plan:
        """See `Planner`."""
        content = with_others(self.content, state, repository.repo_id, repository.fetched)
        return make_plan(content, state, self.options)

    def check(self, plan: Plan) -> None:
        """See `Planner`."""
        check_shape(self.content, plan, self.folder / CARD)


class Publisher:
    """Brings into one repository what a planner says."""

    def __init__(
        self, planner: Planner, target: Target, watcher: Watcher, message: str | None = None
    ) -> None:
        self._planner, self._target = planner, target
        self._message = message or f"Publish {planner.name}"
        self._watcher = watcher
        self._repository = Repository(target.repo_id, target.token, target.branch, self._reached)
        self._patience = patience()
        self._commits: list[str] = []
        self._faults: Counter[str] = Counter()
        self._sent: dict[str, int] = {}
        self._seen: tuple[State, Plan] | None = None
        self._lock = Lock()  # the client sends several files at a time

    def plan(self) -> Plan:
        """Look, and return what is to be done; UsageError where it cannot be."""
        state, plan = self._patiently(self._look)
        self._seen = state, plan
        self._refuse_tag(state, plan)
        self._planner.check(plan)
        self._watcher.planned(plan)
        check_files(plan, self._watcher.checked)
        return plan

    def publish(self) -> Published:
        """Do it; WorkError where the Hub fails for longer than patience lasts."""
        first = self.plan()
        state = self._patiently(self._finish)
        if self._target.tag and state.commit:
            self._patiently(lambda: self._tag(state))
        return Published(first, tuple(self._commits), state.commit, dict(self._faults))

    def _look(self) -> tuple[State, Plan]:
        state = self._repository.look()
        return state, self._planner.plan(state, self._repository)

    def _finish(self) -> State:
        """Make what commits are left, and return what a last look has found."""
        state, plan = self._seen or self._look()
        self._seen = None
        if state.commit and not plan.steps:
            return state
        if state.commit is None:
            self._repository.create(private=self._target.private)
            state, plan = self._look()
        if not state.has_branch and state.commit is not None:
            self._repository.create_branch(state.commit)
        parent = state.commit
        for step in plan.steps:
            parent = self._repository.commit(step.title, step.add, step.delete, parent)
            self._commits.append(parent)
        state, plan = self._look()
        if plan.steps:
            raise Fault("differs", "the Hub took everything and shows something else")
        return state

    def _patiently(self, work: Callable[[], Result]) -> Result:
        """Return what work gives; after a failure it begins anew, ever more slowly.

        Patience begins anew, too, whenever something was sent in between.
        """
        tried, reached = 0, self._progress()
        while True:
            try:
                return work()
            except Fault as fault:
                self._faults[fault.kind] += 1
                tried = tried + 1 if self._progress() == reached else 1
                reached = self._progress()
                if tried >= self._patience.tries:
                    raise WorkError(
                        f"{self._target.repo_id}: the Hub does not do it: {fault}\n"
                        "  What it has is kept: the same command sends only the rest."
                    ) from fault
                wait = self._patience.wait(tried, fault.after)
                self._watcher.said(f"{fault}; looking again in {wait:.0f} s")
                time.sleep(wait)

    def _progress(self) -> tuple[int, int]:
        return len(self._commits), sum(self._sent.values())

    def _reached(self, name: str, position: int) -> None:
        """Note how far a file was sent; what is sent again does not count again."""
        with self._lock:
            count = position - self._sent.get(name, 0)
            if count > 0:
                self._sent[name] = position
                self._watcher.moved(count)

    def _refuse_tag(self, state: State, plan: Plan) -> None:
        tag = self._target.tag
        tagged = (state.tags or {}).get(tag or "")
        if tagged and (plan.steps or tagged != state.commit):
            raise UsageError(
                f"--tag {tag}: the repository has this tag, for another commit.\n"
                "  Choose another one: a tag is not moved."
            )

    def _tag(self, state: State) -> None:
        if self._target.tag and state.commit:
            self._repository.tag(self._target.tag, state.commit, self._message)
