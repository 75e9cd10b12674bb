"""Everything that can be measured and every edit, by name."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from filters import (
    c4,
    dolma,
    dolma_pii,
    fineweb,
    gopher,
    language,
    licence,
    ngrams,
    optout,
    pii,
    redpajama,
    redpajama_lines,
    refinedweb,
    url,
)
from filters.edit import Edit
from filters.errors import UsageError, nearest
from filters.imported import imported_signal
from filters.signal import SIGNALS, Signal

TEXT = "text"
"""The revision that a crawl's extractor made, before any edit."""

MODULES = (gopher, ngrams, c4, fineweb, refinedweb, dolma, dolma_pii, redpajama, redpajama_lines)
"""Importing a module registers its signals; a new module is named here."""

EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        edit.name: edit
        for edit in (
            c4.C4_LINES,
            refinedweb.REFINEDWEB_LINES,
            dolma.ENDED_LINES,
            dolma_pii.DOLMA_PII,
            pii.PII,
        )
    }
)

GATE_SIGNALS: Mapping[str, Signal] = MappingProxyType(
    {
        item.name: item
        for item in (
            url.BLOCK_REASON,
            language.CODE,
            language.SCORE,
            *optout.SIGNALS,
            *licence.SIGNALS,
        )
    }
)
"""What gates read; measured where pages are read, not on a `Text`."""


def text_signals() -> Mapping[str, Signal]:
    """Return all signals that can be measured on any revision of a text, by bare name.

    Those of a recipe's classifiers, which need a model, are only the recipe's own.
    """
    return MappingProxyType({n: signal for n, signal in SIGNALS.items() if signal.measure})


def resolve(name: str, revisions: Sequence[str] = (TEXT,)) -> Signal:
    """Return the signal that a rule calls `name`.

    A bare name is measured on revision `text`; `c4_lines.words` on what the edit
    `c4_lines` made, where the edit's own signals come before those of any text, and
    `redpajama2.ccnet_length` is brought along by an input of that format.
    UsageError if nothing measures it or none of `revisions` is the one that it names.
    """
    if name in GATE_SIGNALS:
        return GATE_SIGNALS[name]
    if (imported := imported_signal(name)) is not None:
        return imported
    revision, dot, bare = name.rpartition(".")
    if not dot:
        revision = TEXT
    if revision not in revisions:
        raise _unknown(name, revisions)
    own = EDITS[revision].signals if revision in EDITS else {}
    found = own.get(bare) or SIGNALS.get(bare)
    if found is None:
        raise _unknown(name, revisions)
    return found


def names(revisions: Sequence[str] = (TEXT,)) -> dict[str, Signal]:
    """Return every name that a rule may use at a place where `revisions` exist, with its signal."""
    known = dict(GATE_SIGNALS)
    for revision in revisions:
        own = EDITS[revision].signals if revision in EDITS else {}
        prefix = "" if revision == TEXT else f"{revision}."
        known |= {prefix + bare: item for bare, item in {**SIGNALS, **own}.items()}
    return known


def _unknown(name: str, revisions: Sequence[str]) -> UsageError:
    known = names(revisions)
    close = nearest(name, known)
    hint = f"Did you mean '{close}' ({known[close].source})?  " if close else ""
    return UsageError(f"nothing measures '{name}'.\n  {hint}List all: cuvee signals")
