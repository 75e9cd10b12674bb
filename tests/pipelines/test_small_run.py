"""What a finished run says of its pages: audits, texts that are kept, what is published."""

import pyarrow.parquet as pq
import pytest

from tests.pipelines.small_run import RECIPE, Finished, do_run, edited


def test_the_small_crawl_has_something_of_everything(base):
    rows = list(base.ledger().values())
    found = {(row["status"], row["stage"], row["rule"]) for row in rows}
    assert {
        ("kept", None, None),
        ("dropped", "url", "blocked"),
        ("dropped", "extract", "empty"),
        ("dropped", "language", "not_english"),
        ("dropped", "quality", "short"),
        ("dropped", "quality", "very_short"),
        ("dropped", "quality", "curly_bracket"),
        ("dropped", "dedup", "same_record"),
        ("dropped", "dedup", "minhash"),
    } <= found
    assert sum(row["pii.emails"] or 0 for row in rows) > 0
    assert {row["audited"] for row in rows} == {True, False}


def test_audited_pages_are_measured_the_whole_way(base):
    rows = base.ledger().values()
    signals = [name for name in next(iter(rows)) if name.startswith(("text.", "c4_lines."))]
    assert all(row["url.block_reason"] for row in rows if row["url"])
    with_text = [row for row in rows if row["stage"] not in ("extract", "read")]
    audited = [row for row in with_text if row["audited"]]
    others = [row for row in with_text if not row["audited"]]
    assert {row["stage"] for row in audited} >= {None, "url", "language", "quality", "dedup"}
    assert all(row[name] is not None for row in audited for name in signals)

    measured = {row["stage"]: {n for n in signals if row[n] is not None} for row in others}
    assert measured["url"] == measured["language"] == set()
    early = [row for row in others if row["rule"] in ("short", "very_short", "alpha")]
    assert early
    for row in early:
        assert {name for name in signals if row[name] is not None} == {
            name for name in signals if name.startswith("text.")
        }


def test_an_audited_page_that_is_dropped_is_not_published(base):
    rows = base.ledger().values()
    dropped = {row["id"] for row in rows if row["audited"] and row["status"] == "dropped"}
    kept = sorted(row["id"] for row in rows if row["status"] == "kept")
    dataset = pq.read_table(base.root / "dataset/data", partitioning=None)["id"].to_pylist()
    assert dropped - set(kept)
    assert sorted(dataset) == kept


@pytest.mark.parametrize("keep_text", ["all", "gated", "kept"])
def test_texts_are_kept_as_the_recipe_says(keep_text, small_crawl, base, tmp_path):
    finished = base
    if keep_text != "gated":
        finished = Finished(tmp_path / "run")
        recipe = edited(RECIPE, "keep_text: gated", f"keep_text: {keep_text}")
        do_run(recipe, small_crawl, finished.root)
    ledger = finished.ledger()
    textless = ("url", "extract", "read")
    wanted = {
        "all": lambda row: row["stage"] not in textless or row["token_count"] is not None,
        "gated": lambda row: (
            row["stage"] in (None, "quality", "dedup")
            or (row["audited"] and row["token_count"] is not None)
        ),
        "kept": lambda row: row["status"] == "kept",
    }[keep_text]
    assert finished.documents() == {key for key, row in ledger.items() if wanted(row)}
