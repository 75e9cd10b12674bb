"""The files of a crawl: finding them, and reading their pages."""

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from filters.errors import UnitError, UsageError, nearest
from pipelines.warc import Damage, Page, read_warc

ENDINGS = (".warc", ".warc.gz", ".warc.zst", ".wet", ".wet.gz", ".wet.zst")
"""What a folder is searched for; a file that is named itself may be called anything."""

_LOCAL = "local"
_DUMP = re.compile(r"CC-MAIN-\d{4}(?:-\d{2,4})?(?!\d)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_FILE_SCHEME = "file://"


@dataclass(frozen=True, slots=True)
class CrawlFile:
    """One file of the input, the unit of curation."""

    ordinal: int
    """Place in the input order, from 0."""
    uri: str
    """Where the file is."""
    file_path: str
    """The same relative to the input's root, as the ledger has it."""
    size: int
    """Bytes as stored."""
    dump: str

    @property
    def unit(self) -> str:
        """Name of the unit, for commit records and outputs: the ordinal, so that names sort."""
        return f"{self.ordinal:06d}"


def find_inputs(
    uris: Sequence[str], base: str | None = None, dump: str | None = None
) -> list[CrawlFile]:
    """Return the crawl files that files, folders (searched recursively) and globs stand for.

    Hidden files and folders are not searched.
    Their order is that of `uris`, then of their paths; a file that is named twice
    comes once. `file_path` is relative to `base`, else to the folder that was
    given, that the file lies in or that the glob starts from. `dump` names all
    files; without it a `CC-MAIN-…` in the path does, else `local`.

    Raises UsageError for an input that is not there, holds no crawl file, cannot be
    read or lies outside `base`, and when two files would have the same `file_path`.
    """
    if not uris:
        raise UsageError("there is no input.\n  Name crawl files, folders or globs with --input.")
    files: list[CrawlFile] = []
    seen: set[str] = set()
    for uri in uris:
        root, paths = _expand(_local_path(uri))
        for path in paths:
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                file_path = _relative(path, Path(base) if base else root)
                files.append(_crawl_file(len(files), path, file_path, dump))
    _check_unique(files)
    return files


def open_file(file: CrawlFile) -> BinaryIO:
    """Open a crawl file for reading; UnitError when it cannot be opened any more."""
    try:
        return Path(file.uri).open("rb")
    except OSError as error:
        raise UnitError(
            f"input '{file.uri}' cannot be opened: {_reason(error)}.\n"
            "  Put it back or make it readable, then repeat the command: it resumes."
        ) from error


def read_pages(file: CrawlFile, others: Counter[str]) -> Iterator[Page | Damage]:
    """Yield the pages and damaged stretches of a file; counts all other records in `others`."""
    with open_file(file) as opened:
        yield from read_warc(opened, file.file_path, others)


def _local_path(uri: str) -> str:
    if uri.lower().startswith(_FILE_SCHEME):
        return uri[len(_FILE_SCHEME) :]
    if _SCHEME.match(uri):
        raise UsageError(
            f"input '{uri}' is remote; only local files, folders and globs can be read.\n"
            "  Copy it to this machine and name the copy."
        )
    return uri


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
        found += [Path(place) / name for name in names if _is_crawl_file(name)]
    if not found:
        raise UsageError(
            f"input '{folder}' is a folder without crawl files.\n"
            f"  Looked for names that end in {', '.join(ENDINGS)}, in its subfolders too.\n"
            "  Name the files themselves, or use a glob, if they are called otherwise."
        )
    return sorted(found)


def _is_crawl_file(name: str) -> bool:
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


def _crawl_file(ordinal: int, path: Path, file_path: str, dump: str | None) -> CrawlFile:
    if not path.exists():
        raise UsageError(
            f"input '{path}' is a link to something that is not there.\n"
            "  Remove it, or put back what it leads to."
        )
    if not os.access(path, os.R_OK):
        raise UsageError(
            f"input '{path}' cannot be read: no permission.\n  Make it readable for this user."
        )
    named = _DUMP.search(path.absolute().as_posix())
    return CrawlFile(
        ordinal=ordinal,
        uri=os.path.abspath(path),  # noqa: PTH100  # resolve() would follow links
        file_path=file_path,
        size=path.stat().st_size,
        dump=dump or (named[0] if named else _LOCAL),
    )


def _check_unique(files: Sequence[CrawlFile]) -> None:
    """Refuse two files of one `file_path`: the ledger could not tell their records apart."""
    first: dict[str, CrawlFile] = {}
    for file in files:
        other = first.setdefault(file.file_path, file)
        if other is not file:
            raise UsageError(
                f"inputs '{other.uri}' and '{file.uri}' would both be '{file.file_path}'.\n"
                "  Give --input-base a folder that holds both."
            )


def _refuse(error: OSError) -> NoReturn:
    raise error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
