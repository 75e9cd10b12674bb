"""Big files that are written piece by piece, and gone on with after any interruption.

What is not whole lies in `.partial/` of the output folder, with a journal of what is surely
written. A file gets its name when it is whole; `export.json` comes last and names them all.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.export.record import RECORD, another
from pipelines.files import move_into_place, read_json, sha256_of, write_whole
from pipelines.storage import CommittedFile

PARTIAL = ".partial"
_DONE, _PROGRESS = "done.json", "progress.json"


@dataclass(slots=True)
class Done:
    """Outputs that are whole; noted once for each."""

    fingerprint: str
    """Digest of everything that determines the files."""
    outputs: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """What was counted in them."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Their files, which have their names."""


@dataclass(slots=True)
class Progress:
    """The output that comes next; noted once for each window."""

    output: int
    windows: int = 0
    """How many of its windows are written."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of its files until then."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was counted in it."""


class Journal:
    """The output folder of an export, and how far it is."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.partial = folder / PARTIAL
        self.partial.mkdir(parents=True, exist_ok=True)
        self.done = self._noted_done(fingerprint)
        self.next = self._noted_progress()

    def _noted_done(self, fingerprint: str) -> Done:
        """Return what earlier attempts have made; UsageError if it was another export."""
        try:
            done = Done(**read_json(self.partial / _DONE, "fingerprint"))
        except FileNotFoundError:
            done = Done(fingerprint)
            self._write(_DONE, done)
        if done.fingerprint != fingerprint:
            raise another(self.folder)
        return done

    def _noted_progress(self) -> Progress:
        """Return how far the next output is; a beginning where that is not sure.

        A crash may have come while the files of an output got their names.
        """
        beginning = Progress(self.done.outputs)
        try:
            noted = Progress(**read_json(self.partial / _PROGRESS, "output"))
        except FileNotFoundError:
            return beginning
        is_there = all(
            (self.partial / name).is_file() and (self.partial / name).stat().st_size >= size
            for name, size in noted.sizes.items()
        )
        return noted if noted.output == self.done.outputs and is_there else beginning

    @property
    def counts(self) -> dict[str, int]:
        """What was counted in all that is written."""
        return _sum(self.done.counts, self.next.counts)

    @contextmanager
    def appending(self, names: Sequence[str]) -> Iterator[list[BinaryIO]]:
        """Open files of the next output, cut to what is surely written of them."""
        with ExitStack() as stack:
            streams: list[BinaryIO] = []
            for name in names:
                streams.append(stack.enter_context((self.partial / name).open("ab")))
                streams[-1].truncate(self.next.sizes.get(name, 0))
            yield streams

    def note(self, streams: Sequence[BinaryIO], counts: Mapping[str, int]) -> None:
        """Note that one more window is written, after what is written of it has reached the disk.

        `counts` are added to what was counted.
        """
        for stream in streams:
            stream.flush()
            os.fsync(stream.fileno())
        self.next.windows += 1
        self.next.sizes = {Path(stream.name).name: stream.tell() for stream in streams}
        self.next.counts = _sum(self.next.counts, counts)
        self._write(_PROGRESS, self.next)

    def place(self, names: Mapping[str, int]) -> None:
        """Give the files of the next output, each with so many rows, their names: it is done."""
        for name, rows in names.items():
            path = self.partial / name
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
            made = CommittedFile(name, rows, path.stat().st_size, sha256_of(path))
            move_into_place(path, self.folder / name, made.sha256)
            self.done.files.append(asdict(made))
        self.done.counts = self.counts
        self.done.outputs += 1
        self._write(_DONE, self.done)
        self.next = Progress(self.done.outputs)

    def _write(self, name: str, what: Done | Progress) -> None:
        write_whole(self.partial / name, json.dumps(asdict(what)).encode())

    def finish(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write the record of the whole export, which makes it one, and return it."""
        done = self.done
        record = {"fingerprint": done.fingerprint, **facts, **done.counts, "files": done.files}
        write_whole(self.folder / RECORD, json.dumps(record, indent=1).encode())
        shutil.rmtree(self.partial)
        return record


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in (*one, *other)}
