"""What the audit says of each rule equals a recount page by page."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from filters.errors import UsageError
from filters.rule import Rule
from pipelines.audit import Audit
from pipelines.audit.steps import COLUMNS, Plan
from tests.pipelines.small_run import Finished

Row = Mapping[str, Any]


def rows_of(root: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    return rows


def fires(rule: Rule, row: Row) -> bool | None:
    named = {name: row[COLUMNS.get(name, name)] for name in rule.reads}
    return rule.fires(named)


def past_gates(row: Row) -> bool:
    return row["stage"] not in ("read", "url", "extract", "language")


def silent(plan: Plan, row: Row, but: str) -> bool:
    return all(fires(s.rule, row) is False for s in plan.steps if s.rule.name != but)


@pytest.fixture(scope="module")
def audit(demo_run: Path) -> Audit:
    return Audit(demo_run)


@pytest.fixture(scope="module")
def demo_rows(demo_run: Path) -> list[Row]:
    return rows_of(demo_run)


def test_every_figure_of_a_run_that_measured_everything_is_a_count(
    audit: Audit, demo_rows: list[Row]
):
    table = audit.rules()
    plan = audit.ledger.plan
    for told in table[table["expression"].notna()].to_dict("records"):
        step = plan.step(told["rule"])
        assert step is not None
        removed = [
            row for row in demo_rows if (row["stage"], row["rule"]) == (step.stage, told["rule"])
        ]
        assert told["removed_pages"] == len(removed)
        assert told["removed_tokens"] == sum(row["token_count"] or 0 for row in removed)
        concerned = [row for row in demo_rows if step.kind == "gate" or past_gates(row)]
        if step.stage == "language":
            concerned = [row for row in concerned if row["stage"] not in ("read", "url")]
        alone = [row for row in concerned if fires(step.rule, row)]
        assert told["alone_pages"] == told["alone_pages_low"] == len(alone), told["rule"]
        only = [row for row in removed if silent(plan, row, told["rule"])]
        assert told["only_pages"] == told["only_pages_high"] == len(only), told["rule"]
        assert told["only_tokens"] == sum(row["token_count"] for row in only)


def test_what_came_to_each_rule_is_what_earlier_ones_left(audit: Audit, demo_rows: list[Row]):
    left = len(demo_rows)
    for told in audit.rules().to_dict("records"):
        assert told["reached_pages"] == left, told["rule"]
        left -= told["removed_pages"] + told["failed_pages"]
    assert left == sum(row["status"] == "kept" for row in demo_rows)


def test_groups_add_up_to_the_whole(audit: Audit):
    whole = audit.rules().set_index(["stage", "rule"])["removed_pages"]
    for by in ("language", "domain", "dump"):
        table = audit.rules(by, top=5)  # type: ignore[arg-type]  # a literal
        assert table[by].nunique() <= 6
        summed = table.groupby(["stage", "rule"])["removed_pages"].sum()
        pd.testing.assert_series_equal(summed.sort_index(), whole.sort_index(), check_names=False)
    assert "en" in set(audit.rules("language")["language"])


def test_where_pages_had_left_before_the_truth_lies_within_the_interval(
    base: Finished, tmp_path: Path
):
    """The small run audits 30 % of its pages; one that audits all says what is true."""
    from tests.pipelines.small_run import RECIPE, do_run, edited

    root = base.copy(tmp_path / "run")
    everything = edited(RECIPE, "audit_fraction: 0.3", "audit_fraction: 1")
    crawl = Path(Audit(root).ledger.recipe.map["input"].items[0].plain())
    do_run(everything, crawl, root)
    estimated = Audit(base.root).rules().set_index(["stage", "rule"])
    true = Audit(root).rules().set_index(["stage", "rule"])
    guessed = 0
    for key, told in estimated[estimated["expression"].notna()].iterrows():
        for what in ("alone_pages", "only_pages"):
            low, high = told[f"{what}_low"], told[f"{what}_high"]
            assert low <= true.loc[key, what] <= high, (key, what)
            guessed += low < high
    assert guessed >= 3
    assert set(true["alone_pages_low"].dropna() == true["alone_pages_high"].dropna()) == {True}


def test_what_stands_out_holds_on_the_pages(audit: Audit, demo_rows: list[Row]):
    found = audit.findings()
    plan = audit.ledger.plan
    kinds = {kind: list(rows["rule"]) for kind, rows in found.groupby("kind")}
    rules = {step.rule.name: step.rule for step in plan.steps}
    assert "dup_para_frac" in kinds["idle"]
    for name in kinds["idle"]:
        assert not any(fires(rules[name], row) for row in demo_rows), name
    for name in kinds["redundant"]:
        where = (plan.step(name).stage, name)  # type: ignore[union-attr]
        removed = [row for row in demo_rows if (row["stage"], row["rule"]) == where]
        assert removed
        assert not any(silent(plan, row, name) for row in removed), name
    for told in found[found["kind"] == "covered"].to_dict("records"):
        other = told["says"].split("and ")[1].split(" on ")[0]
        assert all(fires(rules[other], row) for row in demo_rows if fires(rules[told["rule"]], row))


def test_overlap_counts_pages_on_which_both_fire(audit: Audit, demo_rows: list[Row]):
    table = audit.overlap().set_index(["one", "other"])
    rules = {step.rule.name: step.rule for step in audit.ledger.plan.steps}
    for one, other in (("top_2_gram", "top_3_gram"), ("gopher_short_doc", "too_few_sentences")):
        both = sum(bool(fires(rules[one], r) and fires(rules[other], r)) for r in demo_rows)
        assert table.loc[(one, other), "pages"] == both > 0


def test_a_sample_stands_for_all_pages_with_a_text(audit: Audit, demo_rows: list[Row]):
    texts = [row for row in demo_rows if row["stage"] not in ("read", "extract")]
    whole = audit.sample()
    assert len(whole) == len([row for row in texts if row["text.words"] is not None])
    assert whole["weight"].sum() == len(texts)  # pages without words stand with their stratum
    small = audit.sample(100)
    assert 60 <= len(small) <= 140
    assert small["weight"].sum() == pytest.approx(len(texts), rel=0.02)
    again = audit.sample(100)
    pd.testing.assert_frame_equal(small, again)


@pytest.fixture
def unfinished(base: Finished, tmp_path: Path) -> Path:
    root = base.copy(tmp_path / "run")
    (root / "manifest.json").unlink()
    shutil.rmtree(root / "commits/settle")
    (root / "commits/curate/b.warc.gz.json").unlink(missing_ok=True)
    return root


def test_a_run_that_has_not_finished_is_audited_as_far_as_it_is(unfinished: Path):
    commits = list((unfinished / "commits/curate").glob("*.json"))
    audit = Audit(unfinished)
    assert f"these are the {len(commits)} of" in audit.notes[0]
    assert audit.rules()["removed_pages"].sum() > 0
    assert audit.whatif(set={"short": 60}).after.kept.pages.exact


def test_a_ledger_without_its_columns_or_of_another_format_is_told_in_words(
    base: Finished, tmp_path: Path
):
    root = base.copy(tmp_path / "run")
    for path in (root / "ledger").glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.drop_columns(["cluster_size"]), path)
    with pytest.raises(UsageError, match="no column 'cluster_size'"):
        Audit(root)
    (root / "commits/format.json").write_text('{"format": 99, "version": "9.9"}')
    with pytest.raises(UsageError, match="another format"):
        Audit(root)
    with pytest.raises(UsageError, match="no run of cuvee"):
        Audit(tmp_path)
