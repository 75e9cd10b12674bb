"""What happens in a run, in one vocabulary: for a screen, a log and `events.jsonl` alike.

docs/logs.md lists the events with their fields. An observer is anything that can be called
with one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

from pipelines.crawl.remote.address import without_secrets
from pipelines.storage import Commit

_COUNTED = ("pages", "kept", "failed", "rows", "tokens")
"""Facts of a commit record that an event repeats."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """Somebody has begun a run, or goes on with it; whatever was begun before has ended."""

    name: ClassVar[str] = "run_started"
    recipe: str
    digest: str
    """Of the resolved recipe."""
    output: str
    files: int
    """Input files."""
    bytes: int
    """Their sizes, as far as they are known."""
    engine: str
    version: str


@dataclass(frozen=True, slots=True)
class Said:
    """Something that a person should know, in words."""

    name: ClassVar[str] = "said"
    line: str


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins with so many units, of which some were committed earlier."""

    name: ClassVar[str] = "stage_started"
    stage: str
    units: int
    done: Sequence[Commit] = ()


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage is whose units are too small to be committed one by one."""

    name: ClassVar[str] = "stage_progress"
    stage: str
    done: int


@dataclass(frozen=True, slots=True)
class UnitDone:
    """A unit has been committed."""

    name: ClassVar[str] = "unit_done"
    commit: Commit


@dataclass(frozen=True, slots=True)
class UnitRetry:
    """A try at a unit failed, or its worker was lost; it is tried again."""

    name: ClassVar[str] = "unit_retry"
    stage: str
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnitFailed:
    """A unit has failed for good and is set aside."""

    name: ClassVar[str] = "unit_failed"
    stage: str
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage has come to its end."""

    name: ClassVar[str] = "stage_done"
    stage: str
    units: int
    """Those that are committed."""
    failed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The manifest is written, or was there and still holds."""

    name: ClassVar[str] = "run_finished"
    did_work: bool
    pages: int
    rows: int
    tokens: int
    failed_units: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run has ended in an error; what is committed stays."""

    name: ClassVar[str] = "run_failed"
    reason: str
    exit_code: int


Event: TypeAlias = (
    RunStarted | Said | StageStarted | StageProgress | UnitDone | UnitRetry | UnitFailed
    | StageDone | RunFinished | RunFailed
)  # fmt: skip
Observer: TypeAlias = Callable[[Event], None]
"""Whoever wants to see progress."""


def silent(event: Event) -> None:
    """Observe nothing."""
    del event


def together(*observers: Observer) -> Observer:
    """Return one observer for several; each is told before the next."""

    def tell(event: Event) -> None:
        for observer in observers:
            observer(event)

    return tell


def line_of(event: Event) -> bytes:
    """Return an event as a line of JSON, with the time of now.

    ASCII, so that no name can steer a terminal; of addresses without what they hide.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    plain = {"time": now, "event": event.name, **_plain(event)}
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def _plain(event: Event) -> dict[str, Any]:
    if isinstance(event, UnitDone):
        return _of_commit(event.commit)
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    if isinstance(event, StageStarted):
        values["done"] = len(event.done)
    return {
        name: without_secrets(value) if isinstance(value, str) else value
        for name, value in values.items()
    }


def _of_commit(commit: Commit) -> dict[str, Any]:
    facts: Mapping[str, Any] = commit.facts
    return {
        "stage": commit.stage,
        "unit": commit.unit,
        "seconds": commit.seconds,
        "cpu_seconds": commit.cpu_seconds,
        "peak_bytes": commit.peak_bytes,
        "written_bytes": sum(item.bytes for item in commit.files),
        **{name: facts[name] for name in _COUNTED if isinstance(facts.get(name), int)},
    }
