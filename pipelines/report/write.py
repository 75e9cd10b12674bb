"""Writes a run's report: reads the ledger and the texts, puts the data into the page."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filters.errors import UsageError
from pipelines.audit.findings import findings
from pipelines.audit.impact import Pages, impact
from pipelines.audit.ledger import Ledger, open_ledger
from pipelines.audit.outcomes import count_outcomes, placed, register
from pipelines.audit.steps import Plan
from pipelines.files import write_whole
from pipelines.manifest import read_manifest
from pipelines.report.columns import MISSING, sample_columns
from pipelines.report.examples import as_examples, draw_pages, read_texts
from pipelines.report.facts import read_breakdown, read_totals, rule_places, run_facts
from pipelines.report.languages import count_by_language, read_languages
from pipelines.report.overlap import read_overlap
from pipelines.report.page import assemble
from pipelines.report.sample import panel_sample
from pipelines.report.shapes import read_scales, read_shapes
from pipelines.terminal import harmless

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

DEFAULT_SAMPLE = 5_000
"""Pages under the sliders."""
MOST_SAMPLE = 30_000
"""More of them would make a file that no browser opens in a second."""
_URL = 160


def write_report(
    root: Path,
    out: Path | None = None,
    sample: int = DEFAULT_SAMPLE,
    language: str | None = None,
) -> Path:
    """Write the report of a run and return its path: `out`, or `report.html` in the run.

    `sample` is how many pages lie under the sliders. With a `language` it is of the pages in that
    one, `report-LABEL.html`, and sliders have its thresholds. UsageError where no run is, and for
    more than `MOST_SAMPLE` pages.
    """
    if not 1 <= sample <= MOST_SAMPLE:
        raise UsageError(
            f"report: a sample of {sample:,} pages.\n"
            f"  From 1 to {MOST_SAMPLE:,} fit into a file that opens at once."
        )
    ledger = open_ledger(root)
    if language is not None:
        ledger = ledger.of_language(language)
    name = "report.html" if language is None else f"report-{ledger.language}.html"
    path = out or root / name
    write_whole(path, assemble(read_data(ledger, sample)))
    return path


def read_data(ledger: Ledger, sample: int) -> dict[str, Any]:
    """Return everything that the report shows, as plain data."""
    data: dict[str, Any] = {"run": run_facts(ledger, read_manifest(ledger.root))}
    data["rules"] = rule_places(ledger)
    with ledger.connect() as connection:
        data["totals"] = read_totals(connection)
        data |= read_breakdown(connection)
        counted = count_by_language(connection, ledger)
        data["languages"] = read_languages(connection, ledger, counted)
        data |= _audited(connection, ledger, counted)
        scales = read_scales(connection, ledger.plan.steps)
        data["shapes"] = read_shapes(connection, ledger, scales)
        pages = panel_sample(connection, ledger, sample)
        drawn, files = draw_pages(connection, ledger)
    data["stops"] = {rank: list(scale.stops) for rank, scale in scales.items()}
    every, places = _with_examples(pages, drawn)
    data["sample"] = sample_columns(ledger, every)
    data["sample"]["drawn"] = len(pages)
    data["sample"]["urls"] = [harmless((url or "")[:_URL]) for url in every["url"]]
    data["examples"] = as_examples(ledger, drawn, places, read_texts(ledger.root, files, drawn))
    return data


def _audited(
    connection: "DuckDBPyConnection", ledger: Ledger, counted: "pd.DataFrame"
) -> dict[str, Any]:
    """Return what the audit says: the rules' effects, their overlap, and what stands out."""
    found = Pages(ledger, counted)
    register(connection, placed(count_outcomes(connection), ledger.plan, ledger.reasons))
    return {
        "impact": _brief(impact(found), ledger.plan),
        "overlap": read_overlap(found),
        "findings": [asdict(finding) for finding in findings(connection, found)],
    }


def _brief(rows: list[dict[str, Any]], plan: Plan) -> list[dict[str, Any]]:
    """Return rows of the audit with rules of many languages told in a line."""
    told = {str(step.rule): step.rule.brief for step in plan.steps}
    return [{**row, "expression": told.get(row["expression"])} for row in rows]


def _with_examples(
    pages: "pd.DataFrame", drawn: "pd.DataFrame"
) -> tuple["pd.DataFrame", list[int]]:
    """Return the sample with those examples that are not in it, and where each example is."""
    import pandas as pd

    keys = zip(pages["file_path"], pages["record"], strict=True)
    place = {key: at for at, key in enumerate(keys)}
    wanted = list(zip(drawn["file_path"], drawn["record"], strict=True))
    new = [key not in place for key in wanted]
    room = MISSING - len(pages)
    added = drawn[new].head(room)
    for key in zip(added["file_path"], added["record"], strict=True):
        place[key] = len(place)
    every = pd.concat([pages, added[pages.columns]], ignore_index=True) if len(added) else pages
    return every, [place[key] for key in wanted]
