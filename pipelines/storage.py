"""Files that appear whole or not at all, and the commit records that make them count.

A unit writes its files under `work/`, moves them to their final names and then
publishes one small JSON record, only if no record is there yet. The record is
the only truth about what is done: a file that no record names does not exist
for a reader, and a process that dies at any moment leaves nothing that could
be taken for finished work. A late writer loses the race for the record and
removes only what the winner does not name; one that follows an earlier recipe
finds another plan of its stage and moves nothing to a final name.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.files import (
    move_into_place,
    plain_errors,
    read_all,
    read_json,
    sha256_of,
    sizes_of,
    work_folder,
    write_if_absent,
    write_whole,
)


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """A file that a commit record names; `path` is relative to the run directory."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What one unit of one stage has done."""

    stage: str
    unit: str
    fingerprint: str
    """Digest of everything that determines the files; a differing one makes the record stale."""
    files: tuple[CommittedFile, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Counters and whatever else the next stage or the summary needs; plain JSON data."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """CPU time of the whole process while the unit ran."""
    peak_bytes: int = 0
    """The most memory that the process has had until then."""
    steps: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Where the time went, by step (`pipelines.timing`); empty for most stages."""
    taken: Mapping[str, str] = field(default_factory=dict)
    """sha256 of what the unit itself wrote, by path, of files that pages were taken out of since
    (`pipelines.takedown`): later stages go by it, so that they need not be done again."""

    def file(self, folder: str) -> CommittedFile:
        """Return the unit's file in `folder`; KeyError when it wrote none there."""
        for item in self.files:
            if item.path.startswith(folder + "/"):
                return item
        raise KeyError(folder)

    @property
    def content(self) -> str:
        """Digest of what the unit wrote, for the fingerprints of later stages."""
        return self.content_of("")

    def content_of(self, *folders: str) -> str:
        """Return the digest of the contents of those files that a later stage reads."""
        written = {item.path: item.sha256 for item in self.files} | dict(self.taken)
        return digest([list(item) for item in written.items() if item[0].startswith(folders)])


def digest(data: Any) -> str:
    """Return the sha256 (hex) of plain data as canonical JSON."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


class Attempt:
    """One try at one unit: a private folder under `work/`, and the files to be committed."""

    def __init__(self, root: Path, stage: str, unit: str, previous: "Commit | None" = None) -> None:
        self.root = root
        self.previous = previous
        """A stale commit of the same unit whose files are still there to be read."""
        name = f"{stage}.{unit.replace('/', '-')}.{uuid.uuid4().hex[:12]}"
        self.folder = work_folder(root) / name
        with plain_errors(self.folder):
            self.folder.mkdir(parents=True)
        self.steps: Mapping[str, Mapping[str, float]] = {}
        self.helped: tuple[float, int] = (0.0, 0)
        """CPU seconds and most bytes of memory of a process that helped this one."""
        """Where the unit's time went, for its commit record."""
        self._outputs: list[tuple[Path, str, int]] = []
        self._sealed: tuple[CommittedFile, ...] = ()

    def path(self, final: str) -> Path:
        """Return where to write the file whose final name, below the run directory, is `final`."""
        path = self.folder / final
        if not self.folder.is_dir():  # a late writer may not make it again in a finished run
            raise FileNotFoundError(f"{self.folder}: was removed; another has done the unit")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, final: str, rows: int) -> None:
        """Say that `final` has been written whole and belongs to the commit."""
        self._outputs.append((self.folder / final, final, rows))

    def written_bytes(self) -> int:
        """Return the size of all files that were added."""
        return sum(written.stat().st_size for written, _, _ in self._outputs)

    def seal(self) -> tuple[CommittedFile, ...]:
        """Sync the files and return what the commit record says of them."""
        sealed = []
        for written, final, rows in self._outputs:
            with written.open("rb+") as stream:
                os.fsync(stream.fileno())
            size = written.stat().st_size
            sealed.append(CommittedFile(final, rows, size, sha256_of(written)))
        self._sealed = tuple(sealed)
        return self._sealed

    def place(self) -> None:
        """Move the sealed files to their final names."""
        for item in self._sealed:
            move_into_place(self.folder / item.path, self.root / item.path, item.sha256)

    def close(self) -> None:
        """Remove the private folder and what is left in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class CommitLog:
    """The commit records of a run directory: `commits/<stage>/<unit>.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, commit: Commit) -> Commit:
        """Publish the record if the unit has none, and return the record that holds.

        A loser's files are removed unless the winner names them too. Where both
        follow the same recipe those are the same bytes.
        """
        path = self._path(commit.stage, commit.unit)
        if write_if_absent(path, _written(commit)):
            return commit
        return self._lose(commit, _record(path, path.read_bytes()))

    def _lose(self, commit: Commit, winner: Commit) -> Commit:
        named = {item.path for item in winner.files}
        for item in commit.files:
            if item.path not in named:
                (self.root / item.path).unlink(missing_ok=True)
        return winner

    def replace(self, commit: Commit) -> None:
        """Put a record in the place of the one that its unit has."""
        path = self._path(commit.stage, commit.unit)
        write_whole(path, _written(commit))

    def get(self, stage: str, unit: str) -> Commit | None:
        """Return the record of a unit, or None."""
        path = self._path(stage, unit)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        return _record(path, data)

    def commits(self, stage: str) -> dict[str, Commit]:
        """Return the records of a stage by unit, in the units' order."""
        paths = sorted((self.root / "commits" / stage).glob("[!.]*.json"))
        records = map(_record, paths, read_all(paths))
        return {record.unit: record for record in records}

    def plan(self, stage: str, fingerprints: Mapping[str, str]) -> str:
        """Note a stage's units and their fingerprints; returns the plan's digest for `is_planned`.

        The number of units is for `progress`.
        """
        plan = {"units": len(fingerprints), "digest": digest(fingerprints)}
        notes = self._notes("plan.json")
        notes.pop(stage, None)
        data = json.dumps({**notes, stage: plan}).encode()
        write_whole(self.root / "commits" / "plan.json", data)
        return str(plan["digest"])

    def is_planned(self, stage: str, plan: str) -> bool:
        """Return whether the stage's plan is still this one, and not that of a later recipe."""
        found: Mapping[str, Any] = self._notes("plan.json").get(stage, {})
        return found.get("digest") == plan

    def set_aside(self, stage: str, failed: Mapping[str, str]) -> None:
        """Note the units that a stage gave up on, with the reason."""
        notes = self._notes("failed.json")
        if failed or stage in notes:
            notes[stage] = dict(failed)
            write_whole(self.root / "commits" / "failed.json", json.dumps(notes).encode())

    def progress(self) -> dict[str, dict[str, Any]]:
        """Return by stage, in the order of running: units planned and done, and failures."""
        failed = self._notes("failed.json")
        return {
            stage: {
                "units": plan["units"],
                "done": len(self.commits(stage)),
                "failed": failed.get(stage, {}),
            }
            for stage, plan in self._notes("plan.json").items()
        }

    def planned(self) -> list[str]:
        """Return the stages that were planned, in the order of running."""
        return list(self._notes("plan.json"))

    def failed(self, stage: str) -> dict[str, str]:
        """Return the units that a stage gave up on, with the reason."""
        failed: dict[str, str] = self._notes("failed.json").get(stage, {})
        return failed

    def _notes(self, name: str) -> dict[str, Any]:
        try:
            return read_json(self.root / "commits" / name)
        except FileNotFoundError:
            return {}

    def retract(self, commit: Commit) -> None:
        """Remove a stale record first and its files after it, so that no record names a gap."""
        self._path(commit.stage, commit.unit).unlink(missing_ok=True)
        for item in commit.files:
            (self.root / item.path).unlink(missing_ok=True)

    def forget(self, stage: str) -> None:
        """Take back a stage that the recipe has no more: its records, files and notes."""
        for commit in self.commits(stage).values():
            self.retract(commit)
        for name in ("plan.json", "failed.json"):
            notes = self._notes(name)
            if notes.pop(stage, None) is not None:
                write_whole(self.root / "commits" / name, json.dumps(notes).encode())

    def is_whole(self, commit: Commit) -> bool:
        """Return whether every file of the record is there with its size."""
        return bool(self.whole([commit]))

    def whole(self, commits: Iterable[Commit]) -> set[str]:
        """Return the units of those records whose every file is there with its size."""
        commits = list(commits)
        sizes = sizes_of(self.root / item.path for commit in commits for item in commit.files)
        return {
            commit.unit
            for commit in commits
            if all(sizes.get(self.root / item.path) == item.bytes for item in commit.files)
        }

    def _path(self, stage: str, unit: str) -> Path:
        return self.root / "commits" / stage / f"{unit.replace('/', '-')}.json"


def _written(commit: Commit) -> bytes:
    data = {each.name: getattr(commit, each.name) for each in fields(commit)}
    data["files"] = [asdict(item) for item in commit.files]
    if not commit.taken:  # as almost always: then earlier versions read the record, too
        del data["taken"]
    return json.dumps(data, indent=1).encode()


def _record(path: Path, data: bytes) -> Commit:
    """Return the commit record in a file; UsageError for another shape."""
    try:
        written = json.loads(data)
        files = tuple(CommittedFile(**item) for item in written.pop("files"))
        return Commit(files=files, **written)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{path}: not a commit record of this version of cuvee.\n"
            "  Use a new --output folder, or remove this one."
        ) from error
