"""What stands out in an audit: rules that do nothing, or too much at one place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.audit.cube import FIRES, UNKNOWN, constant_sql, fires_sql, value_sql
from pipelines.audit.impact import Pages, only
from pipelines.audit.outcomes import JOINED
from pipelines.audit.shifts import domain_of
from pipelines.audit.steps import Plan, Step
from pipelines.recipe.rule_stages import RULE_STAGES

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

_MOSTLY = 0.5
"""Share of a rule's removals from one domain that is said."""
_FEW = 20
"""A rule that removed fewer pages says nothing about domains or slopes."""
_STEP = 0.05
"""How far a threshold is moved, either way, to see whether it stands on a slope."""
_STEEP = 0.25
"""Share of its removals by which a rule changes then, from which on that is steep."""
_TOP_HOSTS = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stands out, in a sentence, with the rule that it is about."""

    kind: str
    rule: str
    says: str


def findings(connection: "DuckDBPyConnection", found: Pages) -> list[Finding]:
    """Return what stands out, by kind and in the order of the rules.

    Kinds: `idle` (never fires), `covered` (another rule fires wherever it does), `redundant`
    (others together do), `one_domain` (most of its removals), `steep` (its threshold stands where
    many pages are). `outcomes` must be registered (`outcomes.register`).
    """
    return [
        *_idle(found),
        *_covered(found),
        *_redundant(found),
        *_one_domain(connection, found.plan),
        *_steep(connection, found),
    ]


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _idle(found: Pages) -> Iterator[Finding]:
    for rank, step in enumerate(found.plan.steps):
        if not found.count(found.answers[:, rank] == FIRES):
            known = found.count(found.answers[:, rank] != UNKNOWN)
            yield Finding(
                "idle",
                step.rule.name,
                f"never fires, on none of {known:,} pages it was measured on",
            )


def _covered(found: Pages) -> Iterator[Finding]:
    """Yield rules whose every page some one other rule would remove too."""
    fires = found.answers == FIRES
    known = found.answers != UNKNOWN
    for rank, step in enumerate(found.plan.steps):
        here = fires[:, rank]
        pages = found.count(here)
        if not pages:
            continue
        for other, another in enumerate(found.plan.steps):
            both = here & known[:, other]
            if other == rank or step.kind != another.kind or found.count(both) != pages:
                continue
            if found.count(both & fires[:, other]) == pages:
                says = f"fires on {_pages(pages)}, and {another.rule.name} on every one of them"
                yield Finding("covered", step.rule.name, says)
                break


def _redundant(found: Pages) -> Iterator[Finding]:
    """Yield rules that remove something, but nothing that others would not."""
    for rank, step in enumerate(found.plan.steps):
        removed = found.count(found.at(rank) & found.dropped)
        effect = only(found, rank).pages
        if removed and effect.exact and effect.value == 0:
            says = f"removes {_pages(removed)}, each of which another rule would remove too"
            yield Finding("redundant", step.rule.name, says)


def _one_domain(connection: "DuckDBPyConnection", plan: Plan) -> Iterator[Finding]:
    frame = connection.execute(
        "WITH hosts AS (SELECT stage, rule, coalesce(host, '') AS host, count(*) AS pages"
        " FROM ledger WHERE status = 'dropped'"
        f" AND stage IN {RULE_STAGES}"
        " GROUP BY ALL)"
        " SELECT stage, rule, host, pages, sum(pages) OVER (PARTITION BY stage, rule) AS total"
        " FROM hosts QUALIFY row_number() OVER"
        f" (PARTITION BY stage, rule ORDER BY pages DESC, host) <= {_TOP_HOSTS}"
    ).df()
    frame["domain"] = [domain_of(host) for host in frame["host"]]
    sums = (
        frame.groupby(["stage", "rule", "domain"])[["pages"]]
        .sum()
        .join(frame.groupby(["stage", "rule"])["total"].first())
    )
    for step in plan.steps:
        key = (step.stage, step.rule.name)
        if key not in sums.index.droplevel("domain"):
            continue
        of_rule = sums.loc[key]
        domain, top = of_rule["pages"].idxmax(), of_rule.loc[of_rule["pages"].idxmax()]
        if top["total"] >= _FEW and top["pages"] >= _MOSTLY * top["total"]:
            share = f"{top['pages'] / top['total']:.0%} of its {int(top['total']):,} removals"
            yield Finding("one_domain", step.rule.name, f"{share} are of {domain}")


def _steep(connection: "DuckDBPyConnection", found: Pages) -> Iterator[Finding]:
    """Yield rules that would remove many more or fewer pages with a threshold 5 % elsewhere."""
    ranks = [r for r, s in enumerate(found.plan.steps) if _can_move(s)]
    if not ranks:
        return
    frame = _near_thresholds(connection, found.plan, ranks)
    for rank in ranks:
        near, removed = int(frame[f"near{rank}"].iloc[0]), int(frame[f"all{rank}"].iloc[0])
        rule = found.plan.steps[rank].rule
        if removed >= _FEW and near >= _STEEP * removed:
            says = (
                f"fires on {_pages(removed)}, and {near:,} lie within {_STEP:.0%} of its threshold "
                + ("in their language" if rule.others else f"{rule.constant:g}")
            )
            yield Finding("steep", rule.name, says)


def _can_move(step: Step) -> bool:
    constant = step.rule.constant
    return not isinstance(constant, str) and bool(constant) and step.rule.op not in ("==", "!=")


def _near_thresholds(
    connection: "DuckDBPyConnection", plan: Plan, ranks: list[int]
) -> "pd.DataFrame":
    """Count the pages that came to each rule near its threshold, and those it fires on."""
    columns = []
    for rank in ranks:
        step, value = plan.steps[rank], value_sql(plan.steps[rank].rule)
        middle = f"({constant_sql(step.rule)})::DOUBLE"
        came = f"o.block >= {step.block}"
        near = f"abs({value} - {middle}) <= abs({middle}) * {_STEP!r}::DOUBLE"
        columns.append(f"count(*) FILTER ({came} AND {near}) AS near{rank}")
        columns.append(f"count(*) FILTER ({came} AND {fires_sql(step.rule)}) AS all{rank}")
    return connection.execute(f"SELECT {', '.join(columns)} FROM {JOINED}").df()
