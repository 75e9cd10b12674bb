"""Files of a run that are there whole or not at all: in a folder of this machine, or on S3.

The one place where the two differ in how something is written, besides `pipelines.bucket`:
a path says by itself which of them it is of.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filters.errors import UsageError, WorkError
from pipelines.bucket.path import S3Path

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FEW = 8  # files of a folder on S3 that are asked for one by one: a listing may be long


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


def read_all(paths: Sequence[Path]) -> Iterator[bytes]:
    """Yield the bytes of small files, in order."""
    if any(isinstance(path, S3Path) for path in paths):
        from pipelines.bucket import objects

        yield from objects.read_all([path for path in paths if isinstance(path, S3Path)])
        return
    for path in paths:
        yield path.read_bytes()


def sha256_of(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_unchanged(path: Path, wanted: str, place: str) -> None:
    """Compare a file that a recipe names, at `place`, with the sha256 that it was read with.

    UsageError where it is another file by now; an empty sha256 is that of any.
    """
    found = sha256_of(path)
    if wanted not in ("", found):
        raise UsageError(
            f"{place} has changed: sha256 {found[:16]}…\n"
            f"  The recipe asks for {wanted[:16]}…: mend either."
        )


def sizes_of(paths: Iterable[Path]) -> dict[Path, int]:
    """Return the sizes of those files that are there. On S3, listings tell of many at once."""
    sizes: dict[Path, int] = {}
    in_buckets: defaultdict[S3Path, set[S3Path]] = defaultdict(set)
    for path in paths:
        if isinstance(path, S3Path):
            in_buckets[path.parent].add(path)
        elif (facts := _facts(path)) is not None:
            sizes[path] = facts.st_size
    for folder, wanted in in_buckets.items():
        sizes.update(_sizes_on_s3(folder, wanted))
    return sizes


def _sizes_on_s3(folder: S3Path, wanted: set[S3Path]) -> Iterator[tuple[S3Path, int]]:
    from pipelines.bucket import objects

    if len(wanted) > _FEW:
        yield from (item for item in objects.listed(folder) if item[0] in wanted)
        return
    for path in wanted:
        size = objects.size(path)
        if size is not None:
            yield path, size


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def is_full_or_closed(error: OSError) -> bool:
    """Whether `plain_errors` has words for it: no room, no permission, a read-only disk."""
    return isinstance(error, PermissionError) or error.errno in {*_FULL, errno.EROFS}


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a folder that may not be written into a WorkError in words."""
    try:
        yield
    except PermissionError as error:
        raise WorkError(
            f"{error.filename or path}: permission denied.\n"
            "  Choose another folder with --output, or make this one writable: what is committed "
            "is kept."
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise WorkError(
                f"{error.filename or path}: the disk is full.\n"
                "  Everything committed so far is kept: make room and run the same command again."
            ) from error
        if error.errno == errno.EROFS:
            raise WorkError(
                f"{error.filename or path}: the file system is read-only.\n"
                "  Choose another folder with --output, or make it writable: what is committed "
                "is kept."
            ) from error
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    if isinstance(path, S3Path):
        path.write_bytes(data)
        return
    with plain_errors(path), _temporary(path, data) as temporary:
        temporary.replace(path)


def write_if_absent(path: Path, data: bytes) -> bool:
    """Write a file only if there is none; return whether it is there with this content by us."""
    if isinstance(path, S3Path):
        from pipelines.bucket import objects

        return objects.put_if_absent(path, data)
    try:
        with _temporary(path, data) as temporary:
            os.link(temporary, path)
    except FileExistsError:
        return False
    return True


@contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[Path]:
    """Give a synced file beside `path`, to be given its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def move_into_place(written: Path, target: Path, sha256: str) -> None:
    """Give a file that an attempt has written and synced its final name."""
    if isinstance(target, S3Path):
        from pipelines.bucket import objects

        objects.upload(written, target, sha256)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    written.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make names created in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def work_folder(root: Path) -> Path:
    """Return the folder where attempts write: `work/`, or one of this machine for a run on S3."""
    if not isinstance(root, S3Path):
        return root / "work"
    return scratch_folder(root) / "work"


def scratch_folder(root: S3Path) -> Path:
    """Make and return the folder of this machine that belongs to a run on S3; below TMPDIR."""
    own = Path(tempfile.gettempdir()) / f"cuvee-{os.getuid()}"
    with plain_errors(own):
        own.mkdir(mode=0o700, exist_ok=True)
        if own.stat().st_uid != os.getuid():
            raise UsageError(f"{own}: belongs to somebody else.\n  Set TMPDIR to another folder.")
        folder = own / hashlib.sha256(str(root).encode()).hexdigest()[:16]
        folder.mkdir(exist_ok=True)
    return folder


def empty_work(root: Path) -> None:
    """Remove what attempts that were killed have left; they could fill a disk, run by run."""
    if isinstance(root, S3Path):
        from pipelines.bucket import objects

        objects.abort_uploads(root)
    work = work_folder(root)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)


def remove_unnamed(root: Path, folders: Sequence[str], named: set[str]) -> int:
    """Delete files below `folders` that no commit names; return how many."""
    removed = 0
    for folder in folders:
        # A path on S3 is an object: there are no folders to be removed.
        for path in sorted((root / folder).rglob("*"), reverse=True):
            if not isinstance(path, S3Path) and path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(root).as_posix() not in named:
                path.unlink()
                removed += 1
    return removed
