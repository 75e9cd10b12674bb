"""FineWeb's URL lists, as the installed datatrove package brings them.

They are unpacked once per machine; the list of domains (4.6 million) into a file that
every process maps into memory: exact, ready at once, and shared between processes.
What is an entry follows datatrove 0.10.1 (`url_filter.py`, `parse_list`).
"""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO

from filters.errors import WorkError
from filters.url import UrlBlocker, normalize_word
from pipelines.assets import cache_folder, kept
from pipelines.lookup import HashedLines, write_lines

_ARCHIVE = "url_filterblacklistsv0_3_0.tar.gz"
_BANNED, _SOFT, _SUBWORDS = "banned_words.txt", "soft_banned_words.txt", "banned_subwords.txt"
_DOMAINS, _URLS = "domains", "urls"
_FORMAT = 3  # grows whenever the unpacked files would look otherwise
_COMMENT = "#"


def load_blocker() -> UrlBlocker:
    """Return FineWeb's URL gate with its lists; the first call on a machine takes seconds.

    WorkError when the cache cannot be written to.
    """
    return UrlBlocker(
        _domains(),
        _urls(),
        _words(_BANNED),
        _words(_SOFT),
        _words(_SUBWORDS),
    )


@cache
def list_digests() -> Mapping[str, str]:
    """Return the sha256 of every file that the lists come from, by name."""
    names = (_ARCHIVE, _BANNED, _SOFT, _SUBWORDS)
    return {name: hashlib.sha256(_asset(name)).hexdigest() for name in names}


def _asset(name: str) -> bytes:
    return files("datatrove").joinpath("assets", name).read_bytes()


def _entries(stream: IO[bytes], change: Callable[[str], str]) -> Iterator[str]:
    """Yield a list's entries: each line but comments, which have `#` as their first character."""
    with io.TextIOWrapper(stream, encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith(_COMMENT):
                yield change(line)


def _words(name: str) -> frozenset[str]:
    return frozenset(_entries(io.BytesIO(_asset(name)), normalize_word))


def lists_are_kept() -> bool:
    """Whether the cache has the unpacked lists, so that a run need not unpack them."""
    return all(_place(name).is_file() for name in (_DOMAINS, _URLS))


def _place(name: str) -> Path:
    key = list_digests()[_ARCHIVE][:16]
    return cache_folder() / "urllists" / f"{key}-{_FORMAT}" / name


def _domains() -> HashedLines:
    def unpack(written: Path) -> None:
        write_lines(written, map(str.encode, _unpacked(_DOMAINS)))

    return HashedLines(kept(_place(_DOMAINS), Path.is_file, unpack))


def _urls() -> frozenset[str]:
    def unpack(written: Path) -> None:
        written.write_bytes("\n".join(_unpacked(_URLS)).encode())

    return frozenset(kept(_place(_URLS), Path.is_file, unpack).read_bytes().decode().split("\n"))


def _unpacked(name: str) -> Iterator[str]:
    with tarfile.open(fileobj=io.BytesIO(_asset(_ARCHIVE))) as packed:
        stream = packed.extractfile(name)
        if stream is None:
            raise WorkError(f"{_ARCHIVE} of datatrove has no '{name}'.\n  Reinstall datatrove.")
        yield from _entries(stream, str.strip)
