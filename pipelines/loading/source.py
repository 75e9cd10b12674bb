"""One dataset as an endless sequence of samples: which there are, and how one is read."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from filters.errors import UsageError
from pipelines.loading.order import EpochOrder, Lanes, epoch_order
from pipelines.loading.shards import Ids, TokenShards
from pipelines.loading.windows import Window, read_window


class Sample(NamedTuple):
    """Token ids, and of how many each document in them has: what is beyond their sum is padding."""

    input_ids: Ids
    document_lengths: list[int]


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the order of samples and what is in one."""

    sequence_length: int | None
    """Tokens of a sample that is cut from documents joined end to end; None: rows as they are."""
    seed: int | None
    """None: the order of the shards."""
    lanes: int
    window: int
    """Row groups whose documents are mixed with each other."""
    end_of_document: int | None
    """Id that is put after each document; None: nothing."""


class Source:
    """One dataset by its settings."""

    def __init__(self, shards: TokenShards, settings: Settings) -> None:
        self.shards = shards
        self.settings = settings
        _check(shards, settings)
        added = settings.end_of_document is not None
        joined = settings.sequence_length is not None
        self.lengths = np.array(
            [b.tokens + b.rows * added if joined else b.rows for b in shards.blocks], np.int64
        )
        """Of each block: tokens, or rows where they are taken as they are."""
        self.samples = int(self.lengths.sum()) // (settings.sequence_length or 1)
        """Samples of an epoch; fewer tokens than one sample has are left over at its end."""
        self.lanes = Lanes(self.samples, settings.lanes)
        if not self.samples:
            raise UsageError(
                f"{shards.place}: not enough tokens for one sample of this length.\n"
                "  Ask for a shorter sequence_length, or name more shards."
            )

    def order(self, epoch: int) -> EpochOrder:
        """Return the order of an epoch's windows."""
        return epoch_order(self.lengths, self.settings.window, self.settings.seed, epoch)


def _check(shards: TokenShards, settings: Settings) -> None:
    own = shards.metadata.get("end_token_id")
    if settings.end_of_document is not None and own is not None:
        raise UsageError(
            f"{shards.place}: each document ends with token {own} there already.\n"
            "  Leave out end_of_document: it would be there twice."
        )
    if shards.is_packed and settings.sequence_length is not None:
        raise UsageError(
            f"{shards.place}: rows are packed already, to {shards.metadata.get('packed_length')} "
            "tokens.\n  Leave out sequence_length, or name the folder tokens/ beside it."
        )


class Reader:
    """Reads samples of a source, one window of each lane in memory; for one process."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._order = lru_cache(maxsize=2)(source.order)
        self._held: dict[int, tuple[tuple[int, int], Window]] = {}
        self._known: WeakValueDictionary[tuple[int, int], Window] = WeakValueDictionary()

    def read(self, lane: int, epoch: int, sample: int) -> Sample:
        """Return a sample of an epoch; UnitError where its shard cannot be read."""
        order = self._order(epoch)
        length = self._source.settings.sequence_length
        if length is None:
            number = order.window_at(sample)
            window = self._window(lane, epoch, number, order)
            return Sample(*window.row(sample - order.start(number)))
        return self._cut(lane, epoch, range(sample * length, (sample + 1) * length), order)

    def _cut(self, lane: int, epoch: int, places: range, order: EpochOrder) -> Sample:
        out = np.empty(len(places), np.int32)
        lengths: list[int] = []
        at = places.start
        while at < places.stop:
            number = order.window_at(at)
            window = self._window(lane, epoch, number, order)
            start, until = order.start(number), min(places.stop, int(order.ends[number]))
            part = out[at - places.start : until - places.start]
            lengths += window.copy(at - start, until - start, part)
            del window  # or it would stay while the next one is read
            at = until
        return Sample(out, lengths)

    def _window(self, lane: int, epoch: int, number: int, order: EpochOrder) -> Window:
        key = (epoch, number)
        held = self._held.get(lane)
        if held and held[0] == key:
            return held[1]
        del held
        self._held.pop(lane, None)  # before the next one is read: not both at a time
        window = self._known.get(key)
        if window is None:
            settings, shards = self._source.settings, self._source.shards
            blocks = [shards.blocks[block] for block in order.windows[number]]
            shuffle = None if settings.seed is None else (settings.seed, epoch, number)
            window = read_window(shards, blocks, shuffle, settings.end_of_document)
            self._known[key] = window
        self._held[lane] = (key, window)
        return window
