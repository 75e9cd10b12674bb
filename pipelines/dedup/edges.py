"""Edges: who shares a key, over all runs, for one range of keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipelines.dedup.exchange import EDGES, NumbersWriter, in_batches, read_numbers
from pipelines.dedup.forest import spanning_stars
from pipelines.dedup.numbers import Flags, Keys, Numbers, sort_keys
from pipelines.dedup.parts import Budget, Part
from pipelines.storage import Attempt
from pipelines.tables import opened

_KEY_BITS = 64


@dataclass(frozen=True, slots=True)
class EdgesJob:
    """A range of keys: those whose `bits` upper bits are `partition`."""

    unit: str
    folder: str
    partition: int
    bits: int
    runs: tuple[Path, ...]
    earlier: tuple[Part, ...]
    budget: Budget


@dataclass(frozen=True, slots=True)
class _Piece:
    """Sorted keys with their documents, from one row group."""

    keys: Keys
    docs: Numbers

    def cut(self, low: int, high: int) -> "_Piece":
        """Return the rows whose keys are between the bounds, both included."""
        bounds = np.array([low, high], dtype=np.uint64)
        start = np.searchsorted(self.keys, bounds[0])
        end = np.searchsorted(self.keys, bounds[1], side="right")
        return _Piece(self.keys[start:end], self.docs[start:end])


def find_edges(attempt: Attempt, job: EdgesJob) -> dict[str, Any]:
    """Write pairs that join all documents sharing a key of the range.

    A range that holds more rows than the budget allows is worked on in slices of further key
    bits. Keys of earlier releases are not held but looked up among the range's own.
    """
    low = job.partition << (_KEY_BITS - job.bits)
    high = low + (1 << (_KEY_BITS - job.bits)) - 1
    slices = _power_of_two(_rows_between(job.runs, low, high), job.budget.rows)
    rows = 0
    with NumbersWriter(attempt, f"{job.folder}/{job.unit}.parquet", EDGES) as writer:
        for one, other in _ranges(low, high, slices):
            pieces = [_Piece(*part).cut(one, other) for part in _rows(job.runs, one, other)]
            rows += sum(len(piece.keys) for piece in pieces)
            own = []
            for part in _slices(pieces, (one, other), job.budget):
                writer.write(*part.pairs())
                if job.earlier:
                    own.append(part.heads())
            found = _with_earlier(job.earlier, own, (one, other))
            # One by one they would be thousands of tiny row groups.
            for olds, ours in in_batches(found, job.budget.rows_at_once):
                writer.write(*spanning_stars(olds, ours))
    return {"rows": rows, "slices": slices}


def _rows(runs: Sequence[Path], low: int, high: int) -> Iterator[Any]:
    return read_numbers(runs, low=low, high=high)


def _rows_between(runs: Sequence[Path], low: int, high: int) -> int:
    """Return how many rows the range has, by the row groups' statistics; rather too many."""
    rows = 0.0
    for path in runs:
        metadata = pq.read_metadata(opened(path))
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            bounds = group.column(0).statistics
            overlap = min(bounds.max, high) - max(bounds.min, low) + 1
            if overlap > 0:
                rows += group.num_rows * overlap / (bounds.max - bounds.min + 1)
    return int(rows)


def _power_of_two(rows: int, most: int) -> int:
    """Return into how many slices rows are cut so that each has `most`, if evenly spread."""
    return 1 << max(-(-rows // most) - 1, 0).bit_length()


def _ranges(low: int, high: int, slices: int) -> Iterator[tuple[int, int]]:
    width = (high - low + 1) // slices
    for at in range(slices):
        yield low + at * width, low + (at + 1) * width - 1


def _slices(
    pieces: Sequence[_Piece], bounds: tuple[int, int], budget: Budget
) -> Iterator["_Sorted"]:
    """Yield the rows in the order of keys, as many as are sorted at once."""
    rows = sum(len(piece.keys) for piece in pieces)
    for low, high in _ranges(*bounds, _power_of_two(rows, budget.rows_at_once)):
        cut = [piece.cut(low, high) for piece in pieces]
        keys = np.concatenate([np.empty(0, np.uint64), *(piece.keys for piece in cut)])
        docs = np.concatenate([np.empty(0, np.int64), *(piece.docs for piece in cut)])
        yield _Sorted(keys, docs, *sort_keys(keys))


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Rows with the order of their keys.

    Runs come in the order of their documents, and sorting leaves equal keys in it: the first
    row of a key is that of its smallest document.
    """

    keys: Keys
    docs: Numbers
    order: Numbers
    begins: Flags

    def pairs(self) -> tuple[Numbers, Numbers]:
        """Return pairs that join the documents of each key; most keys have only one."""
        others = np.flatnonzero(~self.begins)
        group = np.cumsum(self.begins)[others] - 1
        low, high = self.docs[self.order[self.begins][group]], self.docs[self.order[others]]
        apart = low != high
        return spanning_stars(low[apart], high[apart])

    def heads(self) -> _Piece:
        """Return each key with its smallest document."""
        first = self.order[self.begins]
        return _Piece(self.keys[first], self.docs[first])


def _with_earlier(
    earlier: Sequence[Part], heads: Sequence[_Piece], bounds: tuple[int, int]
) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield pairs for the keys of earlier releases that our documents have, by row group."""
    if not sum(len(piece.keys) for piece in heads):
        return
    own = _Piece(
        np.concatenate([piece.keys for piece in heads]),
        np.concatenate([piece.docs for piece in heads]),
    )
    for part in earlier:
        for columns in _rows([part.path], *bounds):
            piece = _Piece(*columns).cut(*bounds)
            at = np.searchsorted(own.keys, piece.keys)
            at[at == len(own.keys)] = 0
            shared = own.keys[at] == piece.keys
            yield piece.docs[shared] + part.shift, own.docs[at[shared]]
