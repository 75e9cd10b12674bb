"""When a unit that is under way is given to a second worker.

A worker that was stopped, or whose machine hangs in a read, never says so: Ray waits for it for
as long as it exists. Nothing needs to know whether the first worker is dead: of two that do the
same unit one commits, and the other finds that out.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pipelines.crawl.remote.patience import seconds_of

_TIMES_LONGEST = 3
"""How much longer than any unit of the stage so far a unit may take."""
_MOST_COPIES = 3


def least_seconds() -> float:
    """Return how long a unit is never given to another.

    CUVEE_STRAGGLER_SECONDS, or ten minutes. UsageError when it is no positive number.
    """
    return seconds_of("CUVEE_STRAGGLER_SECONDS", 600.0)


@dataclass
class Stragglers:
    """Watches the units of a stage, by name."""

    least: float = field(default_factory=least_seconds)
    """Seconds."""
    clock: Callable[[], float] = time.monotonic
    _copies: Counter[str] = field(default_factory=Counter)
    _since: dict[str, float] = field(default_factory=dict)
    """Since when a unit has had a slot: once fewer are under way than there are slots."""
    _longest: float = 0.0

    def took(self, seconds: float) -> None:
        """Note how long a unit took."""
        self._longest = max(self._longest, seconds)

    def due(self, flying: Collection[str], slots: int) -> list[str]:
        """Return the units of those under way that are to be given to a free slot as well.

        A unit that was given away is in `flying` as often as it is under way.
        """
        free = slots - len(flying)
        if free <= 0:  # whoever waits for a slot may have waited long
            return []
        now = self.clock()
        patience = max(self.least, _TIMES_LONGEST * self._longest)
        due = [
            unit
            for unit in dict.fromkeys(flying)
            if self._copies[unit] < _MOST_COPIES
            and now - self._since.setdefault(unit, now) > patience * 2 ** self._copies[unit]
        ][:free]
        self._copies.update(due)
        self._since.update(dict.fromkeys(due, now))
        return due
