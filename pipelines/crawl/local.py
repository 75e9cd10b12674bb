"""The files that an input stands for: files, folders and globs on this machine."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from filters.errors import UsageError, nearest
from pipelines.crawl.formats import ENDINGS, format_of
from pipelines.crawl.model import Found


def find_local(given: str, base: str | None) -> list[Found]:
    """Return the files of the input that a file, folder (searched recursively) or glob stands for.

    Hidden files and folders are not searched; the order is that of the paths.
    `file_path` is relative to `base`, else to the folder that was given, that the file
    lies in or that the glob starts from.

    Raises UsageError for an input that is not there, holds nothing that can be read or
    lies outside `base`.
    """
    root, paths = _expand(given)
    return [_found(path, _relative(path, Path(base) if base else root)) for path in paths]


def _expand(given: str) -> tuple[Path, list[Path]]:
    """Return an input's root and its crawl files, sorted by path."""
    path = Path(given)
    try:
        if path.is_dir():
            return path, _search_folder(path)
        if path.exists():
            return path.parent, [path]
        if glob.has_magic(given):
            return _search_glob(given)
    except OSError as error:
        raise UsageError(
            f"input '{given}' cannot be read: {_reason(error)}.\n"
            f"  Make {error.filename or given} readable for this user."
        ) from error
    return _missing(given)


def _search_folder(folder: Path) -> list[Path]:
    found: list[Path] = []
    visited: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        visited.add(os.path.realpath(place))
        # A link back to a folder above would be walked forever.
        links = [name for name in folders if os.path.realpath(Path(place) / name) in visited]
        folders[:] = sorted(name for name in set(folders) - set(links) if not _is_hidden(name))
        found += [Path(place) / name for name in names if _can_be_read(name)]
    if not found:
        raise UsageError(
            f"input '{folder}' is a folder without files that can be read.\n"
            f"  Looked for names that end in {', '.join(ENDINGS)}, in its subfolders too.\n"
            "  Name the files themselves, or use a glob, if they are called otherwise."
        )
    return sorted(found)


def _can_be_read(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not _is_hidden(name)


def _is_hidden(name: str) -> bool:
    """Whether other programs keep it for themselves: unfinished downloads, metadata of a Mac."""
    return name.startswith(".")


def _search_glob(given: str) -> tuple[Path, list[Path]]:
    parts = Path(given).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    root = Path(*parts[:fixed])
    found = sorted(Path(name) for name in glob.glob(given, recursive=True))  # noqa: PTH207  # Path.glob cannot start at /
    files = [path for path in found if path.is_file()]
    if not files:
        reason = "matches folders only" if found else "matches nothing"
        raise UsageError(
            f"input '{given}' {reason}.\n"
            f"  Its fixed part is '{root}'{'' if root.is_dir() else ', which does not exist'}.\n"
            "  Quote a glob so that the shell leaves it alone; '**' stands for any folders."
        )
    return root, files


def _missing(given: str) -> NoReturn:
    """Say how far a path leads and what there is instead."""
    path = Path(given)
    place = next(parent for parent in path.parents if parent.is_dir() or parent == parent.parent)
    wanted = path.relative_to(place).parts[0]
    similar = nearest(wanted, _names(place))
    hint = f"Did you mean '{place / similar}'?" if similar else f"'{place}' has no '{wanted}'."
    raise UsageError(f"input '{given}' does not exist.\n  {hint}")


def _names(folder: Path) -> Iterable[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return ()  # without a look inside there is nothing to suggest


def _relative(path: Path, root: Path) -> str:
    try:
        relative = Path(os.path.abspath(path)).relative_to(os.path.abspath(root))  # noqa: PTH100  # resolve() would follow links
    except ValueError:
        raise UsageError(
            f"input '{path}' does not lie in '{root}'.\n"
            "  Give --input-base a folder that holds all inputs."
        ) from None
    return relative.as_posix()


def _found(path: Path, file_path: str) -> Found:
    if not path.exists():
        raise UsageError(
            f"input '{path}' is a link to something that is not there.\n"
            "  Remove it, or put back what it leads to."
        )
    if not os.access(path, os.R_OK):
        raise UsageError(
            f"input '{path}' cannot be read: no permission.\n  Make it readable for this user."
        )
    stat = path.stat()
    return Found(
        uri=os.path.abspath(path),  # noqa: PTH100  # resolve() would follow links
        file_path=file_path,
        size=stat.st_size,
        version=str(stat.st_mtime_ns),
        format=format_of(path.name),
        same_as=os.path.realpath(path),
    )


def _refuse(error: OSError) -> NoReturn:
    raise error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
