"""Lists of files, such as the `warc.paths.gz` that Common Crawl publishes with each crawl.

One path a line, packed or plain; blank lines and those that begin with `#` are
passed over. What a list names is not asked for before it is read: a file that is
missing fails alone, when its turn comes.
https://commoncrawl.org/get-started
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from filters.errors import UnitError, UsageError
from pipelines.crawl.formats import format_of
from pipelines.crawl.local import find_local
from pipelines.crawl.model import Found
from pipelines.crawl.remote.address import (
    check_address,
    climbs,
    is_over_network,
    is_web,
    join,
    name_of,
    path_of,
    relative_to,
    scheme_of,
    without_secrets,
)
from pipelines.crawl.remote.ask import open_remote, probe
from pipelines.crawl.remote.listing import found_unasked
from pipelines.crawl.remote.patience import Traffic, patience_of_planning

_ENDINGS = (".paths", ".paths.gz", ".txt", ".txt.gz")
_LONGEST = 1 << 14
_GZIP_MAGIC = b"\x1f\x8b"


def is_list(given: str) -> bool:
    """Whether an input is a list of files, by its name."""
    name = name_of(given) if scheme_of(given) else given
    return name.lower().endswith(_ENDINGS) and not ("*" in name or Path(given).is_dir())


def find_listed(given: str, base: str | None) -> list[Found]:
    """Return the files that a list names, in its order.

    Relative entries lie in `base`, a folder or an address; absolute ones stand for
    themselves. `file_path` is relative to `base`.

    Raises UsageError for a list that cannot be read, names nothing, or has an entry that is
    no path, leads out of the base or needs one where none was given.
    """
    if base is not None and is_web(base) and urlsplit(base).query:
        raise UsageError(
            f"--input-base '{without_secrets(base)}' has a query, where paths go.\n"
            "  Leave it away, or let the list name whole addresses, each with its own."
        )
    found = [_entry(given, number, entry, base) for number, entry in _entries(given)]
    if not found:
        raise UsageError(
            f"list '{without_secrets(given)}' names no file.\n"
            "  One path or address a line is expected."
        )
    return found


def check_some_exist(given: str, found: Sequence[Found]) -> None:
    """Refuse a list of which nothing is there: its base is wrong, more likely than its files.

    All files on this machine are looked for; of remote ones the first, the middle and the last.
    """
    here = [item for item in found if not scheme_of(item.uri)]
    remote = [item for item in found if scheme_of(item.uri)]
    if any(item.version for item in here):
        return
    asked = list(dict.fromkeys(remote[index] for index in (0, len(remote) // 2, -1) if remote))
    if any(probe(item.uri) for item in asked):
        return
    first = (here or remote)[0]
    raise UsageError(
        f"list '{without_secrets(given)}': none of the {len(here) + len(asked)} files looked for "
        f"is there.\n  The first would be '{without_secrets(first.uri)}'.\n"
        "  Give --input-base the folder or address that its paths are relative to."
    )


def _entries(given: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that name something, with their numbers from 1."""
    with _readable(given), _open(given) as stream:
        number = 0
        while line := stream.readline(_LONGEST):
            number += 1
            entry = _decoded(line)
            if entry is None:
                raise UsageError(
                    f"list '{without_secrets(given)}', line {number}: is no path.\n"
                    "  One path or address a line is expected, as text in UTF-8."
                )
            if entry and not entry.startswith("#"):
                yield number, entry


def _decoded(line: bytes) -> str | None:
    """Return a line as text, or None for one that no list has."""
    try:
        entry = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    return entry if entry.isprintable() and len(line) < _LONGEST else None


@contextmanager
def _open(given: str) -> Iterator[BinaryIO]:
    with _open_packed(given) as packed:
        begins = packed.read(len(_GZIP_MAGIC))
        packed.seek(0)
        if begins == _GZIP_MAGIC:
            with gzip.open(packed) as unpacked:
                yield unpacked  # type: ignore[misc]  # a GzipFile reads as every binary file
        else:
            yield packed


def _open_packed(given: str) -> BinaryIO:
    if scheme_of(given):
        return io.BufferedReader(open_remote(given, "", None, Traffic(), patience_of_planning()))
    return Path(given).open("rb")


@contextmanager
def _readable(given: str) -> Iterator[None]:
    place = without_secrets(given)
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"list '{place}' is damaged: {error}.\n  Fetch or write it again."
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"list '{place}' cannot be read: {reason}.\n  Check its path.") from error
    except UnitError as error:
        raise UsageError(str(error).replace("input '", "list '", 1)) from error


def _entry(given: str, number: int, entry: str, base: str | None) -> Found:
    """Return the file that a line stands for."""
    place = f"list '{without_secrets(given)}', line {number}"
    shown = without_secrets(entry)
    if climbs(path_of(entry) if scheme_of(entry) else entry):
        raise UsageError(
            f"{place}: '{shown}' leads out of its folder.\n  Write the path without '..'."
        )
    if scheme_of(entry) == "file":
        entry = entry[len("file://") :]
    is_others = bool(scheme_of(given) or (base and scheme_of(base)))
    if scheme_of(entry) and (is_over_network(entry) or not is_others):
        check_address(entry)
        return found_unasked(entry, relative_to(entry, base))
    if entry.startswith("/") or scheme_of(entry):
        if is_others:  # others must not name our files
            raise UsageError(
                f"{place}: '{shown}' is a path of this machine.\n"
                "  Only a list on this machine may name one, and without a remote --input-base."
            )
        return _local(entry, base or "/")
    entry = entry.removeprefix("./")
    if base is None:
        raise UsageError(
            f"{place}: '{shown}' is relative, to what is not known.\n"
            f"  Give --input-base the folder or address that it lies in{_guess(given)}."
        )
    if scheme_of(base):
        return found_unasked(join(base, entry), entry)
    return _local(str(Path(base) / entry), base)


def _guess(given: str) -> str:
    if not is_web(given):
        return ""
    parts = urlsplit(without_secrets(given))
    return f", such as {parts.scheme}://{parts.netloc}/"


def _local(path: str, base: str) -> Found:
    """Return a file of this machine; one that is not there fails when it is read."""
    if Path(path).is_file():
        return find_local(path, base)[0]
    where, root = os.path.abspath(path), os.path.abspath(base)  # noqa: PTH100  # resolve() would follow links
    file_path = os.path.relpath(where, root)
    if climbs(file_path):
        raise UsageError(
            f"input '{path}' does not lie in '{base}'.\n"
            "  Give --input-base a folder that holds all inputs."
        )
    return Found(where, file_path, None, "", format_of(path), where)
