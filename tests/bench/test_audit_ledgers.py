"""A made ledger is one that a run could have written."""

from pathlib import Path

import pyarrow.parquet as pq

from pipelines.audit import Audit
from pipelines.audit.steps import COLUMNS, FIRST_BLOCK
from tests.bench.audit.generate import generate

ROWS = 4_000


def test_pages_of_a_made_ledger_are_decided_by_its_rules(demo_run: Path, tmp_path: Path):
    root = tmp_path / "made"
    generate(demo_run, root, ROWS)
    audit = Audit(root)
    rules = audit.rules()
    assert rules["reached_pages"].max() == ROWS
    plan = audit.ledger.plan
    rows = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    for row in rows:
        if row["stage"] not in ("url", "language", "quality"):
            continue
        answers = [
            step.rule.fires({name: row[COLUMNS.get(name, name)] for name in step.rule.reads})
            for step in plan.steps
        ]
        assert plan.names()[answers.index(True)] == row["rule"]
    plain = [row for row in rows if row["stage"] == "language" and not row["audited"]]
    late = [step for step in plan.steps if step.block >= FIRST_BLOCK]
    assert plain
    assert all(row[name] is None for row in plain for step in late for name in step.columns)
    looser = audit.whatif(set={"gopher_short_doc": 30}).after.passing.pages
    assert looser.low < looser.high
    assert looser.value > audit.whatif(set={"gopher_short_doc": 80}).after.passing.pages.value
