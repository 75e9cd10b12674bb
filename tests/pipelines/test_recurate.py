"""A run that goes on with another recipe ends with the same bytes as a fresh run with it.

What the change does not affect is not done again, and the crawl is read only
where its text or its gates are affected: for the other changes it is replaced by
garbage of the same name, size and time.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from filters.catalog import EDITS
from filters.errors import WorkError
from pipelines.events import Event, StageDone, StageStarted
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.storage import CommitLog
from tests.pipelines.disk import fill_up, remount
from tests.pipelines.small_run import (
    RECIPE,
    Finished,
    differing,
    do_run,
    edited,
    page,
    prose,
    published,
    stamps,
)
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each

BY_KIND = ("runs", "edges", "components", "labels")
SAME_RECORD = {f"{stage}_same_record" for stage in BY_KIND}
FIND_DUPLICATES = SAME_RECORD | {f"{stage}_minhash" for stage in BY_KIND}
AFTER_DUPLICATES = {"tokenizer", "settle", "plan", "dataset", "tokens"}
TWO_RULES = "    short: lexical_words < 50\n    very_short: lexical_words < 80\n"
SWAPPED = "    very_short: lexical_words < 80\n    short: lexical_words < 50\n"
DEDUP = "- dedup: {minhash: {ngram: 5, bands: 14, rows: 8}}\n"
NEVER = "    alpha: alpha_words / words < 0.8\n    never: bullet_lines / lines > 1\n"

CHANGES = {
    # name: (old, new, stages whose commits stay)
    "threshold": ("very_short: lexical_words < 80", "very_short: lexical_words < 140", set()),
    "threshold without effect": (
        "> 100000",
        "> 99999",
        FIND_DUPLICATES | AFTER_DUPLICATES,
    ),
    "rule without effect": (
        "    alpha: alpha_words / words < 0.8\n",
        NEVER,
        FIND_DUPLICATES | {"tokenizer", "plan", "dataset", "tokens"},
    ),
    "order of rules": (TWO_RULES, SWAPPED, FIND_DUPLICATES | {"plan", "dataset"}),
    "edit": ("terminal_punctuation: false", "terminal_punctuation: true", set()),
    "edit left out": (
        "- edit: {c4_lines: {terminal_punctuation: false}}",
        "- edit: {c4_lines: {terminal_punctuation: false, min_words_per_line: 0}}",
        set(),
    ),
    "dedup": ("bands: 14, rows: 8", "bands: 2, rows: 30", SAME_RECORD),
    "no dedup": (DEDUP, "", set()),  # the edit after it comes before
    "survivors": ("rows: 8}", "rows: 8, keep: longest}", {"curate"} | FIND_DUPLICATES),
    "personal data": ("[email, ip]", "[ip]", {"curate"} | FIND_DUPLICATES),
    "tokenizer": ("vocab_size: 400", "vocab_size: 500", {"curate"} | FIND_DUPLICATES),
}


OTHER_CODE = {"version": "another", "sources_sha256": "0" * 64}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_after_the_gates_ends_like_a_fresh_run_without_the_crawl(
    change, base, small_crawl, garbage, tmp_path
):
    old, new, staying = CHANGES[change]
    root = base.copy(tmp_path / "changed")
    before = stamps(root)

    do_run(edited(RECIPE, old, new), garbage, root)
    do_run(edited(RECIPE, old, new), small_crawl, tmp_path / "fresh")

    assert differing(published(root), published(tmp_path / "fresh")) == []
    after = stamps(root)
    assert {stage for stage in staying if after[stage] != before[stage]} == set()
    curated = CommitLog(root).commits("curate").values()
    read = "crawl" if "curate" in staying else "documents"
    assert {commit.facts["read"] for commit in curated} == {read}
    fresh = CommitLog(tmp_path / "fresh").commits("curate").values()
    assert {commit.facts["read"] for commit in fresh} == {"crawl"}


GATES = {
    "gate's threshold": ("language.score <= 0.65", "language.score <= 0.9"),
    "gate's name": ("not_english:", "other_language:"),
    "gate left out": ("""    blocked: url.block_reason == "hard_blacklisted"\n""", ""),
    "audited share": ("audit_fraction: 0.3", "audit_fraction: 0.5"),
    "all texts": ("keep_text: gated", "keep_text: all"),
    "kept texts": ("keep_text: gated", "keep_text: kept"),
    "extractor": ("deduplicate: true}", "deduplicate: false}"),
}


@pytest.mark.parametrize("change", GATES)
def test_a_change_of_text_or_gates_ends_like_a_fresh_run(change, base, small_crawl, tmp_path):
    root = base.copy(tmp_path / "changed")
    do_run(edited(RECIPE, *GATES[change]), small_crawl, root)
    do_run(edited(RECIPE, *GATES[change]), small_crawl, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []


@pytest.mark.parametrize(("keep_text", "read"), [("all", "documents"), ("kept", "crawl")])
def test_texts_that_are_stored_decide_what_must_be_read(
    keep_text, read, small_crawl, garbage, tmp_path
):
    recipe = edited(RECIPE, "keep_text: gated", f"keep_text: {keep_text}")
    changed = edited(recipe, "lexical_words < 80", "lexical_words < 140")
    root = tmp_path / "changed"
    do_run(recipe, small_crawl, root)
    do_run(changed, small_crawl if read == "crawl" else garbage, root)
    do_run(changed, small_crawl, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    assert {c.facts["read"] for c in CommitLog(root).commits("curate").values()} == {read}


@pytest.mark.parametrize("change", ["threshold", "tokenizer", "dedup", "no dedup"])
def test_back_and_forth_ends_where_it_began(change, base, garbage, tmp_path):
    root = base.copy(tmp_path / "changed")
    do_run(edited(RECIPE, *CHANGES[change][:2]), garbage, root)
    assert differing(published(root), published(base.root))
    do_run(RECIPE, garbage, root)
    assert differing(published(root), published(base.root)) == []


class LooksAtWork(Listener):
    """Notes what lies in the work folder when a stage begins."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.work = root / "work"
        self.seen: list[str] = []

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, StageStarted):
            self.seen += [path.name for path in self.work.iterdir()]


def test_what_killed_attempts_left_goes_before_work_begins(base, garbage, tmp_path):
    """It may be what filled the disk."""
    root = base.copy(tmp_path / "changed")
    (root / "work/curate.000000.killed").mkdir()
    (root / "work/curate.000000.killed/half.parquet").write_bytes(b"half")
    (root / "ledger/unnamed.parquet").write_bytes(b"of a loser")
    looks = LooksAtWork(root)
    do_run(edited(RECIPE, *CHANGES["tokenizer"][:2]), garbage, root, looks)
    assert looks.told
    assert looks.seen == []
    assert list((root / "work").iterdir()) == []
    assert not (root / "ledger/unnamed.parquet").exists()


def test_a_recipe_that_keeps_nothing_ends_well_and_can_be_mended(
    base, garbage, small_crawl, tmp_path
):
    root = tmp_path / "run"
    do_run(edited(RECIPE, "lexical_words < 80", "lexical_words < 100000"), small_crawl, root)
    assert list((root / "dataset").rglob("*.parquet")) == []
    do_run(RECIPE, garbage, root)
    assert differing(published(root), published(base.root)) == []


def test_a_run_on_a_full_disk_goes_on_when_there_is_room(base, small_crawl, mounted):
    root = mounted / "run"
    filler = mounted / "filler"
    fill_up(filler)
    with filler.open("rb+") as stream:
        stream.truncate(filler.stat().st_size - 250_000)  # the run needs half a megabyte
    with pytest.raises(WorkError, match="the disk is full"):
        do_run(RECIPE, small_crawl, root)
    assert list((root / "work").iterdir()) == []
    committed = CommitLog(root).commits("curate")
    assert committed
    assert not (root / "manifest.json").exists()

    filler.unlink()
    do_run(RECIPE, small_crawl, root)
    assert differing(published(root), published(base.root)) == []
    assert CommitLog(root).commits("curate").items() >= committed.items()


class Interrupts(Listener):
    def __call__(self, event: Event) -> None:
        if isinstance(event, StageDone):
            raise KeyboardInterrupt(event.stage)


def test_a_run_whose_disk_became_read_only_goes_on_when_it_may(base, small_crawl, mounted):
    root = mounted / "run"
    with pytest.raises(KeyboardInterrupt):
        do_run(RECIPE, small_crawl, root, Interrupts())
    committed = CommitLog(root).commits("curate")
    assert committed
    remount(mounted, "ro")
    recipe = root.with_name("run.yaml")
    options = RunOptions(engine="inline", limit=30)
    with pytest.raises(WorkError, match="read-only"):
        run(load_recipe(str(recipe), (), [str(small_crawl)]), root, options, Listener())
    remount(mounted, "rw")

    do_run(RECIPE, small_crawl, root)
    assert differing(published(root), published(base.root)) == []
    assert CommitLog(root).commits("curate").items() >= committed.items()


def test_a_tokenizer_of_ones_own_and_back(base, small_crawl, garbage, tmp_path):
    given = tmp_path / "given.json"
    shutil.copy2(base.root / "tokenizer.json", given)
    root = base.copy(tmp_path / "changed")
    recipe = edited(RECIPE, "{train: {vocab_size: 400}}", str(given))
    do_run(recipe, small_crawl, root)
    do_run(recipe, small_crawl, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    changed = edited(recipe, *CHANGES["threshold"][:2])
    do_run(changed, garbage, root)
    do_run(changed, small_crawl, tmp_path / "changed too")
    assert differing(published(root), published(tmp_path / "changed too")) == []
    assert (root / "tokenizer.json").read_bytes() == given.read_bytes()
    assert "tokenizer" not in CommitLog(root).progress()
    do_run(edited(RECIPE, "vocab_size: 400", "vocab_size: 500"), small_crawl, root)
    do_run(RECIPE, small_crawl, root)
    assert differing(published(root), published(base.root)) == []


def test_stages_that_the_recipe_has_no_more_are_forgotten(base, garbage, tmp_path):
    root = base.copy(tmp_path / "changed")
    gone = {f"{stage}_minhash" for stage in BY_KIND}
    assert gone <= CommitLog(root).progress().keys()
    do_run(edited(RECIPE, DEDUP, ""), garbage, root)
    log = CommitLog(root)
    assert not gone & log.progress().keys()
    assert not any(log.commits(stage) for stage in gone)
    for stage in log.progress():
        assert all(log.is_whole(commit) for commit in log.commits(stage).values()), stage


def test_a_stage_after_curation_may_not_fail_whatever_the_recipe_allows(
    base, small_crawl, tmp_path
):
    """Without its clusters the dataset would have duplicates."""
    recipe = f"{RECIPE}max_failed_units: 1\n"
    in_the_way = tmp_path / "run/stages/labels_minhash/00000.parquet"
    do_run(recipe, small_crawl, tmp_path / "run")
    CommitLog(tmp_path / "run").forget("labels_minhash")
    (tmp_path / "run/manifest.json").unlink()
    in_the_way.mkdir()
    with pytest.raises(WorkError, match="labels_minhash: 1 unit"):
        do_run(recipe, small_crawl, tmp_path / "run")
    in_the_way.rmdir()
    do_run(recipe, small_crawl, tmp_path / "run")
    assert differing(published(tmp_path / "run"), published(base.root)) == []


def test_other_code_has_a_finished_run_looked_at_again(base, small_crawl, tmp_path, monkeypatch):
    root = base.copy(tmp_path / "changed")
    before = stamps(root)
    newer = replace(EDITS["pii"], version=EDITS["pii"].version + 1)
    monkeypatch.setattr("pipelines.stages.fingerprint.EDITS", {**EDITS, "pii": newer})
    monkeypatch.setattr("pipelines.pipeline.code_version", lambda: OTHER_CODE)
    looks = Listener()
    do_run(RECIPE, small_crawl, root, looks)
    after = stamps(root)
    assert {stage for stage in after if after[stage] != before[stage]} == {"tokenizer", "settle"}
    assert differing(published(root), published(base.root)) == []
    assert "curate: 2 units, 2 done" in looks.told
    again = Listener()
    do_run(RECIPE, small_crawl, root, again)
    assert again.told == []


def test_band_keys_of_another_making_are_made_anew_without_the_crawl(
    base, garbage, tmp_path, monkeypatch
):
    """Also where what lies there is signatures, as runs once had them."""
    root = base.copy(tmp_path / "run")
    (root / "stages/curate/bands").rename(root / "stages/curate/signatures")
    for path in (root / "commits/curate").iterdir():
        record = path.read_text().replace("stages/curate/bands/", "stages/curate/signatures/")
        path.write_text(json.dumps(json.loads(record) | {"fingerprint": "of other code"}))
    for number, version in enumerate(("older", "newer")):
        code = {**OTHER_CODE, "version": version}
        monkeypatch.setattr("pipelines.pipeline.code_version", lambda code=code: code)
        monkeypatch.setattr("filters.minhash.KEYS_VERSION", 100 + number)
        looks = Listener()
        do_run(RECIPE, garbage, root, looks)
        assert {"curate: 2 units, 0 done", "runs_minhash: 1 units, 0 done"} <= {*looks.told}
        curated = CommitLog(root).commits("curate").values()
        assert {commit.facts["read"] for commit in curated} == {"documents"}
        assert not list(root.glob("stages/curate/signatures/*"))
        assert len(list(root.glob("stages/curate/bands/*"))) == 2
        assert differing(published(root), published(base.root)) == []


def test_a_file_that_is_added_changes_what_was_unique(base, small_crawl, tmp_path):
    """The new file comes last: the others are not curated again, but their clusters grow."""
    more = tmp_path / "crawl"
    shutil.copytree(small_crawl, more, copy_function=shutil.copy2)
    news = [page(200, [*prose(5), "That was printed elsewhere."]), page(201, prose(201))]
    (more / "c.warc.gz").write_bytes(gzip_each(news))
    # A given tokenizer, because one that is trained again would have all files settled again.
    given = tmp_path / "given.json"
    shutil.copy2(base.root / "tokenizer.json", given)
    recipe = edited(RECIPE, "{train: {vocab_size: 400}}", str(given))
    root = tmp_path / "changed"
    do_run(recipe, small_crawl, root)
    before = stamps(root)["curate"]

    do_run(recipe, more, root)

    do_run(recipe, more, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    assert stamps(root)["curate"].items() > before.items()
    grown = [row for row in Finished(root).ledger().values() if row["cluster_size"] == 2]
    assert {row["file_path"] for row in grown} >= {"b.warc.gz", "c.warc.gz"}


def test_a_file_that_came_first_or_left_moves_all_others(base, small_crawl, tmp_path):
    more = tmp_path / "crawl"
    shutil.copytree(small_crawl, more, copy_function=shutil.copy2)
    first = [page(200, [*prose(5), "That was printed elsewhere."]), page(7, prose(201))]
    (more / "0.warc.gz").write_bytes(gzip_each(first))
    root = base.copy(tmp_path / "changed")
    do_run(RECIPE, more, root)
    do_run(RECIPE, more, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    do_run(RECIPE, small_crawl, root)
    assert differing(published(root), published(base.root)) == []
