"""Records as they are to be, and the new files that they name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.files import work_folder
from pipelines.storage import Attempt, Commit, CommittedFile
from pipelines.takedown.rewrite import among, rows_of, write_without
from pipelines.takedown.shards import Hit


@dataclass(frozen=True, slots=True)
class Change:
    """One record, as it is to be."""

    commit: Commit
    folder: str
    """Where its new files lie, by the names that they are to have."""
    written: tuple[str, ...]
    gone: tuple[str, ...] = ()
    """Files that have no rows any more."""
    below: str = ""
    """The folder, in that of the run, which has the record and is laid out like it."""


@dataclass
class Changes:
    """All that changes."""

    changes: list[Change] = field(default_factory=list)
    shards: list[Hit] = field(default_factory=list)
    tokenized: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each finished folder of token ids by another tokenizer is made from, by its path."""

    def rewritten(self) -> list[CommittedFile]:
        """Return the new files, as records name them."""
        return [
            item
            for change in self.changes
            for item in change.commit.files
            if item.path in change.written
        ]


class Rewriter:
    """Writes the new files of one record after another."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._attempts: list[Attempt] = []

    def close(self) -> None:
        """Remove the new files that have not found their places."""
        for attempt in self._attempts:
            attempt.close()

    def change(
        self,
        commit: Commit,
        writers: Mapping[str, Callable[[Attempt], int]],
        *,
        below: str = "",
        drop_empty: bool = False,
        **others: Any,
    ) -> Change:
        """Return a record of the folder `below` the run's, with some files written anew.

        `others` replace fields of it.
        """
        attempt = Attempt(self._root / below, f"takedown-{commit.stage}", commit.unit)
        self._attempts.append(attempt)
        rows = {path: write(attempt) for path, write in writers.items()}
        sealed = {item.path: item for item in attempt.seal()}
        gone = tuple(path for path, left in rows.items() if drop_empty and not left)
        before = {item.path: item.sha256 for item in commit.files if item.path in writers}
        new = replace(
            commit,
            files=tuple(sealed.get(f.path, f) for f in commit.files if f.path not in gone),
            taken={**before, **commit.taken},
            **others,
        )
        written = tuple(path for path in writers if path not in gone)
        return Change(new, attempt.folder.name, written, gone, below)

    def path(self, change: Change, name: str) -> Path:
        """Return where a new file lies until it is put into its place."""
        return work_folder(self._root / change.below) / change.folder / name


def without(
    root: Path, files: Iterable[CommittedFile], column: str, values: pa.Array
) -> dict[str, Callable[[Attempt], int]]:
    """Return what writes those of some files anew that have rows to lose."""
    gone = among(column, values)

    def writer(path: str) -> Callable[[Attempt], int]:
        return lambda attempt: write_without(attempt, root / path, path, gone)

    there = (item.path for item in files if (root / item.path).is_file())
    return {path: writer(path) for path in there if rows_of(root / path, gone, [column]).num_rows}
