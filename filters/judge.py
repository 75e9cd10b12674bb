"""From a text to a decision: measure, apply rules, edit, in the recipe's order.

Within a block every signal is measured; later blocks are measured only while
the page survives, or to the end where the page is audited. What was not
measured stays null, which is not the same as false (design section 2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from filters.catalog import EDITS, TEXT, resolve
from filters.edit import Edit
from filters.rule import Rule, first_drop
from filters.segment import Segmenter
from filters.signal import Signal, Value
from filters.text import Text


@dataclass(frozen=True, slots=True)
class DropStage:
    """Rules on the text: all of their signals are measured, the first that fires decides."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class EditStage:
    """A change of the text; what is measured after it belongs to a revision of its name."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a page is not kept."""

    status: Literal["dropped", "failed"]
    stage: str
    rule: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a text after all blocks."""

    decision: Decision | None
    """None when the text is kept."""
    text: str
    """The revision that was judged: the last one of a kept text, that of the decision otherwise."""
    values: Mapping[str, Value]
    """Measured values by column name (`revision.signal`); a missing name was not measured."""


@dataclass(frozen=True, slots=True)
class Column:
    """A ledger column of one signal on one revision."""

    name: str
    signal: Signal
    revision: str
    made_by: tuple[Any, ...] = ()
    """What the value depends on besides the text: edits with version and options, or digests."""

    def fingerprint(self, words: str) -> str:
        """Return the digest of all that determines the column; see `Signal.fingerprint`."""
        return self.signal.fingerprint(words, *self.made_by)


@dataclass(frozen=True, slots=True)
class _Measure:
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class _Revise:
    edit: Edit
    options: Mapping[str, Any]


def qualified(name: str) -> str:
    """Return a signal's column name; a bare name means the extracted text."""
    return name if "." in name else f"{TEXT}.{name}"


def decide(
    rules: Sequence[Rule], values: Mapping[str, Value | None], stage: str
) -> Decision | None:
    """Apply rules in order; the first that fires drops, one that is undefined before it fails."""
    first = first_drop(rules, values)
    if first is None:
        return None
    rule, fired = first
    if fired:
        return Decision("dropped", stage, rule.name)
    return Decision("failed", stage, f"undefined:{rule.name}")


class Judge:
    """The drop and edit blocks of a recipe, ready to be applied to texts of one language."""

    def __init__(self, blocks: Sequence[DropStage | EditStage], segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._steps: list[_Measure | _Revise] = []
        self.columns: list[Column] = []
        """Every column that the blocks fill, in the order of measuring."""
        revisions: dict[str, tuple[Any, ...]] = {TEXT: ()}
        for block in blocks:
            if isinstance(block, EditStage):
                self._add_edit(block, revisions)
            else:
                self._add_drop(block, revisions)

    def _add_edit(self, block: EditStage, revisions: dict[str, tuple[Any, ...]]) -> None:
        edit = EDITS[block.name]
        options = {**edit.options, **block.options}
        earlier = tuple(revisions.values())[-1]
        revisions[edit.name] = (*earlier, [edit.name, edit.version, options])
        for name, own in edit.signals.items():
            column = f"{edit.name}.{name}"
            self.columns.append(Column(column, own, edit.name, revisions[edit.name]))
        self._steps.append(_Revise(edit, options))

    def _add_drop(self, block: DropStage, revisions: Mapping[str, tuple[Any, ...]]) -> None:
        known = {column.name for column in self.columns}
        fresh: dict[str, Column] = {}
        for name in (qualified(name) for rule in block.rules for name in rule.reads):
            if name not in known and name not in fresh:
                revision = name.partition(".")[0]
                signal = resolve(name, tuple(revisions))
                fresh[name] = Column(name, signal, revision, revisions[revision])
        self.columns.extend(fresh.values())
        rules = tuple(_with_full_names(rule) for rule in block.rules)
        self._steps.append(_Measure(tuple(fresh.values()), rules))

    def judge(
        self, raw: str, *, decision: Decision | None = None, audited: bool = False
    ) -> Judgement:
        """Measure and decide on an extracted text.

        A `decision` taken before (by a gate) stands; such a text is measured only
        when `audited`.
        """
        text = Text(raw, self._segmenter)
        texts = {TEXT: text}
        values: dict[str, Value] = {}
        judged = raw
        for step in self._steps:
            if decision is not None and not audited:
                break
            if isinstance(step, _Revise):
                name = step.edit.name
                edited = step.edit.apply(text, step.options)
                values.update((f"{name}.{own}", count) for own, count in edited.counts.items())
                text = texts[name] = Text(edited.text, self._segmenter)
            else:
                values.update((column.name, _measure(column, texts)) for column in step.columns)
                decision = decision or decide(step.rules, values, "quality")
            if decision is None:
                judged = text.raw
        return Judgement(decision, judged, values)


def _measure(column: Column, texts: Mapping[str, Text]) -> int:
    measure = column.signal.measure
    assert measure is not None  # noqa: S101  the catalogue resolves to signals of texts only
    return measure(texts[column.revision])


def _with_full_names(rule: Rule) -> Rule:
    return replace(
        rule,
        numerator=qualified(rule.numerator),
        denominator=rule.denominator and qualified(rule.denominator),
    )
