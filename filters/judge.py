"""From a text to a decision: measure, apply rules, edit, in the recipe's order.

Within a block every signal is measured; later blocks are measured only while
the page survives, or to the end where the page is audited. What was not
measured stays null, which is not the same as false (design section 2). A signal or a
block that raises costs the page, never the file: the page fails, with the reason.
"""

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from filters.catalog import EDITS, TEXT, resolve
from filters.datatrove_block import Block, BlockStage
from filters.edit import Edit, Edited
from filters.imported import family_of
from filters.memo import Memo
from filters.rule import Rule, first_drop
from filters.segment import Segmenter
from filters.signal import NoValueError, Signal, Value
from filters.text import Text

_MOST = 2**63
"""The ledger's counts are 64-bit integers."""


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
    block: str | None = None
    """The block of datatrove whose reason the rule is."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a text after all blocks."""

    decision: Decision | None
    """None when the text is kept."""
    text: str
    """The revision that was judged: the last one of a kept text, that of the decision otherwise."""
    values: Mapping[str, Value]
    """Measured values by column name (`revision.signal`); a missing name was not measured."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Why columns have no value, where their signal could not be measured."""


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
    columns: tuple[tuple[Column, str], ...]
    """Columns, each with what tells its signal's settings from others."""
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class _Revise:
    edit: Edit
    options: Mapping[str, Any]
    key: str
    """What tells the options from others."""


@dataclass(slots=True)
class _State:
    """What is known of a page between two steps."""

    texts: dict[str, Text]
    decision: Decision | None
    values: dict[str, Value] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    """Why columns have no value, where their signal could not be measured."""

    @property
    def text(self) -> Text:
        """The last revision."""
        return list(self.texts.values())[-1]


def qualified(name: str) -> str:
    """Return a signal's column name; a bare name means the extracted text."""
    return name if "." in name else f"{TEXT}.{name}"


def decide(
    rules: Sequence[Rule],
    values: Mapping[str, Value | None],
    stage: str,
    broken: Mapping[str, str] = MappingProxyType({}),
) -> Decision | None:
    """Apply rules in order; the first that fires drops, one that is undefined before it fails.

    `broken` says why values are missing, by column: that is then the reason.
    """
    first = first_drop(rules, values)
    if first is None:
        return None
    rule, fired = first
    if fired:
        return Decision("dropped", stage, rule.name)
    reasons = [broken[name] for name in rule.reads if name in broken]
    return Decision("failed", stage, reasons[0] if reasons else f"undefined:{rule.name}")


def asked_rules(rules: Sequence[Rule], language: str | None) -> tuple[Rule, ...]:
    """Return the rules that are asked of pages in a language, reading columns by full names."""
    asked = (rule.of(language) for rule in rules)
    return tuple(_with_full_names(rule) for rule in asked if rule is not None)


class Judge:
    """The drop, edit and datatrove blocks of a recipe, ready for texts of one language."""

    def __init__(
        self,
        blocks: Sequence[DropStage | EditStage | BlockStage],
        segmenter: Segmenter,
        own: Mapping[str, Signal] = MappingProxyType({}),
        memo: Memo | None = None,
        language: str | None = None,
        later: Sequence[Rule] = (),
    ) -> None:
        """`own` are signals with settings of the recipe's own, by bare name.

        Rules are those of `language`; whatever they are, the same columns are measured.
        `memo` is shared with the judges of other recipes that see the same pages. What rules
        of `later` read is measured behind all blocks; they decide when others know more.
        """
        self._segmenter = segmenter
        self._own = own
        self._language = language
        self._memo = memo or Memo()
        self._steps: list[_Measure | _Revise | Block] = []
        self.columns: list[Column] = []
        """Every column that the blocks fill, in the order of measuring; imported ones are not."""
        revisions: dict[str, tuple[Any, ...]] = {TEXT: ()}
        for block in blocks:
            if isinstance(block, EditStage):
                self._add_edit(block, revisions)
            elif isinstance(block, BlockStage):
                earlier = tuple(revisions.values())[-1]
                revisions[block.revision] = (*earlier, block.made_by)
                self._steps.append(Block(block))
            else:
                self._add_drop(block.rules, block.rules, revisions)
        if later:
            self._add_drop(later, (), revisions)

    def warm_up(self, text: str) -> None:
        """Load the models of classifiers, by measuring a text."""
        for column in self.columns:
            if column.signal.kind is float and column.signal.measure is not None:
                with suppress(
                    NoValueError
                ):  # of a text in no language, models by language say nothing
                    column.signal.measure(self._text(text, None))

    def restart(self) -> None:
        """Begin a crawl file: blocks of datatrove start anew, as their state is the file's own."""
        for step in self._steps:
            if isinstance(step, Block):
                step.restart()

    def _add_edit(self, block: EditStage, revisions: dict[str, tuple[Any, ...]]) -> None:
        edit = EDITS[block.name]
        options = {**edit.options, **block.options}
        earlier = tuple(revisions.values())[-1]
        revisions[edit.name] = (*earlier, [edit.name, edit.version, options])
        for name, own in edit.signals.items():
            column = f"{edit.name}.{name}"
            self.columns.append(Column(column, own, edit.name, revisions[edit.name]))
        self._steps.append(_Revise(edit, options, _key(options)))

    def _add_drop(
        self,
        read: Sequence[Rule],
        rules: Sequence[Rule],
        revisions: Mapping[str, tuple[Any, ...]],
    ) -> None:
        """Add a block that measures what some rules read, and decides by some of them."""
        known = {column.name for column in self.columns}
        fresh: dict[str, Column] = {}
        for name in (qualified(name) for rule in read for name in rule.reads):
            if name not in known and name not in fresh and family_of(name) is None:
                revision, _, bare = name.partition(".")
                signal = self._own.get(bare) or resolve(name, tuple(revisions))
                fresh[name] = Column(name, signal, revision, revisions[revision])
        self.columns.extend(fresh.values())
        columns = tuple((column, _key(column.signal.settings)) for column in fresh.values())
        self._steps.append(_Measure(columns, asked_rules(rules, self._language)))

    def judge(
        self,
        raw: str,
        *,
        decision: Decision | None = None,
        audited: bool = False,
        about: Mapping[str, Any] = MappingProxyType({}),
        imported: Mapping[str, Value] = MappingProxyType({}),
    ) -> Judgement:
        """Measure and decide on an extracted text.

        A `decision` taken before (by a gate) stands; such a text is measured only
        when `audited`. `about` is what blocks of datatrove learn of the page, `imported` what
        its input says of it, by column name.
        """
        state = _State({TEXT: self._text(raw, about.get("language"))}, decision, dict(imported))
        judged = raw
        for step in self._steps:
            if state.decision is not None and not audited:
                break
            if isinstance(step, _Revise):
                self._revise(step, state)
            elif isinstance(step, Block):
                self._pass(step, state, about)
            else:
                self._measure(step.columns, state)
                decided = decide(step.rules, state.values, "quality", state.broken)
                state.decision = state.decision or decided
            if state.decision is None:
                judged = state.text.raw
        return Judgement(state.decision, judged, state.values, state.broken)

    def _revise(self, step: _Revise, state: _State) -> None:
        name = step.edit.name
        edited, text = self._edited(step, state.text)
        state.values.update((f"{name}.{own}", count) for own, count in edited.counts.items())
        state.texts[name] = text

    def _edited(self, step: _Revise, before: Text) -> tuple[Edited, Text]:
        def apply() -> tuple[Edited, Text]:
            edited = step.edit.apply(before, step.options)
            return edited, self._text(edited.text, before.language, edited.word_count)

        return self._memo.once(("edit", step.edit.name, step.key, before), apply)

    def _text(self, raw: str, language: str | None, word_count: int | None = None) -> Text:
        key = ("text", self._segmenter.fingerprint, language, raw)
        return self._memo.once(key, lambda: Text(raw, self._segmenter, word_count, language))

    def _pass(self, block: Block, state: _State, about: Mapping[str, Any]) -> None:
        before, name = state.text, block.stage.revision
        passed = block.apply(before.raw, about)
        same = passed.text == before.raw
        state.texts[name] = before if same else self._text(passed.text, before.language)
        if passed.outcome is not None and state.decision is None:
            state.decision = Decision(passed.outcome, "quality", passed.reason, name)

    def _measure(self, columns: Sequence[tuple[Column, str]], state: _State) -> None:
        for column, settings in columns:
            try:
                text = state.texts[column.revision]
                state.values[column.name] = self._value(column.signal, settings, text)
            # Anybody's function costs the page, not the file; not even by sys.exit().
            except (Exception, SystemExit) as error:  # noqa: BLE001  see above
                why = str(error) if isinstance(error, NoValueError) else type(error).__name__
                state.broken[column.name] = f"error:{column.signal.name}:{why}"

    def _value(self, signal: Signal, settings: str, text: Text) -> Value:
        measure = signal.measure
        assert measure is not None  # noqa: S101  the catalogue resolves to signals of texts only
        key = ("signal", signal.name, signal.version, settings, text)
        checked = _CHECKS[signal.kind]
        return self._memo.once(key, lambda: checked(measure(text)))


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, default=sorted)


def _score(value: Any) -> float:
    """Return what a classifier gave; not a number is no score."""
    score = float(value)
    if not math.isfinite(score):
        raise NoValueError(f"{score} is no score")
    return score


def _count(value: Any) -> int:
    """Return what a signal gave as an integer; true and false count as 1 and 0."""
    try:
        count = operator.index(value)
    except TypeError:
        raise NoValueError(f"{type(value).__name__} is no count") from None
    if not -_MOST <= count < _MOST:
        raise NoValueError("more than 64 bits")
    return count


_CHECKS: Mapping[type, Callable[[Any], Value]] = {int: _count, float: _score, str: str}


def _with_full_names(rule: Rule) -> Rule:
    return replace(
        rule,
        numerator=qualified(rule.numerator),
        denominator=rule.denominator and qualified(rule.denominator),
    )
