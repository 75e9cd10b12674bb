"""Which token stands where in an epoch: arithmetic on the lengths of blocks, and no data.

An epoch is one long stream. Blocks (row groups of the shards) come in an order that the
seed gives; so many of them in a row are a window, whose documents are mixed among each
other. What comes at which place of the stream depends on nothing else: not on how many
processes read it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Lengths = npt.NDArray[np.int64]


def permutation(count: int, *key: int) -> Lengths:
    """Return the numbers below `count` in an order that the key gives.

    From the raw output of PCG64, which NumPy keeps the same for ever, other than its
    `Generator.permutation` (NEP 19). Keys are not negative.
    """
    raw = np.random.PCG64(np.random.SeedSequence(key)).random_raw(count)
    return np.argsort(raw, kind="stable")


@dataclass(frozen=True, slots=True)
class EpochOrder:
    """The windows of one epoch, in their order."""

    windows: tuple[tuple[int, ...], ...]
    """Of each window its blocks, by their numbers."""
    ends: Lengths
    """Where each window ends in the stream."""

    def window_at(self, place: int) -> int:
        """Return the number of the window that holds this place of the stream."""
        return int(np.searchsorted(self.ends, place, side="right"))

    def start(self, window: int) -> int:
        """Return where a window begins in the stream."""
        return int(self.ends[window - 1]) if window else 0


def epoch_order(lengths: Lengths, per_window: int, seed: int | None, epoch: int) -> EpochOrder:
    """Return the order of blocks of such lengths; without a seed it is their own.

    `per_window` blocks are mixed with each other.
    """
    count = len(lengths)
    order = np.arange(count) if seed is None else permutation(count, seed, epoch, 0)
    cuts = range(0, count, per_window)
    windows = tuple(tuple(int(i) for i in order[at : at + per_window]) for at in cuts)
    sums = [int(lengths[list(window)].sum()) for window in windows]
    return EpochOrder(windows, np.cumsum(sums, dtype=np.int64))


def document_order(count: int, seed: int | None, epoch: int, window: int) -> Lengths:
    """Return the order of the documents of a window; without a seed it is their own."""
    return np.arange(count) if seed is None else permutation(count, seed, epoch, 1, window)


@dataclass(frozen=True, slots=True)
class Lanes:
    """A stream of samples cut into stretches of nearly the same length, read side by side.

    Samples are dealt in turns: one of each lane, in the lanes' order. Whoever reads every
    n-th sample, where n divides the number of lanes, so reads some lanes and nothing else.
    """

    samples: int
    lanes: int

    def size(self, lane: int) -> int:
        """Return the samples of a lane; the first lanes have one more than the last."""
        return self.samples // self.lanes + (lane < self.samples % self.lanes)

    def sample(self, lane: int, turn: int) -> int:
        """Return the sample that a lane gives in its turn, counted from 0."""
        whole, left = divmod(self.samples, self.lanes)
        return lane * whole + min(lane, left) + turn
