"""Counts of what was joined, and what they say: recall, precision, and what theory expects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.cascade.loss import wilson
from pipelines.dedup_check.documents import Settings

UNRELATED = 0.2
"""Pairs of a real similarity below this share some boilerplate, and should never be joined."""


@dataclass(slots=True)
class Joins:
    """Pairs of documents that could be joined, and what those were that are."""

    threshold: float
    pairs: int = 0
    joined: int = 0
    alike: int = 0
    """Of the joined ones: whose real similarity is at least the threshold."""
    unrelated: int = 0
    """Of the joined ones: whose real similarity is below UNRELATED."""
    least: float | None = None
    """The least real similarity of a joined one."""

    def add(self, real: float) -> None:
        """Count a pair that was joined, by its real similarity."""
        self.joined += 1
        self.alike += real >= self.threshold
        self.unrelated += real < UNRELATED
        self.least = real if self.least is None else min(self.least, real)

    def facts(self) -> dict[str, Any]:
        """Return the counts, and two shares with the bounds of their 95 % intervals.

        `precision` is the share of alike ones among the joined, `unrelated` that of pairs that
        are unrelated and joined all the same.
        """
        return {
            "pairs": self.pairs,
            "joined": self.joined,
            "joined_alike": self.alike,
            "joined_unrelated": self.unrelated,
            "least_similarity": self.least,
            "precision": _share(self.alike, self.joined),
            "unrelated": _share(self.unrelated, self.pairs),
        }


@dataclass(slots=True)
class Level:
    """The pairs that were planted at one similarity."""

    wanted: float
    similarities: list[float] = field(default_factory=list)
    joined: int = 0
    impossible: int = 0

    def facts(self, settings: Settings) -> dict[str, Any]:
        """Return the counts, recall with its 95 % interval, and the mean of `theory`."""
        return {
            "similarity": self.wanted,
            "pairs": len(self.similarities),
            "mean_similarity": _mean(self.similarities),
            "joined": self.joined,
            "recall": _share(self.joined, len(self.similarities)),
            "theory": _mean([theory(each, settings) for each in self.similarities]),
            "impossible": self.impossible,
        }


def theory(real: float, settings: Settings) -> float:
    """Return the chance that two documents of this similarity share a band's key, and may join.

    1 - (1 - s^rows)^bands (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4.2);
    nothing for a pair that is verified and less similar than it must be.
    """
    if real < settings.verify:
        return 0.0
    return float(1 - (1 - real**settings.hasher.rows) ** settings.hasher.bands)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _share(some: int, of: int) -> dict[str, float] | None:
    """Return a share with its bounds; None of nothing."""
    if not of:
        return None
    low, high = wilson(some, of)
    return {"estimate": some / of, "low": low, "high": high}
