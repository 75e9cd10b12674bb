"""Samples of one dataset or of several, in an order that no number of processes changes.

Each sample has a position, from 0 on. What is at a position depends on the data and the
settings alone. Ranks and workers take every n-th position, so a global batch is the same
whoever takes part, and where a training stands is one number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.loading.mixture import Mixture, quotas
from pipelines.loading.shards import open_shards
from pipelines.loading.source import Reader, Sample, Settings, Source


@dataclass(frozen=True, slots=True)
class Share:
    """Which of all samples one process takes."""

    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    def batches(self, start: int, size: int, stop: int | None, *, whole: bool) -> Iterator[range]:
        """Yield the positions of one batch after another.

        A step of all ranks takes `size * ranks` positions in a row; worker by worker takes
        every n-th step. `whole`: only steps of which no rank gets less.
        """
        every = size * self.ranks
        for step in _from(self.worker, self.workers):
            first = start + step * every
            if stop is not None and first + (every if whole else 1) > stop:
                return
            end = first + every if stop is None else min(first + every, stop)
            yield range(first + self.rank, end, self.ranks)


def _from(start: int, step: int) -> Iterator[int]:
    while True:
        yield start
        start += step


class TokenStream:
    """The samples of token shards by their positions. Holds no data; may be sent elsewhere.

    `places` are what `open_shards` takes; several are mixed by `weights`, of which each is a
    share of samples, and repeat as often as needed. `epochs` is for a single one: None
    repeats it without end. UsageError for what cannot be read or mixed.
    """

    def __init__(
        self,
        places: Sequence[str | Path],
        settings: Settings,
        *,
        weights: Sequence[float] | None = None,
        epochs: int | None = 1,
    ) -> None:
        _check_numbers(settings, epochs)
        self.settings = settings
        self.sources = [Source(open_shards(place), settings) for place in places]
        self._shares = _shares(self.sources, weights)
        self._mixture = Mixture(self._shares, settings.seed or 0)
        self._epochs = epochs
        if len(self.sources) > 1:
            _check_mixable(self.sources)

    @property
    def samples(self) -> int | None:
        """How many samples there are; None: without end."""
        if len(self.sources) > 1 or self._epochs is None:
            return None
        return self.sources[0].samples * self._epochs

    def find(self, position: int) -> tuple[int, int, int, int]:
        """Return of the sample at a position: dataset, lane, epoch, number in the epoch."""
        if len(self.sources) == 1:
            epoch, at = divmod(position, self.sources[0].samples)
            turn, lane = divmod(at, self.settings.lanes)
            return 0, lane, epoch, self.sources[0].lanes.sample(lane, turn)
        turn, lane = divmod(position, self.settings.lanes)
        dataset, before = self._mixture.choice(lane, turn)
        lanes = self.sources[dataset].lanes
        epoch, at = divmod(before, lanes.size(lane))
        return dataset, lane, epoch, lanes.sample(lane, at)

    def batches(
        self, start: int, size: int, share: Share | None = None, *, whole: bool = True
    ) -> Iterator[list[Sample]]:
        """Yield batches of `size` samples from a position on; see `Share.batches`."""
        readers = [Reader(source) for source in self.sources]
        share = share or Share()
        for positions in share.batches(start, size, self.samples, whole=whole):
            batch = []
            for position in positions:
                dataset, *where = self.find(position)
                batch.append(readers[dataset].read(*where))
            yield batch

    def state(self, position: int) -> dict[str, Any]:
        """Return plain data by which a training goes on from a position; under 1 KB a dataset."""
        return {"position": position, "order": self._described()}

    def position(self, state: Mapping[str, Any]) -> int:
        """Return the position of a state; UsageError if it was of another order of samples."""
        own, other = self._described(), state["order"]
        for name, value in own.items():
            if other.get(name) != value:
                raise UsageError(
                    f"the state is of another order of samples: {name} was "
                    f"{other.get(name)}, and is {value}.\n"
                    "  Go on with the data and settings that it was saved with."
                )
        return int(state["position"])

    def _described(self) -> dict[str, Any]:
        contents = [source.shards.content for source in self.sources]
        return {**asdict(self.settings), "shares": list(self._shares), "datasets": contents}


def _check_numbers(settings: Settings, epochs: int | None) -> None:
    numbers = {
        "sequence_length": settings.sequence_length,
        "lanes": settings.lanes,
        "window": settings.window,
        "epochs": epochs,
    }
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UsageError(f"{name}={number}: has to be 1 or more.\n  Leave it out for less.")
    for name in ("seed", "end_of_document"):
        number = getattr(settings, name)
        if number is not None and number < 0:
            raise UsageError(f"{name}={number}: has to be 0 or more.\n  None means without.")


def _shares(sources: Sequence[Source], weights: Sequence[float] | None) -> tuple[int, ...]:
    given = [1.0] * len(sources) if weights is None else list(weights)
    if not sources or len(given) != len(sources):
        raise UsageError(
            f"{len(sources)} datasets and {len(given)} weights do not go together.\n"
            "  Name at least one dataset, and of several each with its weight."
        )
    return quotas(given)


def _check_mixable(sources: Sequence[Source]) -> None:
    """Refuse datasets whose ids mean different things, or that are too small for all lanes."""
    first = sources[0]
    for source in sources:
        own, other = (item.shards.metadata.get("tokenizer_sha256") for item in (first, source))
        if own != other:
            raise UsageError(
                f"{first.shards.place} and {source.shards.place} are by different tokenizers.\n"
                "  Make token shards of both by one: 'cuvee tokenize --help'."
            )
        if source.samples < source.settings.lanes:
            raise UsageError(
                f"{source.shards.place}: has {source.samples} samples, fewer than there are lanes "
                f"({source.settings.lanes}).\n  Choose fewer lanes: a multiple of the ranks."
            )
