"""What a rule reads: that it is measured, where the rule stands, and fits what it is compared with.

A name that nothing measures is an error, never a rule that does not fire.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from filters.catalog import EDITS, GATE_SIGNALS, TEXT, names, text_signals
from filters.errors import nearest
from filters.imported import CATALOGS, family_of, imported_signal
from filters.rule import Rule
from filters.signal import Signal
from pipelines.recipe.layouts import InputFormat
from pipelines.recipe.model import revision_of
from pipelines.recipe.problems import Problems
from pipelines.recipe.rule_stages import EARLY_STAGES
from pipelines.recipe.source import Place

_SCORES = {"language.score": (0.0, 1.0)}
"""Scores that lie within bounds; a threshold outside them is a slip."""
_MOST = 2**63
"""No count is larger; also refuses infinity."""


NO_SIGNALS: Mapping[str, Signal] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One line of `cuvee signals`."""

    name: str
    kind: str
    summary: str
    source: str


def readable(
    edits: Iterable[str], own: Mapping[str, Signal] = MappingProxyType({})
) -> dict[str, Signal]:
    """Return what a drop's rule can read after these edits, by the name that it is read by.

    `own` are signals of a recipe's own, which are measured on any revision.
    """
    revisions = (TEXT, *edits)
    known = names(revisions)
    for revision in revisions:
        prefix = "" if revision == TEXT else f"{revision}."
        known |= {prefix + name: signal for name, signal in own.items()}
    return {name: signal for name, signal in known.items() if name not in GATE_SIGNALS}


def labels_of(name: str) -> tuple[str, ...]:
    """Return the labels that a signal can have, where they are known; else none."""
    signal = GATE_SIGNALS.get(name)
    return tuple(signal.settings.get("labels", ())) if signal else ()


def describe_signals(mine: Mapping[str, Signal] = NO_SIGNALS) -> list[SignalRow]:
    """Return what rules can read: of gates, of any revision of a text, of each edit, of inputs.

    `mine` are signals of a recipe's own.
    """
    own = {
        f"{edit}.{name}": signal
        for edit, its in sorted(EDITS.items())
        for name, signal in sorted(its.signals.items())
    }
    texts = dict(sorted({**text_signals(), **mine}.items()))
    brought = {name: item for its in CATALOGS.values() for name, item in sorted(its.items())}
    return [
        SignalRow(name, kind_of(signal), signal.summary, signal.source)
        for name, signal in {**GATE_SIGNALS, **texts, **own, **brought}.items()
    ]


def kind_of(signal: Signal) -> str:
    """Return what a signal gives, in a word: count, score or label."""
    return {int: "count", float: "score", str: "label"}[signal.kind]


def check_reads(
    rule: Rule,
    kind: str,
    *,
    place: Place,
    made: Iterable[str],
    edits: Mapping[str, Place],
    last: Collection[str],
    input_format: InputFormat,
    own: Mapping[str, Signal],
    problems: Problems,
) -> Rule:
    """Check a rule of a gate or drop, and return it with `text.words` written as `words`.

    `made` are the edits before the rule, `edits` all of the recipe with their places, `last` those
    after dedup. Signals of the input's own can be written without the name of its format, and are
    returned with it.
    """
    made = list(made)
    rule = _with_format(_short(rule), readable(made, own), input_format)
    known = dict(GATE_SIGNALS)
    if kind != "gate":
        known = readable(made, own) | _brought(rule.reads, input_format)
    unknown = [name for name in rule.reads if name not in known]
    for name in dict.fromkeys(unknown):
        fact, hint = _why_unknown(name, kind, known, readable([*EDITS, *edits], own), edits, last)
        problems.add(place, f"rule '{rule.name}' reads '{name}', {fact}", hint)
    if not unknown:
        signals = [known[name] for name in rule.reads]
        compared = (_comparison(variant, signals) for variant in rule.variants())
        wrong = _mixture(rule, kind) or next(filter(None, compared), None)
        if wrong:
            fact, hint = wrong
            problems.add(place, f"rule '{rule.name}' {fact}", hint)
    return rule


def _short(rule: Rule) -> Rule:
    numerator, *rest = (name.removeprefix(f"{TEXT}.") for name in rule.reads)
    return replace(rule, numerator=numerator, denominator=rest[0] if rest else None)


def _with_format(rule: Rule, known: Mapping[str, Signal], input_format: InputFormat) -> Rule:
    catalog = CATALOGS.get(input_format.name, {})

    def full(name: str) -> str:
        own = f"{input_format.name}.{name}"
        return own if own in catalog and name not in known else name

    numerator, *rest = map(full, rule.reads)
    return replace(rule, numerator=numerator, denominator=rest[0] if rest else None)


def _brought(names: Iterable[str], input_format: InputFormat) -> dict[str, Signal]:
    """Return those of the names under which an input of this format brings a signal along."""
    if not input_format.brings_signals:
        return {}
    found = {name: imported_signal(name) for name in names if family_of(name) == input_format.name}
    return {name: signal for name, signal in found.items() if signal is not None}


def _why_unknown(
    name: str,
    kind: str,
    known: Mapping[str, Signal],
    anywhere: Mapping[str, Signal],
    edits: Mapping[str, Place],
    last: Collection[str],
) -> tuple[str, str]:
    family = _bringer(name, {**GATE_SIGNALS, **known})
    if family is not None:
        return _not_brought(kind, family)
    if kind == "gate" and name in anywhere:
        families = ", ".join(f"{stage}.*" for stage in EARLY_STAGES)
        return f"but gates read only {families} and language.*.", "Move it to a drop."
    if name in GATE_SIGNALS:
        return "which only gates read.", "Move it to a gate."
    if name in anywhere:
        return _not_made(revision_of(name)[0], edits, last)
    return "which nothing measures.", _nearest_hint(name, known, anywhere)


def _bringer(name: str, known: Mapping[str, Signal]) -> str | None:
    """Return the format of which a signal is, written with or without it; None if of none."""
    if family_of(name) is not None:
        return family_of(name) if imported_signal(name) is not None else None
    if nearest(name, known) is not None:  # `language_score` is meant for one of ours
        return None
    return next((family for family, its in CATALOGS.items() if f"{family}.{name}" in its), None)


def _not_brought(kind: str, family: str) -> tuple[str, str]:
    if kind == "gate":
        return "but gates read only url.* and language.*.", "Move it to a drop."
    ways = {"dolma": "input_format: {dolma: {attributes: [FOLDER]}}"}
    fact = f"which only an input of the format {family} brings along."
    return fact, f"Write {ways.get(family, f'input_format: {family}')} if yours is one."


def _not_made(revision: str, edits: Mapping[str, Place], last: Collection[str]) -> tuple[str, str]:
    if revision in edits:
        what = "edit" if revision in EDITS else "block"
        fact = f"but the {what} '{revision}' comes later ({edits[revision]})."
        if revision in last:
            return fact, f"Move the {what} before dedup: all that rules read is measured there."
        return fact, f"Move the rule to a drop after the {what}."
    hint = f"Put '- edit: {{{revision}: {{}}}}' before the drop."
    return f"but no edit makes the revision '{revision}'.", hint


def _nearest_hint(name: str, known: Mapping[str, Signal], anywhere: Mapping[str, Signal]) -> str:
    brought = {name: item for its in CATALOGS.values() for name, item in its.items()}
    candidates = {**brought, **anywhere, **known}
    close = nearest(name, known) or nearest(name, candidates)
    did_you_mean = f"Did you mean '{close}' ({candidates[close].source})?  " if close else ""
    return f"{did_you_mean}List all: cuvee signals"


def _mixture(rule: Rule, kind: str) -> tuple[str, str] | None:
    families = dict.fromkeys(name.partition(".")[0] for name in rule.reads)
    if kind == "gate" and len(families) > 1:
        fact = f"mixes {' and '.join(f'{family}.*' for family in families)}."
        return fact, "Write one rule for each: they are judged at different times."
    return None


def _comparison(rule: Rule, signals: list[Signal]) -> tuple[str, str] | None:
    """Return what is wrong with the comparison, given what the rule reads, and the way out."""
    left = " / ".join(rule.reads)
    says = f"It says: {rule}"
    labels = [signal for signal in signals if signal.kind is str]
    if not labels and isinstance(rule.constant, str):
        return f"compares the {kind_of(signals[0])} {left} with a label.", says
    if labels and rule.denominator is not None:
        return f"divides, but {labels[0].name} is a label.", says
    if not isinstance(rule.constant, str):
        if labels:
            example = f'For example: {rule.name}: {labels[0].name} != "en"'
            return f"compares the label {labels[0].name} with a number.", example
        signed = any(_may_be_negative(signal) for signal in signals)
        wrong = _impossible(left, rule.constant, signed=signed)
        return (wrong, says) if wrong else None
    return _unknown_label(labels[0], rule.constant)


def _may_be_negative(signal: Signal) -> bool:
    """Return whether others have measured it, or a model gives it without bounds."""
    bounded = signal.kind is int or signal.name in _SCORES
    return family_of(signal.name) is not None or not bounded


def _impossible(left: str, constant: float, *, signed: bool) -> str | None:
    """Return why no measurement can lie on both sides of the constant."""
    if not abs(constant) <= _MOST:  # not: also true for NaN
        return f"compares with {constant}, which no measurement can reach."
    if constant < 0 and signed:  # what others measure may be a logarithm
        return None
    if constant < 0:
        return f"compares with {constant}, but no measurement is negative."
    low, high = _SCORES.get(left, (0.0, float(_MOST)))
    if not low <= constant <= high:
        return f"compares {left} with {constant}, but it lies between {low:g} and {high:g}."
    return None


def _unknown_label(signal: Signal, label: str) -> tuple[str, str] | None:
    labels = labels_of(signal.name)
    if not labels or label in labels:
        return None
    close = nearest(label, labels)
    hint = f'Did you mean "{close}"?' if close else f"It can be {', '.join(labels)}."
    return f'compares {signal.name} with "{label}", which it never is.', hint
