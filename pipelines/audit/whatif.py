"""What another recipe would do to the pages of a run, from its ledger.

Decisions are replayed exactly (`pipelines.audit.moves`). Where a page had left before later rules
were measured, the audited pages give an estimate. What no ledger can say, such as which pages
repeat each other among others than before, is said to be open, within what bounds
(`pipelines.audit.repeats`). A rule after deduplication changes nothing of that: it is exact.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipelines.audit.changes import (
    Changes,
    beyond_replay,
    changed_recipe,
    changed_steps,
    check_measured,
    new_plan,
    touched_names,
)
from pipelines.audit.cube import literal
from pipelines.audit.estimate import Estimate, Sample, counted, pages_beyond, tokens_beyond
from pipelines.audit.impact import Effect
from pipelines.audit.ledger import Ledger
from pipelines.audit.moves import LOST, PASSES, SEEN, UNSURE, Move, find_moves
from pipelines.audit.outcomes import count, count_outcomes, placed
from pipelines.audit.repeats import LEAVES, NOTHING, Turn, find_turn, within
from pipelines.audit.shifts import by_domain, by_language, examples
from pipelines.audit.steps import Plan, passed_rules
from pipelines.recipe.rule_stages import FINAL
from pipelines.recipe.source import Node

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FINAL = f"stage IS NOT DISTINCT FROM {literal(FINAL)}"
"""SQL for pages of `moved` that a rule after deduplication had removed."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Pages and tokens of a run: those that no rule removes, and those that stay after repeats."""

    passing: Effect
    kept: Effect


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a change of the recipe would do."""

    recipe: Node
    """The changed recipe."""
    plan: Plan
    before: Totals
    after: Totals
    lost: pd.DataFrame
    """Kept pages that a rule would drop: `rule, pages, tokens`; counted."""
    gained: pd.DataFrame
    """Pages that would pass every rule: by the `rule` that had dropped them, `pages, pages_low,
    pages_high, tokens, tokens_low, tokens_high`."""
    languages: pd.DataFrame
    """`language, lost_pages, lost_tokens, gained_pages, gained_tokens`, most changed first."""
    domains: pd.DataFrame
    """The same by registered domain."""
    lost_examples: list[dict[str, Any]]
    gained_examples: list[dict[str, Any]]
    notes: list[str]
    """What a person must know of these figures."""
    open: list[str]
    """What no ledger can say."""


@dataclass(frozen=True, slots=True)
class _Question:
    ledger: Ledger
    recipe: Node
    move: Move


def whatif(ledger: Ledger, changes: Changes, *, shown: int = 10) -> WhatIf:
    """Return what a change would do; `shown` examples of what is lost and of what is gained.

    UsageError for a rule that is not there, and for one that reads what was not measured.
    """
    question = _ask(ledger, changes)
    plan = question.move.plan
    with _moved(question) as (connection, outcomes):
        deduplicates = bool(plan.dedup) and ledger.finished
        lost = _lost(connection, plan)
        gained, to_dedup = _gained(connection)
        before = _before(outcomes)
        turn = find_turn(connection, plan) if deduplicates else NOTHING
        after = _after(connection, before, to_dedup, turn, deduplicates=deduplicates)
        return WhatIf(
            recipe=question.recipe,
            plan=plan,
            before=before,
            after=after,
            lost=lost,
            gained=gained,
            languages=by_language(connection),
            domains=by_domain(connection),
            lost_examples=examples(connection, plan, LOST, shown),
            gained_examples=examples(connection, question.move.before, PASSES, shown),
            notes=[
                *ledger.notes,
                *_notes(connection, turn, deduplicates=deduplicates),
                *_of_tokenizer(ledger, moved=not lost.empty or not gained.empty),
            ],
            open=beyond_replay(ledger.recipe, question.recipe),
        )


def moved_pages(ledger: Ledger, changes: Changes) -> pd.DataFrame:
    """Return each page whose decision a change alters, or may alter.

    Columns: `file_path, record, status, stage, rule` as they are; `new_status, new_rule` as they
    would be: status `passes` where every rule lets it go, so that only deduplication can still
    remove it, `kept` where that had kept it, `unknown` where later rules were not measured.
    """
    question = _ask(ledger, changes)
    names = [step.rule.name for step in question.move.plan.steps]
    with _moved(question) as (connection, _):
        frame = connection.execute(
            "SELECT file_path, record, status, stage, rule, coalesce(own, whole) AS at,"
            f" {PASSES} AS passes, {UNSURE} AS unsure, {_FINAL} AS final FROM moved"
            " ORDER BY file_path, record"
        ).df()
    told = [_told(names, row) for row in frame.itertuples()]
    frame["new_status"], frame["new_rule"] = zip(*told, strict=True) if told else ([], [])
    return frame.drop(columns=["at", "passes", "unsure", "final"])


def _told(names: list[str], row: Any) -> tuple[str, str | None]:
    if row.passes:
        return "kept" if row.final else "passes", None
    if row.unsure or pd.isna(row.at):
        return "unknown", None
    name = names[int(row.at) // 2]
    return ("failed", f"undefined:{name}") if int(row.at) % 2 else ("dropped", name)


def _ask(ledger: Ledger, changes: Changes) -> _Question:
    recipe = changed_recipe(ledger, changes)
    plan = new_plan(recipe)
    changed = changed_steps(ledger.plan, plan)
    check_measured(ledger, [plan.steps[rank] for rank in changed])
    return _Question(
        ledger, recipe, Move(ledger.plan, plan, changed, touched_names(ledger.plan, plan))
    )


@contextmanager
def _moved(question: _Question) -> "Iterator[tuple[DuckDBPyConnection, pd.DataFrame]]":
    ledger = question.ledger
    with ledger.connect() as connection:
        outcomes = count_outcomes(connection)
        find_moves(connection, outcomes, question.move, ledger.reasons)
        yield connection, placed(outcomes, ledger.plan, ledger.reasons)


def _before(outcomes: pd.DataFrame) -> Totals:
    passing = outcomes[[passed_rules(block) for block in outcomes["block"]]]
    kept = outcomes[outcomes["status"] == "kept"]
    return Totals(*(Effect(*map(counted, _sums(rows))) for rows in (passing, kept)))


def _sums(rows: pd.DataFrame) -> tuple[int, int]:
    return int(rows["pages"].sum()), int(rows["tokens"].sum())


def _lost(connection: "DuckDBPyConnection", plan: Plan) -> pd.DataFrame:
    """Return what is lost by the rule that would drop it, in the order of the recipe."""
    frame = connection.execute(
        "SELECT own // 2 AS rank, count(*) AS pages,"
        " coalesce(sum(token_count), 0)::BIGINT AS tokens"
        f" FROM moved WHERE {LOST} GROUP BY ALL ORDER BY rank"
    ).df()
    names = [plan.steps[rank].rule.name for rank in frame["rank"]]
    return frame.assign(rule=names)[["rule", "pages", "tokens"]]


def _gained(connection: "DuckDBPyConnection") -> tuple[pd.DataFrame, Effect]:
    """Return what would pass every rule, by the rule that had dropped it.

    Also how much of it, in all, has deduplication before it.
    """
    frame = connection.execute(
        f"SELECT coalesce(rule, '') AS rule, {_FINAL} AS final,"
        f" {PASSES} AS passes, {UNSURE} AS unsure, {SEEN} AS seen, count(*) AS pages,"
        " coalesce(sum(token_count), 0)::BIGINT AS tokens,"
        " coalesce(sum(token_count::DOUBLE * token_count), 0) AS squares"
        " FROM moved WHERE touched AND own IS NULL GROUP BY ALL"
    ).df()
    rows = []
    for rule, group in frame.groupby("rule", sort=True):
        pages, tokens = _passing(group)
        rows.append({"rule": rule, **_flat("pages", pages), **_flat("tokens", tokens)})
    to_dedup = Effect(*_passing(frame[~frame["final"].astype(bool)]))
    named = ["rule", *_flat("pages", to_dedup.pages), *_flat("tokens", to_dedup.tokens)]
    return pd.DataFrame(rows, columns=named), to_dedup


def _passing(group: pd.DataFrame) -> tuple[Estimate, Estimate]:
    unsure, seen = group[group["unsure"]], group[group["seen"]]
    passing = group[group["passes"]]
    have, lack = seen[seen["passes"]], seen[~seen["passes"]]
    sample = Sample(
        int(seen["pages"].sum()), int(have["pages"].sum()),
        float(seen["tokens"].sum()), float(have["tokens"].sum()),
        float(have["squares"].sum()), float(lack["squares"].sum()),
    )  # fmt: skip
    others, tokens = _sums(unsure)
    counted_pages, counted_tokens = _sums(passing)
    return (
        counted(counted_pages) + pages_beyond(sample, others),
        counted(counted_tokens) + tokens_beyond(sample, others, tokens),
    )


def _flat(name: str, figure: Estimate) -> dict[str, float]:
    return {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}


def _after(
    connection: "DuckDBPyConnection",
    before: Totals,
    gained: Effect,
    turn: Turn,
    *,
    deduplicates: bool,
) -> Totals:
    """Return the totals; `gained` are the pages that have deduplication before them."""
    leaving = count(connection, f"moved WHERE {LEAVES}")
    lost = count(connection, f"moved WHERE {LOST}")
    stays = count(connection, f"moved WHERE {_FINAL} AND {PASSES}")
    passing = _plus(_more(_less(before.passing, leaving), stays), gained)
    kept = _more(_less(before.kept, lost), stays)
    if not deduplicates:
        return Totals(passing, _plus(kept, gained))
    share = before.kept.pages.value / max(before.passing.pages.value, 1)
    return Totals(passing, within(kept, gained, share, turn))


def _less(figure: Effect, less: tuple[int, int]) -> Effect:
    return _more(figure, (-less[0], -less[1]))


def _more(figure: Effect, more: tuple[int, int]) -> Effect:
    return _plus(figure, Effect(*map(counted, more)))


def _plus(figure: Effect, more: Effect) -> Effect:
    return Effect(figure.pages + more.pages, figure.tokens + more.tokens)


def _notes(connection: "DuckDBPyConnection", turn: Turn, *, deduplicates: bool) -> Iterator[str]:
    unsure, _ = count(connection, f"moved WHERE {UNSURE}")
    if unsure:
        audited, _ = count(connection, f"moved WHERE {SEEN}")
        known = "give the estimates" if audited else "are known: only bounds can be given"
        yield (
            f"{unsure:,} page(s) had left before later rules were measured; {audited:,} audited "
            f"page(s) like them {known}."
        )
    gained, _ = count(connection, f"moved WHERE {PASSES} OR {UNSURE}")
    if gained:
        yield (
            "Tokens of pages gained are those of the text that was judged; later edits may take "
            "some of it."
        )
    to_dedup, _ = count(connection, f"moved WHERE ({PASSES} OR {UNSURE}) AND NOT {_FINAL}")
    if deduplicates and (to_dedup or turn.is_open):
        yield (
            "Deduplication has to run again to say which of the pages gained repeat others, and "
            "which repeats come back: 'kept' is given within what it can do."
        )


def _of_tokenizer(ledger: Ledger, *, moved: bool) -> Iterator[str]:
    tokenizer = ledger.recipe.map.get("tokenizer")
    if moved and tokenizer is not None and "train" in tokenizer.map:
        yield (
            "The run trains its tokenizer on the pages that are kept: with others it will count "
            "a little otherwise. Tokens here are those of the tokenizer that it has."
        )
