"""Lists of words that a recipe looks for in pages: their files, read and ready to be looked for.

A file has a word or phrase on each line, in UTF-8; empty lines are passed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from filters.errors import UsageError, nearest
from filters.redpajama_lists import AMONG
from filters.signal import Signal
from filters.word_list import ListedWords, WordList, word_signal
from pipelines.assets import Report, say_nothing
from pipelines.files import check_unchanged, sha256_of
from pipelines.pinned_lists import PINNED_LISTS, fetch_list, kept_list

_MOST_BYTES = 1 << 21
"""Of a file: what finds words takes up to a hundred times as many in memory."""
_LISTS = 32
_DIGESTS = "word_lists "


@dataclass(frozen=True, slots=True)
class NamedList:
    """A list of words by the name of the signal that counts them."""

    name: str
    file: str
    """A file of this machine, or the name of a pinned list."""
    anywhere: bool = False
    sha256: str = ""
    among: str = ""
    """The signal among whose words it is looked for; empty: at any place of the text."""

    def plain(self) -> dict[str, Any]:
        """Return it as a recipe writes it."""
        said = {"file": self.file, "anywhere": self.anywhere, "sha256": self.sha256}
        return {**said, **self._among}

    @property
    def _among(self) -> dict[str, str]:
        return {"among": self.among} if self.among else {}

    @property
    def signal(self) -> Signal:
        """What counts its words in a text."""
        made_of = {"words_sha256": self.sha256, "anywhere": self.anywhere, **self._among}
        return word_signal(self.name, made_of, partial(words_of, self))


def word_signals(lists: Sequence[NamedList]) -> Mapping[str, Signal]:
    """Return the signals of several lists, by bare name."""
    return {each.name: each.signal for each in lists}


@lru_cache(maxsize=_LISTS)
def words_of(named: NamedList) -> ListedWords:
    """Return a list's words, made once in a process; errors as `list_file` and `read_words`.

    UsageError too where the file is not the one that the recipe means.
    """
    path = list_file(named.file)
    check_unchanged(path, named.sha256, f"word_lists.{named.name}: {named.file}")
    words = read_words(path)
    if named.among:
        return AMONG[named.among](words)
    return WordList(words, anywhere=named.anywhere)


def word_list_digests(lists: Sequence[NamedList]) -> dict[str, str]:
    """Return the sha256 of each list, by what it is for; errors as `words_of`."""
    for each in lists:
        words_of(each)
    return {_DIGESTS + each.name: each.sha256 for each in lists}


def is_word_list(asset: str) -> bool:
    """Return whether a digest is of a list that judges texts, and has no part in making them."""
    return asset.startswith(_DIGESTS)


def digest_of(file: str) -> str:
    """Return the sha256 of a list, after a look at its words; of a pinned one without fetching it.

    Errors as `list_file` and `read_words`.
    """
    if file in PINNED_LISTS:
        return PINNED_LISTS[file].sha256
    path = list_file(file)
    read_words(path)
    return sha256_of(path)


def list_file(file: str, report: Report = say_nothing) -> Path:
    """Return a list's file on this machine; a pinned one is fetched where it is not kept.

    UsageError without such a file, WorkError when a pinned one cannot be fetched.
    """
    if file in PINNED_LISTS:
        return fetch_list(PINNED_LISTS[file], report)
    path = Path(file)
    if not path.is_file():
        close = nearest(file, PINNED_LISTS)
        hint = f"Did you mean '{close}'?" if close else f"Pinned: {', '.join(PINNED_LISTS)}."
        raise UsageError(
            f"word_lists: there is no file {file}, and no pinned list of that name.\n"
            f"  {hint} Paths are relative to where the command is typed."
        )
    return path


def kept_file(file: str) -> Path | None:
    """Return a list's file where it is on this machine already; None where it is not."""
    if file in PINNED_LISTS:
        return kept_list(PINNED_LISTS[file])
    return path if (path := Path(file)).is_file() else None


def read_words(path: Path) -> list[str]:
    """Return the words of a file; UsageError for one that is too long, no UTF-8, or has none."""
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise UsageError(
                f"{path}: has {size:,} bytes, and a list of words at most {_MOST_BYTES:,}.\n"
                "  Split it into several lists, or leave words out."
            )
        with path.open(encoding="utf-8-sig") as stream:
            words = [word for line in stream if (word := line.strip())]
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text.\n  One word or phrase a line.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: cannot be read: {reason}.\n  Mend its permissions.") from error
    if not words:
        raise UsageError(f"{path}: has no words.\n  One word or phrase a line.")
    return words
