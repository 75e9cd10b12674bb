"""Files that appear whole or not at all, and the commit records that make them count.

A unit writes its files under `work/`, moves them to their final names and then
publishes one small JSON record, only if no record is there yet. The record is
the only truth about what is done: a file that no record names does not exist
for a reader, and a process that dies at any moment leaves nothing that could
be taken for finished work. A late writer loses the race for the record and
removes only what the winner does not name; one that follows an earlier recipe
finds another plan of its stage and moves nothing to a final name.
"""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filters.errors import UsageError, WorkError

_FULL = {errno.ENOSPC, errno.EDQUOT}


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

    def file(self, folder: str) -> CommittedFile:
        """Return the unit's file in `folder`; KeyError when it wrote none there."""
        for item in self.files:
            if item.path.startswith(folder + "/"):
                return item
        raise KeyError(folder)

    @property
    def content(self) -> str:
        """Digest of the committed files' contents, for the fingerprints of later stages."""
        return self.content_of("")

    def content_of(self, *folders: str) -> str:
        """Return the digest of the contents of those files that a later stage reads."""
        read = [item for item in self.files if item.path.startswith(folders)]
        return digest([[item.path, item.sha256] for item in read])


def digest(data: Any) -> str:
    """Return the sha256 (hex) of plain data as canonical JSON."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_json(path: Path, *expected: str) -> dict[str, Any]:
    """Return the object in a file that a run has written.

    UsageError when there is none, or one without the keys that are expected.
    """
    try:
        data = json.loads(path.read_bytes())
    except ValueError:
        data = None
    if not isinstance(data, dict) or not data.keys() >= set(expected):
        raise UsageError(
            f"{path}: is damaged or was not written by cuvee.\n"
            "  Remove it and run the same command again, or use a new --output folder."
        )
    return data


def sha256_of(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a folder that may not be written into an error in words."""
    try:
        yield
    except PermissionError as error:
        raise UsageError(
            f"{error.filename or path}: permission denied.\n"
            "  Choose another folder with --output, or make this one writable."
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise WorkError(
                f"{error.filename or path}: the disk is full.\n"
                "  Everything committed so far is kept: make room and run the same command again."
            ) from error
        if error.errno == errno.EROFS:
            raise UsageError(
                f"{error.filename or path}: the file system is read-only.\n"
                "  Choose another folder with --output."
            ) from error
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            _write_synced(temporary, data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make names created in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Attempt:
    """One try at one unit: a private folder under `work/`, and the files to be committed."""

    def __init__(self, root: Path, stage: str, unit: str, previous: "Commit | None" = None) -> None:
        self.root = root
        self.previous = previous
        """A stale commit of the same unit whose files are still there to be read."""
        self.folder = root / "work" / f"{stage}.{unit.replace('/', '-')}.{uuid.uuid4().hex[:12]}"
        with plain_errors(self.folder):
            self.folder.mkdir(parents=True)
        self.steps: Mapping[str, Mapping[str, float]] = {}
        self.helped: tuple[float, int] = (0.0, 0)
        """CPU seconds and most bytes of memory of a process that helped this one."""
        """Where the unit's time went, for its commit record."""
        self._outputs: list[tuple[Path, str, int]] = []

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
        return tuple(sealed)

    def place(self) -> None:
        """Move the files to their final names."""
        for written, final, _ in self._outputs:
            target = self.root / final
            target.parent.mkdir(parents=True, exist_ok=True)
            written.replace(target)
            sync_folder(target.parent)

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
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            _write_synced(temporary, json.dumps(asdict(commit), indent=1).encode())
            os.link(temporary, path)
        except FileExistsError:
            return self._lose(commit, self._read(path))
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
        return commit

    def _lose(self, commit: Commit, winner: Commit) -> Commit:
        named = {item.path for item in winner.files}
        for item in commit.files:
            if item.path not in named:
                (self.root / item.path).unlink(missing_ok=True)
        return winner

    def get(self, stage: str, unit: str) -> Commit | None:
        """Return the record of a unit, or None."""
        path = self._path(stage, unit)
        return self._read(path) if path.exists() else None

    def commits(self, stage: str) -> dict[str, Commit]:
        """Return the records of a stage by unit, in the units' order."""
        folder = self.root / "commits" / stage
        if not folder.is_dir():
            return {}
        records = (self._read(path) for path in sorted(folder.glob("[!.]*.json")))
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

    def _notes(self, name: str) -> dict[str, Any]:
        path = self.root / "commits" / name
        notes: dict[str, Any] = read_json(path) if path.exists() else {}
        return notes

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
        for item in commit.files:
            try:
                if (self.root / item.path).stat().st_size != item.bytes:
                    return False
            except FileNotFoundError:
                return False
        return True

    def _path(self, stage: str, unit: str) -> Path:
        return self.root / "commits" / stage / f"{unit.replace('/', '-')}.json"

    def _read(self, path: Path) -> Commit:
        try:
            data = json.loads(path.read_bytes())
            files = tuple(CommittedFile(**item) for item in data.pop("files"))
            return Commit(files=files, **data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(
                f"{path}: not a commit record of this version of cuvee.\n"
                "  Use a new --output folder, or remove this one."
            ) from error


def remove_unnamed(root: Path, folders: Sequence[str], named: set[str]) -> int:
    """Delete files below `folders` that no commit names; return how many."""
    removed = 0
    for folder in folders:
        for path in sorted((root / folder).rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(root).as_posix() not in named:
                path.unlink()
                removed += 1
    return removed
