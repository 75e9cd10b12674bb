"""Lists of words that a recipe may name: out of pinned packages, verified, kept in the cache.

The English list of the List of Dirty, Naughty, Obscene or Otherwise Bad Words (LDNOOBW) has grown.
C4 was made with 377 lines of it, which TensorFlow Datasets and datatrove name by their revision,
25e679f. The package dolma has 403: those 377 in the same order, and 26 that came later. So C4's
list is dolma's without these, byte for byte the file of that revision.

RedPajama-v2 took its stop words from stopwords-json. Its 570 English ones are SMART's, Salton and
Buckley's system of Cornell University; the package python-rake has the same, as a list in Python.
"""

import ast
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from filters.errors import WorkError
from pipelines.assets import (
    Package,
    Report,
    cache_folder,
    check_sha256,
    fetch_package,
    has_sha256,
    kept,
    say_nothing,
)

_DOLMA = Package(
    name="dolma",
    version="0.9.1",  # the smallest archive that has the list; 1.2.1 has the same one
    archive="dolma-0.9.1.tar.gz",
    sha256="a7258eab560a832aaebf4e989d124d54cfd02bb4c4fc65a62531ac70788ca408",
    licence="Apache-2.0",
)
_PYTHON_RAKE = Package(
    name="python-rake",
    version="1.5.0",
    archive="python-rake-1.5.0.tar.gz",
    sha256="7165a713208890de0bdfc2da8eb4269336114985135be10cb8d752ba9fc3fbd4",
    licence="MIT",
)
_MOST_BYTES = 1 << 20
"""Of a list in a package; those that are pinned have 4 KB."""


@dataclass(frozen=True, slots=True)
class PinnedList:
    """Words and phrases inside a source package: a file with one on each line, or of Python."""

    name: str
    package: Package
    member: str
    sha256: str
    """Of the list as it is used."""
    licence: str
    source: str
    without: frozenset[int] = frozenset()
    """Numbers of the member's lines that the list leaves out, counted from 1."""
    in_python: str = ""
    """The name that a list has in the member, where that is a file of Python."""


_LDNOOBW = "https://github.com/LDNOOBW/List-of-Dirty-Naughty-Obscene-and-Otherwise-Bad-Words"
_LATER = frozenset(
    {
        *(26, 39, 82, 99, 100, 137, 160, 188, 215, 221, 222, 226, 242),
        *(246, 265, 308, 311, 312, 313, 332, 355, 381, 386, 387, 393, 394),
    }
)
"""Numbers of dolma's lines that came after C4."""
PINNED_LISTS: Mapping[str, PinnedList] = {
    found.name: found
    for found in (
        PinnedList(
            name="naughty_words_en.txt",
            package=_DOLMA,
            member="dolma-0.9.1/python/dolma/data/naughty_words_en.txt",
            sha256="af851ecef1d5f212caba17339b12ac39cc2fef7d78c74876f67237644fcee8bd",
            licence="CC-BY-4.0",
            source=_LDNOOBW,
        ),
        PinnedList(
            name="c4_bad_words_en.txt",
            package=_DOLMA,
            member="dolma-0.9.1/python/dolma/data/naughty_words_en.txt",
            sha256="a506cbcf8a31935b122299f3bb1d32be6db3d0ad498765d28f365dfc4f4d7b8c",
            licence="CC-BY-4.0",
            source=f"{_LDNOOBW} at 25e679f, en",
            without=_LATER,
        ),
        PinnedList(
            name="stop_words_en.txt",
            package=_PYTHON_RAKE,
            member="python-rake-1.5.0/RAKE/stoplists/SmartStopList.py",
            sha256="9869c9b6c582d7485871e136b05b64556a1741657c2401fb0698d56a6cf190fe",
            licence="MIT",
            source="https://github.com/6/stopwords-json, en",
            in_python="wordlist",
        ),
    )
}
"""The lists that a recipe may name, by name."""


def fetch_list(pinned: PinnedList, report: Report = say_nothing) -> Path:
    """Return the file of a list out of the cache, fetching its package first if need be.

    WorkError when it cannot be fetched, or is not what was pinned.
    """

    def unpack(written: Path) -> None:
        archive = fetch_package(pinned.package, report)
        written.write_bytes(_lines(archive, pinned))
        check_sha256(written, pinned.sha256, f"Delete {archive}, it is fetched again.")
        report(f"List {pinned.name} ({pinned.licence}, {pinned.source})")

    return kept(_place(pinned), has_sha256(pinned.sha256), unpack)


def kept_list(pinned: PinnedList) -> Path | None:
    """Return the file of a list where the cache has it; None where it has to be fetched."""
    final = _place(pinned)
    return final if final.is_file() and has_sha256(pinned.sha256)(final) else None


def _place(pinned: PinnedList) -> Path:
    return cache_folder() / "lists" / pinned.sha256[:16] / pinned.name


def _lines(archive: Path, pinned: PinnedList) -> bytes:
    with tarfile.open(archive) as packed:
        member = packed.extractfile(pinned.member)
        if member is None:
            raise WorkError(f"{archive}: has no file {pinned.member}.\n  Fetch it again.")
        written = member.read(_MOST_BYTES)
    if pinned.in_python:
        return _python_list(written, pinned.in_python)
    numbered = enumerate(written.splitlines(keepends=True), start=1)
    return b"".join(line for number, line in numbered if number not in pinned.without)


def _python_list(written: bytes, name: str) -> bytes:
    """Return the words of a list that a file of Python, which is not run, gives that name."""
    found = next(
        ast.literal_eval(node.value)
        for node in ast.parse(written).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return "".join(f"{word}\n" for word in found).encode()
