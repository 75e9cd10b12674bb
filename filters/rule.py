"""Rules: one comparison of measured values, at most one division, nothing more.

`name: a [/ b] op constant`. Division is done in float64 at decision time;
`x / 0` and a value that was not measured are null, and a null comparison is
neither true nor false (design section 2: undefined is not false).
"""

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a recipe. It fires when the comparison is true, and firing drops the page."""

    name: str
    numerator: str
    denominator: str | None
    op: str
    constant: Value

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
        """Return whether the rule drops a page with these values; None where that is undefined."""
        left = self.value(values)
        if left is None:
            return None
        return _OPERATORS[self.op](left, self.constant)

    def __str__(self) -> str:
        left = " / ".join(self.reads)
        return f"{left} {self.op} {json.dumps(self.constant, ensure_ascii=False)}"


def parse_rule(name: str, expression: str) -> Rule:
    """Parse `a [/ b] op constant`.

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
    return Rule(name, match["numerator"], match["denominator"], match["op"], constant)


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
