"""Packed rows of one token shard: its documents as rows of one length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.ledger import PACKED
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, count_rows, opened, read_batches
from pipelines.tokens.pack import Row, Segment, best_fit, in_order
from pipelines.tokens.write import flat_name, list_column

_DOCUMENTS = 256
_WINDOW_TOKENS, _WINDOW_ROWS = 1 << 22, 64
"""Documents are packed among so many tokens, and at least so many rows: memory stays the same."""


@dataclass(frozen=True, slots=True)
class PackJob:
    """One token shard, to be packed."""

    name: str
    """Path of the dataset's shard below `data/`, without its ending."""
    tokens: Path
    length: int
    packing: Literal["best_fit", "in_order"]
    metadata: Mapping[str, str]
    """What the tokens' own shard says of itself."""
    pad: int
    """Id of the token that fills up rows."""


def packed_as(name: str, tokens: Path, packed: Path) -> PackJob:
    """Return the job that packs a token shard in the way in which another one was packed."""
    found = pq.ParquetFile(opened(packed)).schema_arrow.metadata
    said = {key.decode(): value.decode() for key, value in found.items()}
    length, packing = int(said["packed_length"]), said["packing"]
    return PackJob(name, tokens, length, packing, said, int(said["pad_token_id"]))


class _Piece(NamedTuple):
    """A document, or what is left of one."""

    document: int
    start: int
    ids: NDArray[np.int32]


def write_packed(attempt: Attempt, job: PackJob) -> dict[str, Any]:
    """Pack one shard (the unit of this stage).

    Returns its documents, rows, segments, tokens and padding; what is not padding is each
    token of the shard, once.
    """
    said = {"packed_length": job.length, "packing": job.packing, "pad_token_id": job.pad}
    metadata = {**job.metadata, **{key: str(value) for key, value in said.items()}}
    counts = {"documents": 0, "segments": 0, "tokens": 0}
    final = f"packed/{flat_name(job.name)}"
    schema = PACKED.with_metadata(metadata)
    with TableWriter(attempt, final, schema, use_dictionary=False) as writer:
        for pieces, rows in _packed(job):
            parts = [part for row in rows for part in row]
            counts["segments"] += len(parts)
            counts["tokens"] += sum(part.length for part in parts)
            writer.add_table(_table(pieces, rows, job.length, job.pad))
    counts["documents"] = count_rows(job.tokens)
    padding = writer.rows * job.length - counts["tokens"]
    how = {"length": job.length, "packing": job.packing}
    return {"rows": writer.rows, **counts, "padding": padding, **how}


def _packed(job: PackJob) -> Iterator[tuple[Sequence[_Piece], Sequence[Row]]]:
    """Yield rows with what they are parts of.

    In order, a row that a window does not fill is begun anew in the next one.
    """
    rest: list[_Piece] = []
    for window, is_last in _windows(job):
        pieces = [*rest, *window]
        lengths = [len(piece.ids) for piece in pieces]
        rest = []
        if job.packing == "best_fit":
            rows = best_fit(lengths, job.length)
        else:
            rows = in_order(lengths, job.length)
            if rows and not is_last and sum(part.length for part in rows[-1]) < job.length:
                rest = [_cut(pieces[part.document], part) for part in rows.pop()]
        if rows:
            yield pieces, rows


def _cut(piece: _Piece, part: Segment) -> _Piece:
    ids = piece.ids[part.start : part.start + part.length]
    return _Piece(piece.document, piece.start + part.start, ids)


def _windows(job: PackJob) -> Iterator[tuple[list[_Piece], bool]]:
    """Yield some documents at a time that have tokens, and whether they are the shard's last."""
    enough = max(_WINDOW_TOKENS, _WINDOW_ROWS * job.length)
    window: list[_Piece] = []
    tokens = 0
    for document, ids in enumerate(_documents(job.tokens)):
        if tokens >= enough:
            yield window, False
            window, tokens = [], 0
        if len(ids):
            window.append(_Piece(document, 0, ids))
        tokens += len(ids)
    yield window, True


def _documents(path: Path) -> Iterator[NDArray[np.int32]]:
    for batch in read_batches(path, ["input_ids"], _DOCUMENTS):
        lists = batch["input_ids"]
        bounds, values = lists.offsets.to_numpy(), lists.values.to_numpy()
        for start, end in pairwise(bounds.tolist()):
            yield values[start:end].copy()  # else one document would keep its whole batch


def _table(pieces: Sequence[_Piece], rows: Sequence[Row], length: int, pad: int) -> pa.Table:
    ids = np.full(len(rows) * length, pad, np.int32)
    for number, row in enumerate(rows):
        place = number * length
        for part in row:
            ids[place : place + part.length] = _cut(pieces[part.document], part).ids
            place += part.length
    parts = [_cut(pieces[part.document], part) for row in rows for part in row]
    each = np.array([len(row) for row in rows], np.int64)
    return pa.table(
        {
            "input_ids": list_column(ids, np.full(len(rows), length, np.int64)),
            "document_lengths": list_column(_int32(len(part.ids) for part in parts), each),
            "document_rows": list_column(_int32(part.document for part in parts), each),
            "document_starts": list_column(_int32(part.start for part in parts), each),
        }
    )


def _int32(values: Iterable[int]) -> NDArray[np.int32]:
    return np.fromiter(values, np.int32)
