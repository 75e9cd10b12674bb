"""Rules: one comparison of measured values, at most one division, nothing more.

`name: a [/ b] op constant`. Division is done in float64 at decision time;
`x / 0` and a value that was not measured are null, and a null comparison is
neither true nor false (design section 2: undefined is not false).

Behind the constant, in brackets, stand languages that have another one, or none:
`dup_lines / line_runs > 0.264 (deu_Latn 0.3, jpn_Jpan off)`. A language is the label that the
recipe's model gives a page.
"""

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from filters.signal import Value

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?"
_RULE = re.compile(
    rf"\s*(?P<numerator>{_NAME})\s*(?:/\s*(?P<denominator>{_NAME})\s*)?"
    r"(?P<op><=|>=|==|!=|<|>)\s*(?P<constant>\S.*?)\s*"
    r"(?:\((?P<others>[^()]*)\)\s*)?"
)
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_OFF = "off"
_BRIEF = 6
"""Languages' constants that a line has room for."""
LANGUAGE = "language.code"
"""The value that says which of a rule's constants a page's is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a recipe. It fires when the comparison is true, and firing drops the page."""

    name: str
    numerator: str
    denominator: str | None
    op: str
    constant: Value
    others: tuple[tuple[str, Value | None], ...] = ()
    """Languages with a constant of their own; None where the rule is not asked."""

    def of(self, language: str | None) -> "Rule | None":
        """Return the rule as pages in a language meet it; None where it is not asked of them."""
        if not self.others:
            return self
        constant = dict(self.others).get(language or "", self.constant)
        return None if constant is None else replace(self, constant=constant, others=())

    @property
    def brief(self) -> str:
        """The rule in a line: of many languages' constants only how many there are."""
        if len(self.others) <= _BRIEF:
            return str(self)
        return f"{replace(self, others=())} ({len(self.others)} languages otherwise)"

    def with_other(self, language: str, constant: Value | None) -> "Rule":
        """Return the rule with that constant for a language; None: not asked of its pages."""
        others = {**dict(self.others), language: constant}
        return replace(self, others=tuple(item for item in others.items() if self._differs(item)))

    def _differs(self, other: tuple[str, Value | None]) -> bool:
        return other[1] is None or other[1] != self.constant

    def variants(self) -> "Iterator[Rule]":
        """Yield the rule with each of its constants."""
        yield replace(self, others=())
        for constant in dict.fromkeys(value for _, value in self.others if value is not None):
            yield replace(self, constant=constant, others=())

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the signals that the rule reads."""
        if self.denominator is None:
            return (self.numerator,)
        return (self.numerator, self.denominator)

    def value(self, values: Mapping[str, Value | None]) -> Value | None:
        """Return the left side of the comparison, or None where it is null."""
        top = values.get(self.numerator)
        if self.denominator is None or top is None:
            return top
        bottom = values.get(self.denominator)
        if not bottom or isinstance(bottom, str) or isinstance(top, str):
            return None
        return top / bottom

    def fires(self, values: Mapping[str, Value | None]) -> bool | None:
        """Return whether the rule drops a page with these values; None where that is undefined.

        Where languages differ, the page's is `values["language.code"]`.
        """
        if self.others:
            own = self.of(str(values.get(LANGUAGE) or ""))
            return False if own is None else own.fires(values)
        left = self.value(values)
        return None if left is None else self.compare(left)

    def compare(self, left: Value) -> bool:
        """Return what the comparison says of its left side, with the rule's one constant."""
        return _OPERATORS[self.op](left, self.constant)

    def __str__(self) -> str:
        left = " / ".join(self.reads)
        others = ", ".join(f"{label} {_written(value)}" for label, value in self.others)
        return f"{left} {self.op} {_written(self.constant)}" + (f" ({others})" if others else "")


def _written(constant: Value | None) -> str:
    return _OFF if constant is None else json.dumps(constant, ensure_ascii=False)


def parse_rule(name: str, expression: str) -> Rule:
    """Parse `a [/ b] op constant [(language constant, …)]`.

    Raises ValueError with the reason, in words, when the expression is something else.
    """
    match = _RULE.fullmatch(expression)
    if match is None:
        raise ValueError("is not of the form 'signal [/ signal] < number'")
    constant = _parse_constant(match["constant"])
    if isinstance(constant, str):
        if match["denominator"] is not None:
            raise ValueError("divides, so it must be compared with a number")
        if match["op"] not in ("==", "!="):
            raise ValueError(f"compares a label with '{match['op']}'; labels know only == and !=")
    rule = Rule(name, match["numerator"], match["denominator"], match["op"], constant)
    for label, other in _parse_others(match["others"]):
        if other is not None and isinstance(other, str) != isinstance(constant, str):
            raise ValueError(f"compares with {_written(constant)}, in {label} with another kind")
        rule = rule.with_other(label, other)
    return rule


def _parse_others(written: str | None) -> Iterator[tuple[str, Value | None]]:
    seen: set[str] = set()
    for part in written.split(",") if written is not None else ():
        label, _, value = part.strip().partition(" ")
        if not _LABEL.fullmatch(label) or not value.strip():
            raise ValueError(f"says '{part.strip()}' where 'LANGUAGE number' or 'LANGUAGE off' is")
        if label in seen:
            raise ValueError(f"names the language '{label}' twice")
        seen.add(label)
        yield label, None if value.strip() == _OFF else _parse_constant(value.strip())


def _parse_constant(written: str) -> Value:
    try:
        constant = json.loads(written)
    except ValueError:
        constant = None
    if isinstance(constant, int | float | str) and not isinstance(constant, bool):
        return constant
    raise ValueError(f"compares with {written}, which is neither a number nor a quoted label")


def first_drop(
    rules: Iterable[Rule], values: Mapping[str, Value | None]
) -> tuple[Rule, bool] | None:
    """Return the rule that decides, or None when the page passes.

    The second part is True for a drop and False where the rule was undefined
    before any drop, so that the page cannot be judged.
    """
    for rule in rules:
        fires = rule.fires(values)
        if fires is None:
            return rule, False
        if fires:
            return rule, True
    return None
