"""FineWeb's URL lists, as the installed datatrove package brings them.

The lists of domains (4.6 million) and URLs are unpacked once per machine into
sorted files, which every process maps into memory and searches by halving:
exact, ready at once, and shared between processes. What is an entry follows
datatrove 0.10.1 (`url_filter.py`, `parse_list`).
"""

import hashlib
import io
import mmap
import tarfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO

from filters.errors import WorkError
from filters.url import UrlBlocker, normalize_word
from pipelines.assets import cache_folder, kept

_ARCHIVE = "url_filterblacklistsv0_3_0.tar.gz"
_BANNED, _SOFT, _SUBWORDS = "banned_words.txt", "soft_banned_words.txt", "banned_subwords.txt"
_DOMAINS, _URLS = "domains", "urls"
_FORMAT = 1  # grows whenever the sorted files would look otherwise
_COMMENT = "#"


class SortedLines:
    """Exact membership in a file of sorted lines, without reading it.

    Raises OSError when the file cannot be mapped, ValueError when it is empty.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __contains__(self, entry: object) -> bool:
        if not isinstance(entry, str) or "\n" in entry:
            return False
        wanted = entry.encode("utf-8", "surrogatepass")
        data, low, high = self._data, 0, len(self._data)
        while low < high:
            middle = (low + high) // 2
            start = data.rfind(b"\n", low, middle) + 1 or low
            end = data.find(b"\n", middle)
            line = data[start:end]
            if line == wanted:
                return True
            if line < wanted:
                low = end + 1
            else:
                high = start
        return False


def load_blocker() -> UrlBlocker:
    """Return FineWeb's URL gate with its lists; the first call on a machine takes seconds.

    WorkError when the cache cannot be written to.
    """
    return UrlBlocker(
        _sorted_lines(_DOMAINS),
        _sorted_lines(_URLS),
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


def _sorted_lines(name: str) -> SortedLines:
    return SortedLines(kept(_place(name), Path.is_file, lambda written: _build(name, written)))


def _build(name: str, written: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(_asset(_ARCHIVE))) as packed:
        stream = packed.extractfile(name)
        if stream is None:
            raise WorkError(f"{_ARCHIVE} of datatrove has no '{name}'.\n  Reinstall datatrove.")
        entries = sorted(entry.encode() for entry in _entries(stream, str.strip))
    with written.open("wb") as out:
        previous = None
        for entry in entries:
            if entry != previous:
                out.write(entry + b"\n")
            previous = entry
