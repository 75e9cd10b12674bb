"""Documents of a few blocks, mixed, as a stretch of an epoch's stream."""

from collections.abc import Sequence

import numpy as np

from pipelines.loading.order import Lengths, document_order
from pipelines.loading.shards import Block, Ids, Rows, TokenShards


class Window:
    """The rows of some blocks in the order of the stream, each with its end token if any.

    Holds the ids of its blocks, 4 bytes a token, and 16 bytes a row.
    """

    def __init__(self, rows: Rows, order: Lengths | None, end: int | None) -> None:
        self._ids, lengths = rows.ids, rows.lengths
        starts = np.cumsum(lengths) - lengths
        self._parts = _parts_by_row(rows.parts)
        self._order = np.arange(len(lengths)) if order is None else order
        self._starts = starts[self._order]
        self._end = end
        self.ends = np.cumsum(lengths[self._order] + (end is not None))
        """Where each row ends, from the window's start."""

    def copy(self, start: int, stop: int, out: Ids) -> list[int]:
        """Copy what lies between two places of the window; return the lengths of its documents.

        The first and last may be parts of documents.
        """
        row = int(np.searchsorted(self.ends, start, side="right"))
        lengths = []
        at = start
        while at < stop:
            end = min(stop, int(self.ends[row]))
            if end > at:
                self._copy_part(row, at, end, out[at - start : end - start])
                lengths.append(end - at)
                at = end
            row += 1
        return lengths

    def row(self, number: int) -> tuple[Ids, list[int]]:
        """Return a row by its place in the window, and the lengths of the documents in it."""
        start = int(self.ends[number - 1]) if number else 0
        out = np.empty(int(self.ends[number]) - start, np.int32)
        if len(out):
            self._copy_part(number, start, start + len(out), out)
        if self._parts is None:
            return out, [len(out)]
        return out, self._parts[int(self._order[number])].tolist()

    def _copy_part(self, row: int, start: int, stop: int, out: Ids) -> None:
        first = int(self.ends[row - 1]) if row else 0
        if self._end is not None and stop == int(self.ends[row]):
            out[-1] = self._end
            stop -= 1
        at = int(self._starts[row]) - first
        out[: stop - start] = self._ids[at + start : at + stop]


def read_window(
    shards: TokenShards,
    blocks: Sequence[Block],
    shuffle: tuple[int, int, int] | None,
    end: int | None,
) -> Window:
    """Read some blocks as a window; `shuffle` is (seed, epoch, number of the window)."""
    rows = shards.read(blocks)
    if shuffle is None:
        return Window(rows, None, end)
    seed, epoch, window = shuffle
    return Window(rows, document_order(len(rows.lengths), seed, epoch, window), end)


def _parts_by_row(parts: tuple[Ids, Lengths] | None) -> list[Ids] | None:
    """Return of each packed row the lengths of its documents; None where rows are documents."""
    if parts is None:
        return None
    lengths, counts = parts
    return np.split(lengths, np.cumsum(counts)[:-1])
