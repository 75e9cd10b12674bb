"""Patterns of rules in the schema of a recipe: what may be compared with what."""

import re
from collections.abc import Iterable

from filters.catalog import EDITS, GATE_SIGNALS
from filters.imported import CATALOGS, OPEN
from pipelines.recipe.options import RULE_NAME
from pipelines.recipe.reads import labels_of, readable

_OTHERS = r"(\([^()]*\)\s*)?"
"""Constants of languages that have another one."""
_NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"


def drop_pattern(texts: str) -> str:
    """Return a pattern of rules on the text: counts, `texts` among them, compared with numbers."""
    prefixes = any_of(["text", *sorted(EDITS)]).replace(")", "|[A-Z][A-Za-z0-9_]*)")
    own = any_of(name for name in readable(EDITS) if "." in name)
    count = rf"(({prefixes}\.)?{texts}|{own}|{_imported()})"
    numbers = rf"{count}\s*(/\s*{count}\s*)?(<|<=|>|>=|==|!=)\s*{_NUMBER}"
    bucket = rf"({prefixes}\.)?{RULE_NAME.pattern}_bucket"  # of a perplexity
    labels = rf'({any_of(_labels())}|{bucket})\s*(==|!=)\s*"[^"]*"'
    return rf"^\s*({numbers}|{labels})\s*{_OTHERS}$"


def _imported() -> str:
    """Return a pattern of the numbers that inputs bring along, with or without their format."""
    catalogued = {name for names in CATALOGS.values() for name in names} - set(_labels())
    bare = {name.partition(".")[2] for name in catalogued}
    others = rf"{any_of(OPEN)}\.[A-Za-z0-9_]+"
    return rf"{any_of(catalogued | bare)}|{others}"


def _labels() -> list[str]:
    """Return the labels that inputs bring along."""
    signals = (item for names in CATALOGS.values() for item in names.values())
    return [signal.name for signal in signals if signal.kind is str]


def gate_pattern() -> str:
    """Return a pattern of rules on the URL and the language: labels, and scores."""
    forms = []
    for name, signal in GATE_SIGNALS.items():
        if signal.kind is str:
            labels = labels_of(name)
            quoted = any_of(f'"{label}"' for label in labels) if labels else '"[^"]*"'
            forms.append(rf"{re.escape(name)}\s*(==|!=)\s*{quoted}")
        else:
            forms.append(rf"{re.escape(name)}\s*(<|<=|>|>=|==|!=)\s*{_NUMBER}")
    return rf"^\s*({'|'.join(forms)})\s*{_OTHERS}$"


def any_of(words: Iterable[str]) -> str:
    """Return a pattern of one of these words."""
    return f"({'|'.join(re.escape(word) for word in sorted(words))})"
