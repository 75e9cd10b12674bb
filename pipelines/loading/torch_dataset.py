"""Token shards as PyTorch reads them: `IterableDataset`, and a loader that can be resumed.

https://pytorch.org/docs/stable/data.html: of an IterableDataset each worker makes a copy,
and a loader takes batches from its workers in turns, whole ones if the dataset makes them.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filters.errors import UsageError
from pipelines.loading.batch import collate
from pipelines.loading.source import Settings
from pipelines.loading.stream import Share, TokenStream

try:
    import torch
    from torch import distributed
    from torch.utils.data import DataLoader, IterableDataset, get_worker_info
except ImportError as error:
    raise UsageError(
        "pipelines.loading: PyTorch is not installed here.\n"
        "  Install cuvee with its extra torch, or: pip install torch"
    ) from error


class TokenDataset(IterableDataset):  # type: ignore[misc]  # PyTorch need not be installed
    """Batches of token ids for this rank, as dictionaries of int64 tensors (see `collate`).

    `places`: a run's folder, or wherever token shards lie, local, `hf://` or `s3://`; several
    are mixed by `weights`. `sequence_length` joins documents end to end and cuts them, None
    takes rows as they are (documents, or rows packed before). `seed` None keeps the order.
    `lanes` stretches of the data are read side by side: a multiple of the number of ranks, so
    that each reads its own; memory is that of `window` row groups for each lane of a rank.
    `rank` and `ranks` come from `torch.distributed` or from RANK and WORLD_SIZE unless given.
    `drop_last` keeps ranks in step: all get the same number of whole batches.
    """

    def __init__(
        self,
        places: str | Path | Sequence[str | Path],
        *,
        batch_size: int,
        sequence_length: int | None = None,
        weights: Sequence[float] | None = None,
        seed: int | None = 0,
        epochs: int | None = 1,
        end_of_document: int | None = None,
        pad: int = 0,
        lanes: int = 16,
        window: int = 1,
        rank: int | None = None,
        ranks: int | None = None,
        drop_last: bool = True,
    ) -> None:
        super().__init__()
        several = [places] if isinstance(places, str | Path) else list(places)
        settings = Settings(sequence_length, seed, lanes, window, end_of_document)
        self.stream = TokenStream(several, settings, weights=weights, epochs=epochs)
        if batch_size < 1:
            raise UsageError(f"batch_size={batch_size}: has to be 1 or more.\n  Give a number.")
        self.batch_size = batch_size
        own_rank, own_ranks = _place_in_group()
        self.rank = own_rank if rank is None else rank
        self.ranks = own_ranks if ranks is None else ranks
        self.start = 0
        """Position of the first sample that is given."""
        self._pad = pad
        self._drop_last = drop_last

    @property
    def samples_per_step(self) -> int:
        """How many samples all ranks together take in one step."""
        return self.batch_size * self.ranks

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield this rank's batches, of several workers' each a part."""
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        share = Share(self.rank, self.ranks, number, count)
        whole = self._drop_last
        for samples in self.stream.batches(self.start, self.batch_size, share, whole=whole):
            if samples:
                arrays = collate(samples, self._pad)
                yield {name: torch.from_numpy(array) for name, array in arrays.items()}

    def state_dict(self, steps: int = 0) -> dict[str, Any]:
        """Return where training stands after so many steps from the start of iteration.

        Plain data, the same on every rank, for any number of ranks and workers.
        """
        return self.stream.state(self.start + steps * self.samples_per_step)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; UsageError if it was saved with other data or settings."""
        self.start = self.stream.position(state)


class TokenLoader:
    """A `DataLoader` over a `TokenDataset` that knows where training stands.

    Its state counts what was given out, not what workers hold ready.
    """

    def __init__(self, dataset: TokenDataset, workers: int = 0, **options: Any) -> None:
        self.dataset = dataset
        self._workers = workers
        self._options = options
        self._steps = 0

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield batches from where the state is; to the end of the last epoch, if there is one."""
        self.load_state_dict(self.state_dict())
        # Batches are made by the dataset: each of one worker, in the order of the steps.
        for batch in DataLoader(
            self.dataset, batch_size=None, num_workers=self._workers, **self._options
        ):
            self._steps += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """See `TokenDataset.state_dict`."""
        return self.dataset.state_dict(self._steps)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `TokenDataset.load_state_dict`."""
        self.dataset.load_state_dict(state)
        self._steps = 0


def _place_in_group() -> tuple[int, int]:
    """Return rank and number of ranks: of the process group, else as torchrun sets them."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
