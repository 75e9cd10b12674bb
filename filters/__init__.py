"""Measuring, deciding and editing: pure functions of texts.

What a filter of one's own needs is here: `signal` registers one, `Text` is what it
gets, `measure` tries it. What comes with cuvee is in the modules, one per source.
"""

from typing import TYPE_CHECKING, Any

from filters.errors import CuveeError, UsageError, WorkError
from filters.rule import Rule, parse_rule
from filters.signal import SIGNALS, Signal, signal
from filters.text import Text

if TYPE_CHECKING:
    from filters.minhash import MinHasher
    from filters.segment import segmenter
    from filters.trial import measure

__all__ = [
    "SIGNALS",
    "CuveeError",
    "MinHasher",
    "Rule",
    "Signal",
    "Text",
    "UsageError",
    "WorkError",
    "measure",
    "parse_rule",
    "segmenter",
    "signal",
]

_LATER = {
    "MinHasher": "filters.minhash",
    "measure": "filters.trial",
    "segmenter": "filters.segment",
}
"""Loaded at first use: they need packages that take their time, or every signal."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'filters' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
