"""Blocks of datatrove as steps of a run: in the ledger and every view of it, and changed."""

import json
from collections import Counter

import pytest

from filters.errors import WorkError
from pipelines.audit import Audit
from pipelines.card import write_card
from pipelines.curator import Curator
from pipelines.manifest import load_manifest
from pipelines.recipe import blocks, load_recipe
from pipelines.storage import CommitLog
from pipelines.totals import funnel
from tests.command import succeed
from tests.pipelines.small_run import Finished, differing, do_run, edited, published

OWN = "tests.pipelines.own_blocks"
RECIPE = f"""\
recipe: blocks
stages:
- gate: {{not_english: language.code != "en"}}
- drop: {{top_2_gram: top_2gram_chars / chars > 0.20}}
- datatrove: {{GopherQualityFilter: {{min_doc_words: 60}}}}
- datatrove: {{C4QualityFilter: {{filter_no_terminal_punct: false}}}}
- drop: {{few: C4QualityFilter.words < 70}}
- datatrove: {{{OWN}.Raising: {{word: famous window}}}}
- dedup: {{minhash: {{}}}}
- datatrove: {{PIIFormatter: {{}}}}
tokenizer: {{train: {{vocab_size: 400}}}}
audit_fraction: 0.3
max_failed_pages: 1
"""
BY_SIZE = "GopherQualityFilter: {min_doc_words: 60}"


@pytest.fixture(scope="module")
def finished(small_crawl, tmp_path_factory) -> Finished:
    root = tmp_path_factory.mktemp("blocks") / "run"
    do_run(RECIPE, small_crawl, root)
    return Finished(root)


def test_every_page_is_there_once_with_the_blocks_reason_as_the_rule(finished):
    rows = finished.ledger().values()
    manifest = load_manifest(finished.root)
    assert len(rows) == manifest["pages"] == sum(row["pages"] for row in manifest["funnel"])
    rules = Counter((row["status"], row["rule"]) for row in rows if row["stage"] == "quality")
    assert rules["dropped", "gopher_short_doc"] > 1
    assert rules["dropped", "too_few_sentences"] > 0
    assert rules["failed", "error:Raising:KeyError"] > 1


def test_the_funnel_has_reasons_where_their_block_stands(finished):
    found = load_manifest(finished.root)["funnel"]
    told = [row.get("block", row["rule"]) for row in found if row["stage"] == "quality"]
    order = ["top_2_gram", "GopherQualityFilter", "C4QualityFilter", "few", "Raising"]
    assert list(dict.fromkeys(told)) == order


def test_commands_and_card_show_what_blocks_removed(finished):
    shown = succeed("funnel", finished.root)
    assert "GopherQualityFilter:\n" in "\n".join(line.rstrip() for line in shown.split("\n")) + "\n"
    assert "gopher_short_doc" in shown
    page = succeed("show", finished.root, "--rule", "gopher_short_doc", "-n", "1")
    assert "dropped by quality: gopher_short_doc" in page
    assert "page(s) failed at quality: error:Raising:KeyError" in succeed("status", finished.root)
    card = (finished.root / "dataset/README.md").read_text()
    assert "| quality | GopherQualityFilter: `gopher_short_doc` |" in card


def test_personal_data_is_replaced_as_datatrove_does(finished):
    published_text = "".join(
        row["text"] for row in _rows(finished.root / "dataset/data") if "reader" not in row["text"]
    )
    assert "somebody@example.net" not in published_text
    assert "email@example.com" in published_text


def _rows(folder):
    import pyarrow.parquet as pq

    return pq.read_table(folder, partitioning=None).to_pylist()


def test_another_argument_judges_stored_text_again_and_ends_like_a_fresh_run(
    finished, small_crawl, garbage, tmp_path
):
    changed = edited(RECIPE, BY_SIZE, "GopherQualityFilter: {min_doc_words: 110}")
    root = finished.copy(tmp_path / "changed")
    do_run(changed, garbage, root)
    do_run(changed, small_crawl, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    curated = CommitLog(root).commits("curate").values()
    assert {commit.facts["read"] for commit in curated} == {"documents"}
    assert differing(published(root), published(finished.root)) != []


def test_what_a_random_block_does_depends_on_the_file_alone(small_crawl, tmp_path):
    """A block's state begins anew with each file, whatever the worker did before."""
    recipe = edited(RECIPE, BY_SIZE, "SamplerFilter: {rate: 0.5, seed: 7}")
    do_run(recipe, small_crawl, tmp_path / "both")
    do_run(recipe, small_crawl / "b.warc.gz", tmp_path / "one")
    both, one = (Finished(tmp_path / name).ledger() for name in ("both", "one"))
    rules = {key[1]: row["rule"] for key, row in both.items() if key[0] == "b.warc.gz"}
    assert rules == {key[1]: row["rule"] for key, row in one.items()}
    assert 3 < sum(rule == "sampler_filter" for rule in rules.values()) < len(rules) - 3


def test_a_formatter_that_raises_after_dedup_fails_the_page(small_crawl, tmp_path):
    recipe = edited(RECIPE, "PIIFormatter: {}", f"{OWN}.RaisingFormatter: {{word: gentle city}}")
    outcome = do_run(recipe, small_crawl / "b.warc.gz", tmp_path / "run")
    failed = [
        row
        for row in Finished(tmp_path / "run").ledger().values()
        if row["rule"] == "error:RaisingFormatter:KeyError"
    ]
    assert {(row["status"], row["stage"]) for row in failed} == {("failed", "quality")}
    assert outcome.manifest["rows"] > 0
    assert all("gentle city" not in row["text"] for row in _rows(tmp_path / "run/dataset/data"))
    assert "error:RaisingFormatter:KeyError" in succeed("status", tmp_path / "run", "--json")

    strict = edited(recipe, "max_failed_pages: 1", "max_failed_pages: 0.6")
    do_run(strict, small_crawl / "b.warc.gz", tmp_path / "run")
    strict = edited(recipe, "max_failed_pages: 1", "max_failed_pages: 0.01")
    with pytest.raises(WorkError, match="more than max_failed_pages"):
        do_run(strict, small_crawl / "b.warc.gz", tmp_path / "run")


def test_other_code_behind_a_name_is_another_recipe(tmp_path, monkeypatch):
    written = edited(RECIPE, f"{OWN}.Raising: {{word: famous window}}", f"{OWN}.Batched: {{}}")
    written = edited(written, "- dedup", "- drop: {a: Batched.words < 1, b: words < 1}\n- dedup")
    (tmp_path / "r.yaml").write_text(written)

    def made() -> tuple[str, dict[str, bytes]]:
        recipe = load_recipe(str(tmp_path / "r.yaml"))
        schema = Curator(recipe).schema
        return recipe.digest, {field.name: str(field.metadata) for field in schema}

    digest, columns = made()
    assert made() == (digest, columns)
    monkeypatch.setattr(blocks, "source_of", lambda block: f"changed {block.__name__}")
    other, changed = made()
    assert other != digest
    assert changed["Batched.words"] != columns["Batched.words"]
    assert changed["text.words"] == columns["text.words"]


def test_a_recipe_with_blocks_survives_writing_and_loading(tmp_path):
    (tmp_path / "r.yaml").write_text(
        edited(RECIPE, BY_SIZE, "FineWebQualityFilter: {stop_chars: ['.', '!']}")
    )
    recipe = load_recipe(str(tmp_path / "r.yaml"), ["C4QualityFilter.min_num_sentences=3"])
    (tmp_path / "again.yaml").write_text(recipe.to_yaml())
    assert load_recipe(str(tmp_path / "again.yaml")) == recipe
    arguments = {
        block.revision: block.arguments for block in recipe.blocks if hasattr(block, "arguments")
    }
    assert arguments["FineWebQualityFilter"] == {"stop_chars": (".", "!")}  # as endswith needs
    assert arguments["C4QualityFilter"]["min_num_sentences"] == 3


def test_a_reason_with_the_name_of_a_rule_is_counted_with_it(finished, tmp_path):
    """Then the ledger cannot tell them apart, and the funnel does not pretend to."""
    (tmp_path / "r.yaml").write_text(edited(RECIPE, "few:", "gopher_short_doc:"))
    log = CommitLog(finished.root)
    settled, curated = (log.commits(stage).values() for stage in ("settle", "curate"))
    found = funnel(load_recipe(str(tmp_path / "r.yaml")), settled, curated)
    rows = [row for row in found if row["rule"] == "gopher_short_doc"]
    assert [("block" in row, row["pages"] > 0) for row in rows] == [(False, True)]


def test_reasons_in_the_card_stay_within_their_cell(finished, tmp_path):
    manifest = json.loads((finished.root / "manifest.json").read_text())
    row = {"status": "dropped", "stage": "quality", "rule": "a|b`c", "pages": 1, "tokens": 0}
    manifest["funnel"] = [{**row, "block": "Own"}]
    (tmp_path / "dataset").mkdir()
    (tmp_path / "r.yaml").write_text(RECIPE)
    path = write_card(tmp_path, load_recipe(str(tmp_path / "r.yaml")), manifest, [])
    assert r"| quality | Own: `a\|b'c` | 1 |" in path.read_text()


def test_what_a_block_would_say_of_a_page_that_left_before_is_unknown(finished):
    audit = Audit(finished.root)
    moved = audit.moved_pages(set={"top_2_gram": 1.0})
    assert set(moved["new_status"]) == {"unknown"}
    pages = audit.whatif(set={"top_2_gram": 1.0}).after.passing.pages
    assert pages.high - pages.low == len(moved)
    assert not pages.informed
    rules = audit.rules().set_index("rule")
    assert rules.loc["top_2_gram", "only_pages_low"] == 0
    assert rules.loc["top_2_gram", "only_pages_high"] > 0
