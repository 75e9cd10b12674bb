"""Importance weights as classifier.json has them: plain numbers, checked when they are read."""

import math
from collections.abc import Mapping
from typing import Any, Final

from filters.importance import HASH, ImportanceScorer

IMPORTANCE: Final = "importance"
"""The kind that classifier.json names; that of a linear head names none."""
GIVES: Final = "log_ratio"


def plain_importance(scorer: ImportanceScorer) -> dict[str, Any]:
    """Return it as classifier.json has it."""
    return {
        "kind": IMPORTANCE,
        "gives": GIVES,
        "hash": HASH,
        "log_ratios": list(scorer.log_ratios),
    }


def is_importance(plain: Mapping[str, Any]) -> bool:
    """Return whether what classifier.json says is of this kind."""
    return plain.get("kind") == IMPORTANCE


def read_importance(plain: Mapping[str, Any]) -> ImportanceScorer:
    """Return what scores by the numbers of classifier.json; ValueError or KeyError for others."""
    ratios = plain["log_ratios"]
    if plain["hash"] != HASH or plain["gives"] != GIVES or not isinstance(ratios, list):
        raise ValueError("another format")
    if not ratios or not all(type(each) is float and math.isfinite(each) for each in ratios):
        raise ValueError("log ratios that are no numbers")
    return ImportanceScorer(tuple(ratios))
