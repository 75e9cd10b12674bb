"""Which label of a language model a person may have meant by one that it has not."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from filters.languages import Language, find_language
from pipelines.language_names import language_name

_PARTS = re.compile(r"[-_]")
_SLIP = 0.85
"""How alike two full labels are of which one letter differs; one of another language is less so."""
_SHORT_SLIP = 0.75
_FULL = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")


def near_label(wanted: str, labels: Iterable[str]) -> str | None:
    """Return the label that is meant: that of the same language, else one written nearly so.

    The same is a language by its code in whatever case, with another script or a country behind
    it, or by its English name. Labels that are written otherwise are never near: `ms` is not what
    somebody meant by `xx_Latn`. None where nothing is near.
    """
    labels = list(labels)
    known = {label: found for label in labels if (found := find_language(label))}
    code = _PARTS.split(wanted.strip().lower())[0]
    same = [label for label, its in known.items() if _is(its, label, code, wanted)]
    if same:
        return same[0]
    full = {str(its): label for label, its in known.items()}
    close = get_close_matches(wanted, full, n=1, cutoff=_SLIP)
    return full[close[0]] if close else _near_in_form(wanted, labels)


def _is(language: Language, label: str, code: str, wanted: str) -> bool:
    """Return whether a label is of the language that a code, or an English name, means."""
    if not code:
        return False
    meant = find_language(code) or find_language(f"{code}_Zzzz")
    named = language_name(language).casefold() == wanted.strip().casefold()
    codes = (label.lower(), language.code, language.short)
    return named or code in codes or (meant is not None and meant.code == language.code)


def _near_in_form(wanted: str, labels: Sequence[str]) -> str | None:
    """Return a label that looks like one, of those that are not written in full."""
    if _FULL.fullmatch(wanted) or _PARTS.search(wanted):
        return None
    short = [label for label in labels if not _PARTS.search(label)]
    close = get_close_matches(wanted, short, n=1, cutoff=_SHORT_SLIP)
    return close[0] if close else None
