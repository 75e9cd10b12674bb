"""Importance weights trained: the n-grams of both kinds of texts, counted."""

from collections.abc import Sequence
from typing import Any

from filters.importance import ImportanceScorer, count_ngrams, log_ratios
from pipelines.classifiers.training.items import Labelled


def train_importance(
    items: Sequence[Labelled], positive_from: float, buckets: int
) -> tuple[ImportanceScorer, dict[str, Any]]:
    """Return what scores texts, and what was counted; there are texts of both kinds."""
    target = count_ngrams((each.text for each in items if each.value >= positive_from), buckets)
    source = count_ngrams((each.text for each in items if each.value < positive_from), buckets)
    counted = {"positive": _told(target), "negative": _told(source)}
    return ImportanceScorer(log_ratios(target, source)), counted


def _told(counts: Sequence[int]) -> dict[str, int]:
    return {"ngrams": sum(counts), "empty_buckets": counts.count(0)}
