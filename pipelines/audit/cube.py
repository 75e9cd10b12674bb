"""Rules as SQL, and pages counted by decision and by which rules fire on them.

A ledger of many millions of rows becomes a table of a few thousand: `count_pages` groups by
decision, by whether the page was audited and by what each rule says of it. All else is
computed from that.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from filters.rule import Rule
from pipelines.audit.steps import COLUMNS, Step

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

SILENT, FIRES, UNKNOWN = 0, 1, 2
"""What a rule says of a page: no, yes, or nothing, because a value is null or divided by 0."""
_SUMS = (
    "count(*) AS pages",
    "coalesce(sum(token_count), 0)::BIGINT AS tokens",
    "coalesce(sum(token_count::DOUBLE * token_count), 0) AS squares",
)
_LANGUAGE = '"language"'
_PER_WORD = 31
"""Answers of two bits that a 64-bit integer holds."""


def quoted(name: str) -> str:
    """Return a column's name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | float) -> str:
    """Return a constant for SQL, with the value that Python gives it."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return f"{value}"
    if not math.isfinite(value):
        return f"'{value}'::DOUBLE"
    return f"{value!r}::DOUBLE"


def value_sql(rule: Rule) -> str:
    """Return the left side of a rule's comparison as SQL; null where it is undefined."""
    top = quoted(COLUMNS.get(rule.numerator, rule.numerator))
    if rule.denominator is None:
        return top
    bottom = quoted(COLUMNS.get(rule.denominator, rule.denominator))
    return f"({top}::DOUBLE / nullif({bottom}, 0)::DOUBLE)"


def constant_sql(rule: Rule) -> str:
    """Return a rule's constant as SQL, that of the page's language; null where it has none."""
    if not rule.others:
        return literal(rule.constant)
    cases = [
        f"WHEN {literal(label)} THEN {'NULL' if value is None else literal(value)}"
        for label, value in rule.others
    ]
    return f"CASE {_LANGUAGE} {' '.join(cases)} ELSE {literal(rule.constant)} END"


def fires_sql(rule: Rule) -> str:
    """Return a rule's comparison as SQL: true, false, or null where it is undefined.

    It is false where the rule is not asked of pages in that language.
    """
    operator = {"==": "=", "!=": "<>"}.get(rule.op, rule.op)
    fires = f"({value_sql(rule)} {operator} {constant_sql(rule)})"
    off = [literal(label) for label, value in rule.others if value is None]
    if not off:
        return fires
    return f"(CASE WHEN {_LANGUAGE} IN ({', '.join(off)}) THEN false ELSE {fires} END)"


def answers_sql(rules: Sequence[Rule]) -> list[str]:
    """Return SQL of 64-bit integers that hold the rules' answers, two bits each, 31 in each."""
    words = []
    for start in range(0, len(rules), _PER_WORD):
        bits = [
            f"(coalesce({fires_sql(rule)}::UTINYINT, {UNKNOWN})::BIGINT << {2 * at})"
            for at, rule in enumerate(rules[start : start + _PER_WORD])
        ]
        words.append(" + ".join(bits))
    return words


def answers(frame: "pd.DataFrame", count: int) -> npt.NDArray[np.uint8]:
    """Return what each rule says, as an array of shape (rows, rules) of SILENT, FIRES, UNKNOWN."""
    found = np.zeros((len(frame), count), np.uint8)
    for at in range(count):
        word = frame[f"answers{at // _PER_WORD}"].to_numpy(np.int64)
        found[:, at] = (word >> (2 * (at % _PER_WORD))) & 3
    return found


def count_pages(
    connection: "DuckDBPyConnection",
    steps: Sequence[Step],
    *,
    where: str = "true",
    by: Iterable[str] = (),
    source: str = "ledger",
) -> "pd.DataFrame":
    """Count pages and tokens of the table `ledger` by decision, audit and the rules' answers.

    Columns: `status, stage, rule, audited`, those of `by` (SQL of a column), `answers0 …`
    (see `answers`), `pages`, `tokens` and `squares`, the sum of the squares of the pages' tokens.
    `where` and `source` are SQL.
    """
    keys = ["status", "stage", "rule", "audited", *by]
    words = [f"{sql} AS answers{at}" for at, sql in enumerate(answers_sql(_rules(steps)))]
    columns = ", ".join([*keys, *words, *_SUMS])
    query = f"SELECT {columns} FROM {source} WHERE {where} GROUP BY ALL"
    frame = connection.execute(query).df()
    for name in ("stage", "rule"):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def _rules(steps: Sequence[Step]) -> list[Rule]:
    return [step.rule for step in steps]
