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


@dataclass(slots=True)
class Progress:
    """What is surely written."""

    fingerprint: str
    """Digest of everything that determines the files."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Files of the outputs that are whole, and have their names."""
    outputs: int = 0
    """How many outputs these are."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was counted in these outputs and in the next one, which is being written."""
    windows: int = 0
    """How much of the next output is written."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of its files until then."""
    before: dict[str, int] = field(default_factory=dict)
    """What had been counted when it was begun."""


class Journal:
    """The output folder of an export, and how far it is."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.partial = folder / PARTIAL
        self.partial.mkdir(parents=True, exist_ok=True)
        self.progress = self._noted(fingerprint)
        if not self._is_as_noted():
            self._begin_again()

    def _noted(self, fingerprint: str) -> Progress:
        """Return what an earlier attempt at the same export has noted, else a beginning."""
        try:
            noted = Progress(**read_json(self.partial / "progress.json", "fingerprint"))
        except FileNotFoundError:
            return Progress(fingerprint)
        if noted.fingerprint != fingerprint:
            raise another(self.folder)
        return noted

    def _is_as_noted(self) -> bool:
        """Whether the files of the output in the middle have at least the bytes noted."""
        return all(
            (self.partial / name).is_file() and (self.partial / name).stat().st_size >= size
            for name, size in self.progress.sizes.items()
        )

    def _begin_again(self) -> None:
        """Begin the output in the middle anew: a crash has come while it got its name."""
        self.progress.windows, self.progress.sizes = 0, {}
        self.progress.counts = dict(self.progress.before)

    @contextmanager
    def appending(self, names: Sequence[str]) -> Iterator[list[BinaryIO]]:
        """Open files of the next output, cut to what is surely written of them."""
        with ExitStack() as stack:
            streams: list[BinaryIO] = []
            for name in names:
                streams.append(stack.enter_context((self.partial / name).open("ab")))
                streams[-1].truncate(self.progress.sizes.get(name, 0))
            yield streams

    def note(self, streams: Sequence[BinaryIO], counts: Mapping[str, int]) -> None:
        """Note that one more window is written, after what is written of it has reached the disk.

        `counts` are added to what was counted.
        """
        for stream in streams:
            stream.flush()
            os.fsync(stream.fileno())
        progress = self.progress
        progress.windows += 1
        progress.sizes = {Path(stream.name).name: stream.tell() for stream in streams}
        for name, count in counts.items():
            progress.counts[name] = progress.counts.get(name, 0) + count
        self._write()

    def place(self, names: Mapping[str, int]) -> None:
        """Give the files of an output, each with so many rows, their names."""
        progress = self.progress
        for name, rows in names.items():
            path = self.partial / name
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
            made = CommittedFile(name, rows, path.stat().st_size, sha256_of(path))
            move_into_place(path, self.folder / name, made.sha256)
            progress.files.append(asdict(made))
        progress.outputs += 1
        progress.windows, progress.sizes = 0, {}
        progress.before = dict(progress.counts)
        self._write()

    def _write(self) -> None:
        write_whole(self.partial / "progress.json", json.dumps(asdict(self.progress)).encode())

    def finish(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write the record of the whole export, which makes it one, and return it."""
        record = {
            "fingerprint": self.progress.fingerprint,
            **facts,
            **self.progress.counts,
            "files": self.progress.files,
        }
        write_whole(self.folder / RECORD, json.dumps(record, indent=1).encode())
        shutil.rmtree(self.partial)
        return record
