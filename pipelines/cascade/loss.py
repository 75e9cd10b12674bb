"""What the cascade has cost a run: pages and tokens of the final dataset, with an interval.

Of the pages that were to be skipped a random share went the whole way. What became of
those says what would have become of the skipped ones. They are in the dataset where
they were kept, so only the skipped ones are lost.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from pipelines.cascade.look import CHECKED, SCORE, SKIPPED
from pipelines.recipe.model import Recipe
from pipelines.storage import Commit

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds; None where there is nothing to estimate from."""

    estimate: float | None
    low: float
    high: float

    def facts(self) -> dict[str, float | None]:
        """Return it as a manifest has it."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high}


class LossTally:
    """Counts the final rows of one file's ledger."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one row with its final decision and tokens."""
        kept, tokens = row["status"] == "kept", row["token_count"] or 0
        if kept:
            self._counts.update(kept=1, tokens=tokens, squares=tokens**2)
        if row.get(SCORE.name) is None:
            return
        self._counts["looked"] += 1
        self._counts["skipped"] += row["rule"] == SKIPPED.rule and row["stage"] == SKIPPED.stage
        if row[CHECKED.name]:
            self._counts["checked"] += 1
            if kept:
                self._counts.update(found=1, found_tokens=tokens, found_squares=tokens**2)

    def facts(self) -> dict[str, int]:
        """Return the counts for the unit's commit."""
        return dict(self._counts)


def measured_loss(recipe: Recipe, settled: Iterable[Commit]) -> dict[str, Any]:
    """Return the manifest's entry on the cascade; nothing for a recipe without one."""
    if recipe.cascade is None:
        return {}
    counts: Counter[str] = Counter()
    for commit in settled:
        counts.update(commit.facts["cascade"])
    return {
        "cascade": {
            "language": recipe.wanted_language,
            "margin": recipe.cascade.language,
            "looked_at": counts["looked"],
            "skipped": counts["skipped"],
            "checked": counts["checked"],
            "checked_kept": counts["found"],
            "confidence": CONFIDENCE,
            "lost_pages": lost_pages(counts).facts(),
            "lost_tokens": lost_tokens(counts).facts(),
        }
    }


def lost_pages(counts: Mapping[str, int]) -> Interval:
    """Return the share of the dataset's pages that the cascade has lost, by Wilson's interval."""
    skipped, checked = counts["skipped"], counts["checked"]
    if not skipped or not checked:
        return _unmeasured(skipped)
    low, high = wilson(counts["found"], checked)
    rate = counts["found"] / checked
    return Interval(*(_share(skipped * part, counts["kept"]) for part in (rate, low, high)))


def lost_tokens(counts: Mapping[str, int]) -> Interval:
    """Return the share of the dataset's tokens that the cascade has lost."""
    skipped, checked = counts["skipped"], counts["checked"]
    if not skipped or not checked:
        return _unmeasured(skipped)
    found, squares = counts["found_tokens"], counts["found_squares"]
    kept = max(counts["kept"], 1)
    mean, mean_square = counts["tokens"] / kept, counts["squares"] / kept
    low, high = sum_interval(found, squares, mean, mean_square)
    each = skipped / checked
    return Interval(*(_share(each * part, counts["tokens"]) for part in (found, low, high)))


def _unmeasured(skipped: int) -> Interval:
    return Interval(None, 0.0, 1.0) if skipped else Interval(0.0, 0.0, 0.0)


def _share(lost: float, kept: int) -> float:
    return lost / (kept + lost) if lost else 0.0


def wilson(found: int, among: int) -> tuple[float, float]:
    """Return bounds of a proportion (Wilson 1927, JASA 22, 209-212)."""
    weight = _Z**2 / among
    share = found / among
    centre = share + weight / 2
    reach = math.sqrt(share * (1 - share) * weight + weight**2 / 4)
    low = (centre - reach) / (1 + weight) if found else 0.0
    return low, min((centre + reach) / (1 + weight), 1.0)


def sum_interval(
    total: float, squares: float, mean: float, mean_square: float
) -> tuple[float, float]:
    """Return bounds of the expected sum of sizes when how many there are is Poisson.

    `total` and `squares` are over what was found. The upper bound supposes one more, as large
    as `mean` and `mean_square` say that such things are, so it is not 0 where none was found
    (Fay and Feuer 1997, Stat. Med. 16, 791-801, with the correction of Tiwari et al. 2006,
    Stat. Methods Med. Res. 15, 547-569).
    """
    low = _gamma(total, squares, -_Z) if total else 0.0
    return low, _gamma(total + mean, squares + mean_square, _Z) if mean else 0.0


def _gamma(mean: float, variance: float, z: float) -> float:
    """Return the quantile of a gamma distribution, by Wilson and Hilferty's cube root (1931)."""
    part = variance / (9 * mean**2)
    return float(mean * max(1 - part + z * math.sqrt(part), 0.0) ** 3)


def loss_in_words(facts: Mapping[str, Any]) -> str:
    """Return what a manifest says of the cascade as two sentences."""
    spared = facts["skipped"] / max(facts["looked_at"], 1)
    pages, tokens = (_in_words(facts[name]) for name in ("lost_pages", "lost_tokens"))
    return (
        f"The cascade spared {facts['skipped']:,} of {facts['looked_at']:,} extractions "
        f"({spared:.1%}). Of {facts['checked']:,} more that went the whole way all the same "
        f"{facts['checked_kept']:,} {'was' if facts['checked_kept'] == 1 else 'were'} kept: "
        f"the dataset lacks {pages} of its pages and {tokens} of its tokens "
        f"({facts['confidence']:.0%} intervals)."
    )


def _in_words(interval: Mapping[str, float | None]) -> str:
    bounds = f"{interval['low']:.2%} to {interval['high']:.2%}"
    estimate = interval["estimate"]
    return f"an unknown share ({bounds})" if estimate is None else f"{estimate:.2%} ({bounds})"
