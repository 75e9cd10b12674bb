"""Which dataset a sample of a mixture comes from: exactly by weight, in an order of the seed.

Each lane goes through periods of 10,000 samples. A period has as many of each dataset as
its weight says, so how many of a dataset came before is known without counting them.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from filters.errors import UsageError
from pipelines.loading.order import permutation

PERIOD = 10_000
Places = npt.NDArray[np.int16]


def quotas(weights: Sequence[float]) -> tuple[int, ...]:
    """Return how many samples of a period each dataset has, by largest remainders.

    UsageError for weights that are no positive numbers, or too small to have any.
    """
    if not all(0 < weight < float("inf") for weight in weights):
        raise UsageError(
            f"weights {', '.join(map(str, weights))}: each has to be a number above 0.\n"
            "  Leave out a dataset that is to have no share."
        )
    exact = [PERIOD * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: PERIOD - sum(shares)]:
        shares[i] += 1
    if not all(shares):
        raise UsageError(
            f"weights {', '.join(map(str, weights))}: one is less than 1 in {PERIOD:,} of all.\n"
            "  Give it more, or leave its dataset out."
        )
    return tuple(shares)


class Mixture:
    """The order in which a lane takes samples from datasets."""

    def __init__(self, shares: Sequence[int], seed: int) -> None:
        self._shares = tuple(shares)
        self._seed = seed

    def choice(self, lane: int, turn: int) -> tuple[int, int]:
        """Return the dataset of a lane's turn, and how often the lane has taken it before."""
        period, place = divmod(turn, PERIOD)
        chosen, before = _drawn(self._shares, self._seed, lane, period)
        dataset = int(chosen[place])
        return dataset, period * self._shares[dataset] + int(before[place])


@lru_cache(maxsize=256)  # the periods in which so many lanes are
def _drawn(shares: tuple[int, ...], seed: int, lane: int, period: int) -> tuple[Places, Places]:
    """Return the datasets of a period, and of each place how often its dataset came before."""
    sorted_out = np.repeat(np.arange(len(shares), dtype=np.int16), shares)
    chosen = sorted_out[permutation(PERIOD, seed, 2, lane, period)]
    before = np.empty(PERIOD, np.int16)
    for dataset, share in enumerate(shares):
        before[chosen == dataset] = np.arange(share, dtype=np.int16)
    return chosen, before
