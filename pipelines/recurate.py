"""Curate a file again from its stored text, when a recipe changes after the gates.

A changed threshold or edit re-measures from the extracted text, never from the
crawl (design section 2). Rows whose page never reached the rules are taken over
as they are.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

from filters.catalog import GATE_SIGNALS
from filters.imported import family_of
from filters.judge import Decision, Judgement
from pipelines.cascade import COLUMNS
from pipelines.curator import Curated, Curator
from pipelines.ledger import LEDGER_FIELDS
from pipelines.recipe.rule_stages import EARLY_STAGES
from pipelines.sandbox.wire import Again
from pipelines.storage import Attempt, Commit, CommitLog
from pipelines.tables import read_rows


def can_recurate(attempt: Attempt, extraction: str) -> bool:
    """Return whether the stale commit's files hold all that a new judgement needs.

    Its extraction must be the same, and its documents must cover what reached the
    rules, which `keep_text: kept` does not.
    """
    stale = attempt.previous
    return (
        stale is not None
        and stale.facts.get("extraction") == extraction
        and stale.facts.get("covers_rules", False)
        and CommitLog(attempt.root).is_whole(stale)
    )


def recurate(attempt: Attempt, curator: Curator, others: Counter[str]) -> Iterator[Curated | Again]:
    """Yield every page of the file in order, to be judged again where its text got that far."""
    stale = attempt.previous
    assert stale is not None  # noqa: S101  `can_recurate` has said so
    others.update(stale.facts["other_records"])
    documents = _texts(attempt, stale, "documents")
    judged = _texts(attempt, stale, "stages/curate/judged")
    names = taken_over(curator)
    for old in read_rows(attempt.root / stale.file("stages/curate/ledger").path):
        text = documents.get(old["record"])
        row = {name: old[name] for name in names}
        curator.clock.lap("read")
        if text is None:
            yield _taken_over(row, judged.get(old["record"]))
        else:
            yield to_judge(row, text)


def taken_over(curator: Curator) -> tuple[str, ...]:
    """Return the columns of the ledger that are known before a text is judged."""
    gates = {*GATE_SIGNALS, *(column.name for column in COLUMNS)}
    names = (column.name for column in curator.columns)
    measured = (name for name in names if name in gates or family_of(name))
    return (*(field.name for field in LEDGER_FIELDS), *measured)


def _texts(attempt: Attempt, stale: Commit, folder: str) -> dict[int, str]:
    paths = [attempt.root / item.path for item in stale.files if item.path.startswith(folder)]
    rows = chain.from_iterable(read_rows(path, ["record", "text"]) for path in paths)
    return {row["record"]: row["text"] for row in rows}


def _decision(row: dict[str, Any]) -> Decision | None:
    if row["status"] == "kept":
        return None
    return Decision(row["status"], row["stage"], row["rule"])


def _taken_over(row: dict[str, Any], judged: str | None) -> Curated:
    judgement = Judgement(_decision(row), judged, {}) if judged is not None else None
    return Curated(row, None, judgement)


def to_judge(row: dict[str, Any], text: str) -> Again:
    """Return a page's row as it was before its text was judged, with that text."""
    decision = _decision(row) if row["stage"] in EARLY_STAGES else None
    open_row = {**row, "status": "kept", "stage": None, "rule": None, "token_count": None}
    return Again(open_row, text, decision)
