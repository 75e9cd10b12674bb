"""The audit's figures as a person reads them on a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text as Styled

from pipelines.audit.estimate import Estimate
from pipelines.audit.impact import Effect
from pipelines.audit.sweep import Sweep
from pipelines.audit.tune import Tuned
from pipelines.audit.whatif import WhatIf
from pipelines.terminal import harmless

_MOST_GROUPS = 8
_BAR = 30
_KINDS = {
    "idle": "never fire",
    "covered": "are covered by another rule",
    "redundant": "remove nothing that others would not",
    "one_domain": "remove mostly one domain",
    "steep": "have a threshold on a steep part of the distribution",
}


def rules_table(rows: Sequence[Mapping[str, Any]], title: str = "") -> Table:
    """Return the audit as a table; `~` marks what is estimated, with its 95 % interval."""
    names = ("stage", "rule", "reached", "removed first", "", "tokens", "alone", "only this one")
    table = _table(names, left=2, title=title)
    for row in rows:
        cells = [
            row["stage"],
            row["rule"],
            f"{row['reached_pages']:,}",
            f"{row['removed_pages'] + row['failed_pages']:,}",
            f"{row['removed_share']:.1%}" if row["removed_pages"] else "",
            f"{row['removed_tokens']:,}" if row["removed_tokens"] else "",
            _figure(row, "alone_pages"),
            _figure(row, "only_pages"),
        ]
        style = "red" if row["failed_pages"] else ("" if row["removed_pages"] else "dim")
        table.add_row(*(Styled(harmless(str(cell))) for cell in cells), style=style)
    return table


def _table(names: Sequence[str], *, left: int = 1, title: str = "") -> Table:
    table = Table(
        title=Styled(harmless(title)) if title else None,
        title_justify="left", box=None, pad_edge=False,
    )  # fmt: skip
    for at, name in enumerate(names):
        table.add_column(name, justify="left" if at < left else "right", no_wrap=at > 0)
    return table


def _figure(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if value is None or pd.isna(value):
        return ""
    return shown(Estimate(value, row[f"{name}_low"], row[f"{name}_high"]))


def shown(figure: Estimate) -> str:
    """Return a figure: counted as it is, estimated as `~value (low to high)`."""
    if figure.exact:
        return f"{figure.value:,.0f}"
    bounds = f"{figure.low:,.0f} to {figure.high:,.0f}"
    return f"~{figure.value:,.0f} ({bounds})" if figure.informed else bounds


AUDIT_LEGEND = (
    "reached: pages that came to the rule. removed first: it was the first to fire. alone: what "
    "it would remove of the pages past the gates if it were the only rule. only this one: what no "
    "other rule would remove. ~ estimated from audited pages, 95 % interval; else counted."
)  # fmt: skip


def findings_lines(found: pd.DataFrame) -> Iterator[RenderableType]:
    """Yield what stands out, a heading a kind."""
    for kind, heading in _KINDS.items():
        of_kind = found[found["kind"] == kind]
        if of_kind.empty:
            continue
        yield Styled(f"Rules that {heading}:", "bold")
        if kind == "idle":
            yield Styled(harmless("  " + ", ".join(of_kind["rule"])))
            continue
        for row in of_kind.itertuples():
            yield Styled(harmless(f"  {row.rule}: {row.says}"))


def grouped_tables(frame: pd.DataFrame, by: str) -> Iterator[RenderableType]:
    """Yield a table for each of the largest groups, with the rules that removed something."""
    groups = list(dict.fromkeys(frame[by]))
    for group in groups[:_MOST_GROUPS]:
        rows = frame[(frame[by] == group)].to_dict("records")
        pages = max(row["reached_pages"] for row in rows)
        active = [row for row in rows if row["removed_pages"] or row["failed_pages"]]
        yield rules_table(active, f"{by} {group or '(none)'}: {pages:,} pages")
        yield ""
    if len(groups) > _MOST_GROUPS:
        yield f"{len(groups) - _MOST_GROUPS} more group(s): --json has them all."


def whatif_parts(found: WhatIf) -> Iterator[RenderableType]:
    """Yield what a change would do."""
    table = _table(("", "before", "after", "change"))
    for name, before, after in (
        ("pages past every rule", found.before.passing, found.after.passing),
        ("pages kept", found.before.kept, found.after.kept),
    ):
        _add_effect(table, name, before, after)
    yield table
    yield ""
    if not found.lost.empty:
        yield Styled("Lost, by the rule that would drop them:", "bold")
        yield _sides(found.lost)
        yield ""
    if not found.gained.empty:
        yield Styled("Gained, by the rule that drops them now:", "bold")
        yield _sides(found.gained)
        yield ""
    for name, frame in (("language", found.languages), ("domain", found.domains)):
        if not frame.empty:
            yield _shift(name, frame)
            yield ""
    yield from _examples("Lost, for example:", found.lost_examples)
    yield from _examples("Gained, for example:", found.gained_examples)
    for note in found.notes:
        yield Styled(harmless(note))
    for note in found.open:
        yield Styled(harmless(note), "yellow")


def _add_effect(table: Table, name: str, before: Effect, after: Effect) -> None:
    for unit, then, now in (
        (name, before.pages, after.pages),
        ("  their tokens", before.tokens, after.tokens),
    ):
        change = now.value - then.value
        cells = (unit, shown(then), shown(now), f"{change:+,.0f}" if now.informed else "")
        table.add_row(*map(Styled, cells))


def _sides(frame: pd.DataFrame) -> Table:
    table = _table(("rule", "pages", "tokens"))
    for row in frame.to_dict("records"):
        cells = [row["rule"], _either(row, "pages"), _either(row, "tokens")]
        table.add_row(*(Styled(harmless(cell)) for cell in cells))
    return table


def _either(row: Mapping[str, Any], name: str) -> str:
    if f"{name}_low" in row:
        return _figure(row, name)
    return f"{row[name]:,}"


def _shift(name: str, frame: pd.DataFrame) -> Table:
    columns = (name, "pages lost", "tokens lost", "pages gained", "tokens gained")
    table = _table(columns)
    for row in frame.head(_MOST_GROUPS).itertuples(index=False):
        label = getattr(row, name) or "(none)"
        numbers = (row.lost_pages, row.lost_tokens, row.gained_pages, row.gained_tokens)
        table.add_row(*(Styled(harmless(cell)) for cell in (label, *(f"{n:,}" for n in numbers))))
    return table


def _examples(title: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    if not rows:
        return
    yield Styled(title, "bold")
    for row in rows:
        value = row["value"]
        number = f"{value:.4g}" if isinstance(value, float) else str(value)
        why = (
            f"{row['rule']}: {row['expression']} (it is {number})"
            if row["expression"]
            else row["rule"]
        )
        yield Styled(harmless(f"  {row['url'] or row['id']}  {why}"))
    yield ""


def sweep_parts(found: Sweep) -> Iterator[RenderableType]:
    """Yield a rule's curve as a table with bars."""
    names = ("threshold", "pages", "tokens", "of them estimated", "", "used by")
    table = _table(names, left=0, title=f"{found.rule}")
    table.columns[4].justify = table.columns[5].justify = "left"
    most = max(float(found.curve["pages"].max()), 1.0) if len(found.curve) else 1.0
    for row in found.curve.itertuples(index=False):
        users = [mark.who for mark in found.marks if mark.threshold == row.threshold]
        bar = "█" * round(row.pages / most * _BAR)
        estimated = f"{row.estimated_pages:,.0f}" if row.estimated_pages else ""
        numbers = (f"{row.threshold:g}", f"{row.pages:,.0f}", f"{row.tokens:,.0f}", estimated)
        table.add_row(
            *map(Styled, (*numbers, bar, ", ".join(users))), style="bold" if users else ""
        )
    yield table
    yield ""
    for mark in found.marks:
        if mark.source:
            yield Styled(harmless(f"{mark.who}: {mark.source}"))
    yield from found.notes


def tune_parts(found: Tuned) -> Iterator[RenderableType]:
    """Yield thresholds as they are and as they would be."""
    table = _table(("rule", "now", "tuned", "removes alone"))
    for row in found.rules.itertuples(index=False):
        moved = row.before != row.after
        after = f"{row.after}" if moved else ""
        cells = (row.rule, f"{row.before}", after, f"{row.removes:.1%}")
        table.add_row(*(Styled(harmless(cell)) for cell in cells), style="bold" if moved else "dim")
    yield table
    yield ""
    yield (
        f"Of the pages past the gates, {found.kept_before:.1%} pass every rule now and "
        f"{found.kept_after:.1%} would, on a weighted sample of {found.pages:,} pages."
    )
    yield from found.notes
