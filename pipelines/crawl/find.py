"""From what a person gives as input to the files of a run, in their order."""

import re
from collections.abc import Sequence

from filters.errors import UsageError
from pipelines.crawl.local import find_local
from pipelines.crawl.model import CrawlFile, Found

_LOCAL = "local"
_DUMP = re.compile(r"CC-MAIN-\d{4}(?:-\d{2,4})?(?!\d)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_FILE_SCHEME = "file://"


def find_inputs(
    uris: Sequence[str], base: str | None = None, dump: str | None = None
) -> list[CrawlFile]:
    """Return the files that the inputs stand for.

    Their order is that of `uris`, then of their paths; a file that is named twice
    comes once. `file_path` is relative to `base`, else to what was given. `dump`
    names all files; without it a `CC-MAIN-…` in the path does, else `local`.

    Raises UsageError for an input that is not there, holds nothing that can be read or
    lies outside `base`, and when two files would have the same `file_path`.
    """
    if not uris:
        raise UsageError("there is no input.\n  Name crawl files, folders or globs with --input.")
    files: list[CrawlFile] = []
    seen: set[str] = set()
    for uri in uris:
        for found in _find(uri, base):
            if found.same_as not in seen:
                seen.add(found.same_as)
                files.append(_crawl_file(len(files), found, dump))
    _check_unique(files)
    return files


def _find(given: str, base: str | None) -> list[Found]:
    if given.lower().startswith(_FILE_SCHEME):
        return find_local(given[len(_FILE_SCHEME) :], base)
    if _SCHEME.match(given):
        raise UsageError(
            f"input '{given}' is remote; only local files, folders and globs can be read.\n"
            "  Copy it to this machine and name the copy."
        )
    return find_local(given, base)


def _crawl_file(ordinal: int, found: Found, dump: str | None) -> CrawlFile:
    named = _DUMP.search(found.uri)
    return CrawlFile(
        ordinal=ordinal,
        uri=found.uri,
        file_path=found.file_path,
        dump=dump or (named[0] if named else _LOCAL),
        size=found.size,
        version=found.version,
        format=found.format,
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
