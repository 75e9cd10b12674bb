"""A run's token shards in a trainer's binary format: streamed, and gone on with if interrupted."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from filters.errors import UsageError
from pipelines.bucket.path import S3Path
from pipelines.export.ends import (
    TOKENIZER,
    end_of_document,
    read_tokenizer,
    vocabulary_size,
    write_tokenizer,
)
from pipelines.export.formats import Format, Megatron, Nanotron
from pipelines.export.journal import PARTIAL, Journal
from pipelines.export.record import finished
from pipelines.files import plain_errors
from pipelines.hold import held
from pipelines.loading.order import EpochOrder, epoch_order
from pipelines.loading.shards import open_shards
from pipelines.loading.windows import Window, read_window
from pipelines.manifest import load_manifest, read_manifest
from pipelines.storage import digest

Kind = Literal["megatron", "nanotron"]
Watch = Callable[[int, int], None]
"""Called with the tokens that are written and that there are."""

_AT_A_TIME = 1 << 22  # tokens that are copied before they are written
_MIXED = 4  # row groups whose documents are mixed with each other: 400 MB
_LENGTHS = "lengths"
_HUB_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class Options:
    """What an export is to be like."""

    end: str | None = None
    """Token after each document, "none", or None for what the tokenizer has for it."""
    dtype: Literal["int32", "uint16"] = "int32"
    """Of Megatron's ids; those of nanotron are as wide as the vocabulary needs."""
    shuffle: int | None = None
    """Seed by which documents are mixed; None: the order of the dataset, by host."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that is whole."""

    output: Path
    files: tuple[str, ...]
    documents: int
    tokens: int
    """Ends of documents included."""
    facts: Mapping[str, Any]
    """All that `export.json` says."""


def export_tokens(
    run: Path, output: Path, kind: Kind, options: Options, watch: Watch = lambda _, __: None
) -> Exported:
    """Write the token shards of a finished run into a folder in a trainer's format.

    The same call goes on where an interrupted one has stopped, and does nothing when all is
    there. Memory: a row group, four where documents are mixed. UsageError for a run without
    token shards, a tokenizer that is not theirs, or a folder that holds anything else.
    """
    check_output(output)
    if read_manifest(run) is None:
        load_manifest(run)  # says why
    work = _Work(run, output, kind, options)
    with plain_errors(output):
        record = finished(output, work.fingerprint, PARTIAL)
        if record is None:
            output.mkdir(parents=True, exist_ok=True)
            with held(output):
                record = work.write(watch)
    shutil.rmtree(output / PARTIAL, ignore_errors=True)  # a crash may have come after the record
    files = tuple(item["path"] for item in record["files"])
    return Exported(output, files, record["documents"], record["tokens"], record)


def check_output(output: Path) -> None:
    """Refuse an address: trainers map files of their own machine into memory. UsageError."""
    if isinstance(output, S3Path):
        raise UsageError(
            f"{output}: an export is written to a folder of this machine.\n"
            "  Copy it to S3 from there, for example with 'aws s3 cp --recursive'."
        )


class _Work:
    """One export: what is written, and in which order."""

    def __init__(self, run: Path, output: Path, kind: Kind, options: Options) -> None:
        self._shards = open_shards(run / "tokens")
        if not any(block.tokens for block in self._shards.blocks):
            raise UsageError(
                f"{self._shards.place}: no document has a token.\n"
                f"  See what the run has kept: cuvee funnel {run}"
            )
        self._run, self._output = run, output
        tokenizer = read_tokenizer(run)
        said = self._shards.metadata
        self._vocabulary = vocabulary_size(said, tokenizer)
        self._end = end_of_document(said, tokenizer, options.end)
        closing = said.get("end_token_id", self._end)
        self._closing = None if closing is None else int(closing)
        self._name = _loadable(said.get("tokenizer", ""), output)
        self._format = _format(kind, options, self._vocabulary, self._name)
        self._seed = options.shuffle
        self._facts = {
            "format": kind,
            "dtype": str(self._format.dtype.name),
            "tokenizer": said.get("tokenizer"),
            "tokenizer_sha256": said.get("tokenizer_sha256"),
            "vocabulary": self._vocabulary,
            "end_of_document": self._closing,
            "shuffle": options.shuffle,
        }
        self.fingerprint = digest([self._shards.content, self._facts, repr(self._format)])
        # Where the tokenizer can be loaded from; in nanotron's files, and so in the format.
        self._facts["tokenizer_name"] = self._name

    def write(self, watch: Watch) -> dict[str, Any]:
        """Write what is missing; return the record of the whole."""
        journal = Journal(self._output, self.fingerprint)
        write_tokenizer(self._run, self._closing, self._output)
        order = self._order()
        total = int(sum(block.tokens for block in self._shards.blocks))
        cuts = _cuts(order, 1 if isinstance(self._format, Megatron) else len(self._shards.names))
        for output in range(journal.done.outputs, len(cuts)):
            self._write_output(journal, output, order, cuts[output], lambda n: watch(n, total))
        return journal.finish(self._facts)

    def _order(self) -> EpochOrder:
        rows = np.array([block.rows for block in self._shards.blocks], np.int64)
        return epoch_order(rows, 1 if self._seed is None else _MIXED, self._seed, 0)

    def _write_output(
        self,
        journal: Journal,
        output: int,
        order: EpochOrder,
        windows: range,
        watch: Callable[[int], None],
    ) -> None:
        name = self._format.name(output)
        with journal.appending([name, _LENGTHS]) as streams:
            for number in windows[journal.next.windows :]:
                counts = self._write_window(self._window(order, number), *streams)
                journal.note(streams, counts)
                watch(journal.counts["tokens"])
        lengths = journal.partial / _LENGTHS
        beside = self._format.index(journal.partial, output, lengths)
        documents = lengths.stat().st_size // 8
        journal.place({name: documents, **dict.fromkeys(beside, documents)})
        lengths.unlink()

    def _window(self, order: EpochOrder, number: int) -> Window:
        blocks = [self._shards.blocks[block] for block in order.windows[number]]
        shuffle = None if self._seed is None else (self._seed, 0, number)
        return read_window(self._shards, blocks, shuffle, self._end)

    def _write_window(self, window: Window, ids: BinaryIO, lengths: BinaryIO) -> dict[str, int]:
        total = int(window.ends[-1]) if len(window.ends) else 0
        for part in _parts(total):
            out = np.empty(len(part), np.int32)
            window.copy(part.start, part.stop, out)
            self._check_ids(out)
            ids.write(out.astype(self._format.dtype).tobytes())
        sizes = np.diff(window.ends, prepend=0)
        filled = sizes[sizes > 0]
        lengths.write(filled.astype("<i8").tobytes())
        return {"documents": len(filled), "tokens": total, "empty": len(sizes) - len(filled)}

    def _check_ids(self, ids: np.typing.NDArray[np.int32]) -> None:
        if int(ids.max(initial=0)) >= self._vocabulary or int(ids.min(initial=0)) < 0:
            raise UsageError(
                f"{self._shards.place}: has the id {int(ids.max())}, and tokenizer.json has "
                f"{self._vocabulary:,} ids.\n  Put back the tokenizer that made these shards."
            )


def _parts(total: int) -> Iterator[range]:
    for start in range(0, total, _AT_A_TIME):
        yield range(start, min(start + _AT_A_TIME, total))


def _cuts(order: EpochOrder, outputs: int) -> list[range]:
    """Share out windows, in their order, among so many outputs: at least one window each."""
    count = len(order.windows)
    outputs = max(min(outputs, count), 1)
    bounds = [count * number // outputs for number in range(outputs + 1)]
    return [range(start, stop) for start, stop in pairwise(bounds)]


def _format(kind: Kind, options: Options, vocabulary: int, tokenizer: str) -> Format:
    if kind == "megatron":
        return Megatron(vocabulary, options.dtype)
    return Nanotron(vocabulary, tokenizer)


def _loadable(name: str, output: Path) -> str:
    """Return what `transformers` loads the tokenizer by: its name on the Hub, else our folder."""
    local = name.endswith((".json", ".model", ".tiktoken")) or Path(name).exists()
    if _HUB_NAME.fullmatch(name) and not local:
        return name
    return str((output / TOKENIZER).resolve())
