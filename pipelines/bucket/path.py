"""Addresses of S3 as paths, so that a run's directory may be one.

Reading, writing and removing go to the bucket; what S3 has nothing like raises a
TypeError, and never touches a folder of this machine by the same name.
"""

import io
import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath
from typing import Any, NoReturn

from filters.errors import UsageError

_SCHEME = "s3:"
_LEAST_PARTS = 3  # scheme, bucket and one name


class S3Path(PosixPath):
    """`s3://bucket/name/…`, an object or a prefix. WorkError in words where S3 does not answer."""

    def __str__(self) -> str:
        """Return the address."""
        parts = self.parts
        if parts[:1] != (_SCHEME,):  # one that is relative to a folder
            return "/".join(parts)
        return f"{_SCHEME}//{'/'.join(parts[1:])}"

    def __fspath__(self) -> NoReturn:
        """Refuse: this machine has no such file."""
        raise TypeError(f"{self} is no file of this machine")

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self.parts[1]

    @property
    def key(self) -> str:
        """Name in the bucket."""
        return "/".join(self.parts[2:])

    def resolve(self, strict: bool = False) -> "S3Path":
        """Return the path itself: there are no links."""
        del strict
        return self

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is an object or something below this name."""
        del follow_symlinks
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether there is an object."""
        from pipelines.bucket import objects

        return objects.size(self) is not None

    def is_dir(self) -> bool:
        """Whether there is something below this name."""
        return next(self.rglob("*"), None) is not None

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return the size, and nothing else of use. FileNotFoundError without an object."""
        from pipelines.bucket import objects

        del follow_symlinks
        size = objects.size(self)
        if size is None:
            raise FileNotFoundError(str(self))
        return os.stat_result((stat.S_IFREG, 0, 0, 0, 0, 0, size, 0, 0, 0))

    def read_bytes(self) -> bytes:
        """Return the object; FileNotFoundError where there is none."""
        from pipelines.bucket import objects

        return objects.read(self)

    def open(self, *how: Any, **options: Any) -> io.RawIOBase:  # type: ignore[override]
        """Open the object for reading bytes: it is fetched block by block as it is read."""
        from pipelines.bucket import objects

        if how not in {(), ("rb",)} or options:
            raise TypeError(f"{self} can only be opened for reading bytes")
        return objects.open_object(self)

    def write_bytes(self, data: Any) -> int:
        """Write the object: it is there whole or not at all."""
        from pipelines.bucket import objects

        objects.put(self, data)
        return len(data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object. S3 does not say whether there was one."""
        from pipelines.bucket import objects

        del missing_ok
        objects.remove(self)

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Do nothing: a bucket has no folders, only names."""

    def iterdir(self) -> Iterator["S3Path"]:  # type: ignore[override]
        """Yield what is directly below, each name once."""
        seen = set()
        for path in self.rglob("*"):
            name = path.relative_to(self).parts[0]
            if name not in seen:
                seen.add(name)
                yield self / name

    def glob(self, pattern: str) -> Iterator["S3Path"]:  # type: ignore[override]
        """Yield the objects directly below whose name fits."""
        return (path for path in self.rglob(pattern) if path.parent == self)

    def rglob(self, pattern: str) -> Iterator["S3Path"]:  # type: ignore[override]
        """Yield the objects below, at any depth, whose name fits; in the order of their keys."""
        from pipelines.bucket import objects

        return (path for path, _ in objects.listed(self) if fnmatchcase(path.name, pattern))


def run_folder(given: str | Path) -> Path:
    """Return the run directory that a person names: a folder, or an address of S3.

    UsageError for an address that no run can be written to.
    """
    if isinstance(given, Path) or "://" not in given:
        return Path(given) if isinstance(given, str) else given
    from pipelines.crawl.remote.address import check_address, climbs, is_s3, without_secrets

    shown = without_secrets(given)
    check_address(given, what="folder")
    path = S3Path(_SCHEME, *given.partition("://")[2].split("/"))
    if not is_s3(given):
        raise UsageError(
            f"folder '{shown}': a run can only be in a folder of this machine or on S3.\n"
            "  Name a folder, or s3://BUCKET/NAME."
        )
    if len(path.parts) < _LEAST_PARTS or climbs(given):
        raise UsageError(f"folder '{shown}' names no place in a bucket.\n  Say s3://BUCKET/NAME.")
    return path
