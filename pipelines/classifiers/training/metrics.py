"""How good a classifier is on texts of sites that it has not seen.

Intervals are Wilson's, at 95 %. Calibration is the expected calibration error over ten bins of
equal width (Guo et al. 2017, arXiv 1706.04599, section 2): of a probability against the share of
positives, of a score from 0 to 5 against the mean label. A log ratio says nothing that could be
calibrated: it is a sum over a text's words, as if none depended on another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.classifier import Gives
from pipelines.cascade.loss import wilson

Floats = npt.NDArray[np.float64]
_BINS = 10
_PROBABILITIES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_SCORES = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of held-out texts beside their labels."""

    scores: Floats
    values: Floats
    languages: tuple[str | None, ...]
    gives: Gives
    positive_from: float
    """The label from which a text is one that is looked for."""
    thresholds: tuple[float, ...]
    """Scores at which the tables look."""
    words: Floats | None = None
    """Words of the texts, where a score is a sum over them."""

    @property
    def main_threshold(self) -> float:
        """Where a text is taken for positive: an even chance, or the score of the label.

        A score is rounded half to even, as FineWeb-Edu's is: 3 begins above 2.5. Above a log ratio
        of 0 the words are likelier those of the positive texts.
        """
        if self.gives == "log_ratio":
            return 0.0
        return 0.5 if self.gives == "probability" else self.positive_from - 0.5


def measure(scored: Scored) -> dict[str, Any]:
    """Return all that is said of a classifier, as plain data."""
    languages = sorted({each for each in scored.languages if each is not None})
    by_language = {language: _measured(_only(scored, language)) for language in languages}
    return {**_measured(scored), "languages": by_language}


def _only(scored: Scored, language: str) -> Scored:
    chosen = np.array([each == language for each in scored.languages])
    among = tuple(each for each in scored.languages if each == language)
    words = None if scored.words is None else scored.words[chosen]
    scores, values = scored.scores[chosen], scored.values[chosen]
    return replace(scored, scores=scores, values=values, languages=among, words=words)


def _measured(scored: Scored) -> dict[str, Any]:
    positive = scored.values >= scored.positive_from
    found: dict[str, Any] = {
        "texts": len(positive),
        "positive": int(positive.sum()),
        "threshold": scored.main_threshold,
        **_at(scored.scores, positive, scored.main_threshold),
        "roc_auc": _auc(scored.scores, positive),
        "thresholds": [
            {"threshold": each, **_at(scored.scores, positive, each)} for each in scored.thresholds
        ],
    }
    if scored.words is None:
        found["calibration"] = _calibration(scored)
    else:
        found["roc_auc_per_word"] = _auc(scored.scores / scored.words, positive)
    if scored.gives == "score":
        found |= _errors(scored)
    return found


def _errors(scored: Scored) -> dict[str, float | None]:
    apart = scored.scores - scored.values
    rounded = np.clip(np.rint(scored.scores), 0, 5)
    varies = min(len(set(scored.values)), len(set(scored.scores))) >= _FEWEST
    together = float(np.corrcoef(scored.scores, scored.values)[0, 1]) if varies else None
    return {
        "mean_absolute_error": _short(float(np.abs(apart).mean())),
        "root_mean_squared_error": _short(float(np.sqrt((apart**2).mean()))),
        "pearson": _short(together),
        "same_when_rounded": _short(float((rounded == np.rint(scored.values)).mean())),
    }


def _at(scores: Floats, positive: npt.NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    """Return what keeping the scores from a threshold on gives; null where nothing is divided."""
    kept = scores >= threshold
    both = int((kept & positive).sum())
    precision = _share(both, int(kept.sum()))
    recall = _share(both, int(positive.sum()))
    halves = int(kept.sum()) + int(positive.sum())
    return {
        "precision": precision,
        "recall": recall,
        "f1": _short(2 * both / halves) if halves else None,
        "kept": _share(int(kept.sum()), len(kept)),
    }


def _share(some: int, of: int) -> dict[str, float] | None:
    if of == 0:
        return None
    low, high = wilson(some, of)
    return {"share": round(some / of, 6), "low": round(low, 6), "high": round(high, 6)}


def _auc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """Return the chance that a positive scores above a negative, ties as half."""
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return None
    distinct, place = np.unique(scores, return_inverse=True)
    counts = np.bincount(place, minlength=len(distinct))
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return _short((float(ranks[place][positive].sum()) - many * (many + 1) / 2) / (many * few))


def _calibration(scored: Scored) -> dict[str, Any]:
    """Return mean prediction and truth by bin, and their mean distance weighted by texts."""
    most = 1.0 if scored.gives == "probability" else 5.0
    truth = scored.values
    if scored.gives == "probability":
        truth = (scored.values >= scored.positive_from).astype(float)
    at = np.clip((scored.scores / most * _BINS).astype(int), 0, _BINS - 1)
    bins, error = [], 0.0
    for number in range(_BINS):
        chosen = at == number
        count = int(chosen.sum())
        if count:
            said, true = float(scored.scores[chosen].mean()), float(truth[chosen].mean())
            error += count / len(at) * abs(said - true)
            bins.append(
                {
                    "from": round(number * most / _BINS, 6),
                    "texts": count,
                    "predicted": _short(said),
                    "true": _short(true),
                }
            )
    return {"expected_error": _short(error), "bins": bins}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def scored_of(
    scores: Sequence[float],
    values: Sequence[float],
    languages: Sequence[str | None],
    gives: Gives,
    positive_from: float,
    words: Sequence[int] | None = None,
) -> Scored:
    """Return scores and labels as they are measured; `words` of texts with log ratios."""
    found = np.array(scores)
    if gives == "log_ratio":
        thresholds = _quantiles(found)
    else:
        thresholds = _PROBABILITIES if gives == "probability" else _SCORES
    return Scored(
        found, np.array(values), tuple(languages), gives, positive_from, thresholds,
        None if words is None else np.array(words, float),
    )  # fmt: skip


def _quantiles(scores: Floats) -> tuple[float, ...]:
    """Return 0 and quantiles of the scores, to four digits, in order."""
    found = (float(f"{each:.4g}") for each in np.quantile(scores, _QUANTILES))
    return tuple(sorted({0.0, *found}))
