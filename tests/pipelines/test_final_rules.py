"""Rules after deduplication: they read what was measured before it, and decide on what it kept."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datatrove.data import Document

from pipelines.audit import Audit
from pipelines.audit.changes import Changes, changed_recipe, save_recipe
from pipelines.audit.diff import compare
from pipelines.audit.ledger import open_ledger
from pipelines.audit.whatif import moved_pages, whatif
from pipelines.compare.overlap import find_overlap
from pipelines.datatrove_block import RecipeFilter
from pipelines.dedup_check.documents import draw_documents
from pipelines.final_rules import FinalRules
from pipelines.manifest import read_manifest
from pipelines.page.view import Explainer
from pipelines.pages import Pages, Wanted
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.report.columns import WHOLE_WALK, exit_of
from pipelines.verify import Findings, replay, verify_run
from tests.pipelines.small_run import (
    LATE,
    Finished,
    differing,
    do_run,
    prose,
    published,
    stamps,
)
from tests.pipelines.units import Listener

FIRST, SECOND, THIRD = (f"<urn:uuid:{number:08d}>" for number in (0, 100, 101))
"""Three pages that are nearly the same; the first has 12 sentences, the others have 13."""
FOLLOWING = {"settle", "plan", "dataset", "tokens"}

Row = Mapping[str, Any]


def by_id(run: Finished) -> dict[str, Row]:
    return {row["id"]: row for row in run.ledger().values() if row["rule"] != "same_record"}


def outcome(row: Row) -> tuple[str, str | None, str | None]:
    return row["status"], row["stage"], row["rule"]


def run_again(root: Path, changes: Changes) -> dict[tuple[str, int], Row]:
    """Run the changed recipe on a run's folder; return its ledger."""
    recipe = root.parent / "changed.yaml"
    save_recipe(changed_recipe(open_ledger(root), changes), recipe)
    run(load_recipe(str(recipe)), root, RunOptions(engine="inline", limit=30), Listener())
    return Finished(root).ledger()


def test_a_cluster_leaves_with_the_page_that_stood_for_it(base: Finished, late: Finished):
    before, rows = by_id(base), by_id(late)
    assert outcome(before[FIRST]) == ("kept", None, None)
    assert outcome(rows[FIRST]) == ("dropped", "final", "few_sentences")
    for repeat in (SECOND, THIRD):
        assert outcome(rows[repeat]) == outcome(before[repeat]) == ("dropped", "dedup", "minhash")
        assert rows[repeat]["c4_lines.sentences"] == 13, "measured, though it was not asked"
    for name in ("cluster_id", "cluster_size", "text.lexical_words", "c4_lines.sentences"):
        assert rows[FIRST][name] == before[FIRST][name]
    data = pq.read_table(late.root / "dataset/data", partitioning=None).to_pylist()
    kept = {row["id"] for row in rows.values() if row["status"] == "kept"}
    assert {row["id"] for row in data} == kept
    assert not kept & {FIRST, SECOND, THIRD}
    assert all(rows[page]["c4_lines.sentences"] >= 13 for page in kept)
    assert len(kept) > 1
    for row in rows.values():  # each page that came to deduplication has what the rules read
        came = row["status"] == "kept" or row["stage"] in ("dedup", "final")
        assert came <= (row["c4_lines.alpha_words"] is not None)
        assert row["stage"] != "final" or row["token_count"] > 0


def test_the_figures_of_a_run_agree(base: Finished, late: Finished):
    rows = late.ledger().values()
    final = [row for row in rows if row["stage"] == "final"]
    manifest = read_manifest(late.root)
    assert manifest is not None
    ours = [row for row in manifest["funnel"] if row["stage"] == "final"]
    assert [row["rule"] for row in ours] == ["few_sentences", "numbers"]
    assert manifest["funnel"][-3:-1] == ours, "behind deduplication, before what is kept"
    assert sum(row["pages"] for row in ours) == len(final)
    assert manifest["dedup"] == read_manifest(base.root)["dedup"]  # type: ignore[index]  # there

    kept = sum(row["status"] == "kept" for row in rows)
    told = Audit(late.root).rules()
    assert list(told["stage"])[-3:] == ["dedup", "final", "final"]
    few = told.set_index("rule").loc["few_sentences"]
    assert (few["reached_pages"], few["removed_pages"]) == (len(final) + kept, ours[0]["pages"])
    gone = [row for row in final if row["rule"] == "few_sentences"]
    others = sum(row["c4_lines.alpha_words"] / row["c4_lines.words"] < 0.9 for row in gone)
    assert few["only_pages"] == few["only_pages_low"] == len(gone) - others
    came = [row for row in rows if row["status"] == "kept" or row["stage"] in ("dedup", "final")]
    assert draw_documents(late.root, 5, 1).among == len(came)

    ledger = open_ledger(late.root)
    assert exit_of(ledger, ("dropped", "final", "few_sentences")) == WHOLE_WALK
    assert exit_of(ledger, ("dropped", "dedup", "minhash")) == ledger.plan.final
    assert find_overlap({"base": base.root, "late": late.root}).kept("late") == kept
    found = compare(open_ledger(base.root), ledger)
    assert found.pages["other_decision"] == len(final)
    assert any(item.name == "(order of the stages)" for item in found.made)


def test_a_page_says_which_rule_after_deduplication_removed_it(late: Finished):
    ledger = open_ledger(late.root)
    pages = Pages(ledger)
    (first,), (second,) = (list(pages.find(Wanted(id=page), 2)) for page in (FIRST, SECOND))
    view = Explainer(ledger, pages).explain(first)
    says = {answer.rule: answer.says for answer in view.answers}
    assert (says["few_sentences"], says["numbers"]) == ("decides", "passes")
    assert view.answers[-2].stage == "final"
    assert pages.alike(second, 1)[0].row["id"] == FIRST, "what deduplication kept comes first"


def test_a_run_is_verified_decision_by_decision(late: Finished, tmp_path: Path):
    found = verify_run(late.root, 1000, lambda _done, _total: None)
    assert found.ok, found.differences
    assert found.notes == []
    root = late.copy(tmp_path / "run")
    for path in sorted((root / "ledger").glob("*.parquet")):
        table = pq.read_table(path)
        rows = table.to_pylist()
        for row in rows:
            if row["id"] == FIRST:
                row["rule"] = "numbers"
        pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    again = Findings()
    replay.replay(again, root, read_manifest(root) or {}, 1000, own_code=False)
    (told,) = again.differences
    assert told.startswith(f"page {FIRST}: its decision is ")


def test_only_what_follows_deduplication_is_done_again(late: Finished, tmp_path: Path):
    root = late.copy(tmp_path / "run")
    before = stamps(root)
    changes = Changes(sets=("few_sentences=12",))
    told, moved = whatif(open_ledger(root), changes), moved_pages(open_ledger(root), changes)
    after = run_again(root, changes)
    redone = {stage for stage, commits in stamps(root).items() if commits != before.get(stage)}
    assert "settle" in redone
    assert redone <= FOLLOWING
    assert outcome(by_id(Finished(root))[FIRST]) == ("kept", None, None)
    assert set(moved["new_status"]) <= {"kept", "dropped"}, "nothing is left to deduplication"
    now = {key: (row["status"], row["rule"]) for key, row in after.items()}
    for page in moved.itertuples():
        told_rule = None if page.new_status == "kept" else page.new_rule
        assert now[page.file_path, page.record] == (page.new_status, told_rule)
    kept = [row for row in after.values() if row["status"] == "kept"]
    assert told.after.kept.pages.exact
    assert told.after.kept.pages.value == len(kept)
    assert not any("Deduplication has to run again" in note for note in told.notes)


CHANGES = {
    "tighter": Changes(sets=("few_sentences=16",)),
    "left out": Changes(drops=("few_sentences", "numbers")),
    "added": Changes(adds=("after_dedup.wordy: c4_lines.words / c4_lines.sentences > 20",)),
    "before and after": Changes(sets=("alpha=0.86", "few_sentences=12")),
    "looser before it": Changes(sets=("very_short=60", "too_few_sentences=2", "alpha=0.5")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_replay_is_a_run(name: str, late: Finished, tmp_path: Path):
    changes = CHANGES[name]
    told = whatif(open_ledger(late.root), changes)
    rows = run_again(late.copy(tmp_path / "run"), changes).values()
    passing = sum(row["status"] == "kept" or row["stage"] == "dedup" for row in rows)
    kept = [row for row in rows if row["status"] == "kept"]
    assert told.after.passing.pages.low <= passing <= told.after.passing.pages.high
    assert told.after.kept.pages.low <= len(kept) <= told.after.kept.pages.high
    if name in ("tighter", "left out", "added"):
        assert told.after.kept.pages.exact
        assert told.after.passing.pages.value == passing
        if told.gained.empty:  # final edits may take or add something where pages come back
            assert told.after.kept.tokens.value == sum(row["token_count"] for row in kept)


def test_a_cluster_whose_page_leaves_before_may_come_back_by_another(
    late: Finished, tmp_path: Path
):
    """The first page is too short for deduplication now: the next stands for the cluster."""
    words = by_id(late)[FIRST]["text.lexical_words"]
    changes = Changes(sets=(f"very_short={words + 1}",))
    told = whatif(open_ledger(late.root), changes)
    after = run_again(late.copy(tmp_path / "run"), changes)
    rows = {row["id"]: row for row in after.values()}
    assert outcome(rows[FIRST]) == ("dropped", "quality", "very_short")
    assert outcome(rows[SECOND]) == ("kept", None, None)
    kept = sum(row["status"] == "kept" for row in after.values())
    assert told.after.kept.pages.low <= kept <= told.after.kept.pages.high
    assert any("Deduplication has to run again" in note for note in told.notes)


def test_a_curve_says_what_would_be_kept(late: Finished):
    audit = Audit(late.root)
    found = audit.sweep("few_sentences", points=5)
    assert len(found.curve) >= 3
    for point in found.curve.itertuples():
        told = audit.whatif(set={"few_sentences": point.threshold})
        assert told.after.kept.pages.value == point.pages, point.threshold
    assert found.notes == ["Pages that would be kept: this rule stands after deduplication."]
    tuned = audit.tune(0.2)
    assert 0 <= tuned.kept_after <= 1
    assert "few_sentences" in set(tuned.rules["rule"])


@pytest.mark.slow
def test_the_bytes_are_the_same_on_ray_and_inline_anew_and_from_stored_text(
    base: Finished, small_crawl: Path, tmp_path: Path
):
    again = base.copy(tmp_path / "again")
    do_run(LATE, small_crawl, again)
    recipe = load_recipe(str(tmp_path / "again.yaml"), (), [str(small_crawl)])
    run(recipe, tmp_path / "anew", RunOptions(engine="ray", workers=2, limit=30), Listener())
    assert differing(published(again), published(tmp_path / "anew")) == []


def corpus(folder: Path, texts: Mapping[str, str]) -> Path:
    path = folder / "texts.jsonl"
    rows = ({"id": name, "text": text} for name, text in texts.items())
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


OWN = """\
from filters import Text, signal


@signal(version=1)
def letters(text: Text) -> int:
    if "unreadable" in text.raw:
        raise ValueError("no letters")
    return len(text.raw)
"""
SMALL = """\
recipe: texts
signals: [letters]
stages:
- dedup: {minhash: {keep: {highest: letters}}}
- drop:
    stray: words < 8
    too_long: letters > 700
tokenizer: {train: {vocab_size: 300}}
max_failed_pages: 1
"""


def test_the_page_that_stays_may_be_chosen_by_what_only_later_rules_read(tmp_path: Path):
    (tmp_path / "letters.py").write_text(OWN)
    (tmp_path / "r.yaml").write_text(SMALL)
    text = " ".join(prose(1, 6))
    texts = {
        "short": text,
        "longer": f"{text} So it was said, and so it was printed.",
        "other": " ".join(prose(2, 6)),
        "one broken": " ".join([*prose(3, 6), "It was unreadable."]),
        "stray": "It was unreadable.",
        "long": " ".join(prose(4, 20)),
    }
    recipe = load_recipe(str(tmp_path / "r.yaml"), (), [str(corpus(tmp_path, texts))])
    run(recipe, tmp_path / "run", RunOptions(engine="inline"), Listener())
    rows = by_id(Finished(tmp_path / "run"))
    assert {name: outcome(row) for name, row in rows.items()} == {
        "short": ("dropped", "dedup", "minhash"),
        "longer": ("kept", None, None),
        "other": ("kept", None, None),
        "one broken": ("failed", "final", "error:letters:ValueError"),
        "stray": ("dropped", "final", "stray"),
        "long": ("dropped", "final", "too_long"),
    }
    assert Audit(tmp_path / "run").rules().set_index("rule")["failed_pages"]["too_long"] == 1


def test_languages_have_constants_of_their_own(tmp_path: Path):
    (tmp_path / "r.yaml").write_text("""\
recipe: several
stages:
- gate: {other: language.code != "en"}
- dedup: {exact: {}}
- drop:
    few: words < 5 (fr 9, de off)
    zero: chars / words < 2
languages:
  en: {words: en, stop_words: [the]}
  fr: {words: fr, stop_words: [le]}
  de: {words: de, stop_words: [die]}
""")
    rules = FinalRules(load_recipe(str(tmp_path / "r.yaml")))
    assert rules.reads == ("text.words", "text.chars")
    for language, words, says in (
        ("en", 5, None),
        ("fr", 5, ("dropped", "few")),
        ("de", 1, None),
        ("it", 4, ("dropped", "few")),
        ("de", 0, ("failed", "undefined:zero")),
    ):
        row = {"language": language, "text.words": words, "text.chars": 80}
        found = rules.decide(row)
        assert (found and (found.status, found.rule)) == says, language


def test_a_block_of_datatrove_applies_them_with_what_follows_deduplication(tmp_path: Path):
    (tmp_path / "r.yaml").write_text("""\
recipe: few
stages:
- dedup: {minhash: {}}
- drop: {few: words < 20}
- edit: {pii: {}}
""")
    whole = RecipeFilter(str(tmp_path / "r.yaml"))
    first = RecipeFilter(str(tmp_path / "r.yaml"), final_edits=False)
    few, many = "Few words, joe@example.net.", " ".join([*prose(1), "Ask joe@example.net."])
    told = []
    for block in (whole, first):
        documents = [Document(text=text, id=str(at)) for at, text in enumerate((few, many))]
        kept = [document.id for document in block.run(iter(documents))]
        told.append((kept, documents[0].metadata["cuvee_rule"], "joe@" in documents[1].text))
        assert documents[0].metadata["cuvee_text.words"] < 20
    assert told == [(["1"], "few", False), (["0", "1"], None, True)]
