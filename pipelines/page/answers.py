"""What each rule of a run's recipe says of one page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from filters.signal import Value
from pipelines.audit.recipes import written_for
from pipelines.audit.steps import COLUMNS, Plan, Step
from pipelines.pages import ShownPage

Says: TypeAlias = Literal["decides", "fires", "passes", "undefined", "not measured"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One rule, in the recipe's order."""

    rule: str
    stage: str
    fires_if: str
    """The comparison, as the recipe has it for the page's language."""
    counts: tuple[Value | None, ...]
    """What it reads."""
    value: Value | None
    """The left side of the comparison; None where that is undefined."""
    says: Says
    """`fires` of a rule that would have removed the page if none had before."""
    reads: str
    """The ledger's name of the first signal that it reads."""


def answers(plan: Plan, page: ShownPage) -> list[Answer]:
    """Return what the rules say, in the order in which pages meet them."""
    return list(_answers(plan, page))


def deciding(found: list[Answer]) -> Answer | None:
    """Return the rule that removed the page; None where none did."""
    return next((answer for answer in found if answer.says == "decides"), None)


def _answers(plan: Plan, page: ShownPage) -> Iterator[Answer]:
    columns = {**page.row, **page.signals}
    values = {**columns, **{name: columns.get(column) for name, column in COLUMNS.items()}}
    for step in plan.steps:
        rule = step.rule
        yield Answer(
            rule.name,
            step.stage,
            written_for(rule, page.row["language"]),
            tuple(values.get(name) for name in rule.reads),
            rule.value(values),
            _says(step, page.row, values),
            rule.numerator,
        )


def _says(step: Step, row: Mapping[str, Any], values: Mapping[str, Any]) -> Says:
    fires = step.rule.fires(values)
    if fires is None:
        measured = all(values.get(name) is not None for name in step.rule.reads)
        return "undefined" if measured else "not measured"
    if not fires:
        return "passes"
    # A block of datatrove, or the extraction, may give the same name as its reason.
    decision = (row["status"], row["stage"], row["rule"])
    here = decision == ("dropped", step.stage, step.rule.name)
    return "decides" if here else "fires"
