"""A run that goes on with another recipe ends with the same bytes as a fresh run with it.

What the change does not affect is not done again, and the crawl is read only
where its text or its gates are affected: for the other changes it is replaced by
garbage of the same name, size and time.
"""

import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from filters.catalog import EDITS
from filters.errors import WorkError
from pipelines.execute import Observer
from pipelines.recipe import load_recipe
from pipelines.run import RunOptions, run
from pipelines.storage import Commit, CommitLog
from tests.pipelines.disk import fill_up
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each, http, record

RECIPE = """\
recipe: small
input: crawl
extract: {trafilatura: {favor_precision: true, deduplicate: true}}
stages:
- gate:
    blocked: url.block_reason == "hard_blacklisted"
    not_english: language.code != "en"
    unsure_language: language.score <= 0.65
- drop:
    top_2_gram: top_2gram_chars / chars > 0.20
    short: lexical_words < 50
    very_short: lexical_words < 80
    long: lexical_words > 100000
    alpha: alpha_words / words < 0.8
- edit: {c4_lines: {terminal_punctuation: false}}
- drop:
    curly_bracket: c4_lines.curly_lines > 0
    too_few_sentences: c4_lines.sentences < 5
    line_punct_ratio: c4_lines.terminal_lines / c4_lines.nonblank_lines < 0.12
- dedup: {minhash: {ngram: 5, bands: 14, rows: 8}}
- edit: {pii: {kinds: [email, ip]}}
tokenizer: {train: {vocab_size: 400}}
audit_fraction: 0.3
keep_text: gated
"""
PUBLISHED = ("ledger", "documents", "dataset/data", "tokens")
FIND_DUPLICATES = {"runs", "repeats", "edges", "components"}
AFTER_DUPLICATES = {"tokenizer", "settle", "plan", "dataset", "tokens"}
NOUNS = (
    "river",
    "house",
    "engine",
    "letter",
    "garden",
    "window",
    "teacher",
    "market",
    "forest",
    "bridge",
    "table",
    "city",
)
VERBS = (
    "found",
    "carried",
    "painted",
    "counted",
    "opened",
    "mended",
    "described",
    "followed",
    "measured",
    "left",
)
ADJECTIVES = (
    "quiet",
    "heavy",
    "yellow",
    "early",
    "narrow",
    "famous",
    "broken",
    "gentle",
    "empty",
    "foreign",
)


def prose(seed: int, sentences: int = 12) -> list[str]:
    """English of no great sense: long enough words, stop words, full stops."""
    pick = random.Random(seed).choice

    def thing() -> str:
        return f"the {pick(ADJECTIVES)} {pick(NOUNS)}"

    return [
        f"That {pick(NOUNS)} and {thing()} of {thing()} were {pick(VERBS)} with {thing()}."
        for _ in range(sentences)
    ]


def page(number: int, sentences: list[str], place: str = "") -> bytes:
    body = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    html = f"<!doctype html><html><body><article>{body}</article></body></html>"
    return record(
        block=http(html.encode()),
        WARC_Record_ID=f"<urn:uuid:{number:08d}>",
        WARC_Target_URI=f"http://host{number % 3}.example/{place}{number}",
    )


def made_pages() -> list[bytes]:
    """Plain pages, near-duplicates, personal data, short lines, records that come twice."""
    pages = [page(number, prose(number)) for number in range(10)]
    pages += [page(100, [*prose(0), "It was printed again later that year."])]
    pages += [page(101, [*prose(0), "A reader wrote to us about the river in the forest."])]
    pages += [page(102, [*prose(1), "Write to somebody@example.net or ask 8.8.8.8 about it."])]
    pages += [page(103, [*prose(20), "Write to somebody@example.net or ask 8.8.4.4 about it."])]
    pages += [page(104, [*prose(21), "too short.", "A line of many words without an end"])]
    pages += [page(105, prose(22, sentences=4)), page(106, [*prose(23), "Some { bracket here."])]
    pages += [page(number, prose(number), "porn/") for number in range(110, 120)]
    return [*pages, page(3, prose(3)), page(4, prose(30))]


@pytest.fixture(scope="module")
def crawl(sample_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two crawl files: pages of the web, and made ones."""
    folder = tmp_path_factory.mktemp("crawl") / "crawl"
    folder.mkdir()
    shutil.copy2(sample_crawl / "formasaurus-00002.warc.gz", folder / "a.warc.gz")
    (folder / "b.warc.gz").write_bytes(gzip_each(made_pages()))
    return folder


@pytest.fixture(scope="module")
def garbage(crawl: Path) -> Path:
    """The crawl's names, sizes and times, but nothing that could be read."""
    folder = crawl.parent / "garbage"
    folder.mkdir()
    for path in crawl.iterdir():
        facts = path.stat()
        (folder / path.name).write_bytes(b"\xff" * facts.st_size)
        os.utime(folder / path.name, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return folder


def do_run(written: str, crawl: Path, root: Path, observer: Observer | None = None) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    recipe = root.parent / f"{root.name}.yaml"
    recipe.write_text(written)
    options = RunOptions(engine="inline", limit=30)
    run(load_recipe(str(recipe), (), [str(crawl)]), root, options, observer or Listener())


@dataclass
class Finished:
    """A finished run, to be copied before it goes on."""

    root: Path

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.root, to, copy_function=shutil.copy2)
        return to

    def ledger(self) -> dict[tuple[str, int], Mapping[str, Any]]:
        rows = pq.read_table(self.root / "ledger", partitioning=None).to_pylist()
        return {(row["file_path"], row["record"]): row for row in rows}

    def documents(self) -> set[tuple[str, int]]:
        rows = pq.read_table(self.root / "documents", partitioning=None).to_pylist()
        return {(row["file_path"], row["record"]) for row in rows}


@pytest.fixture(scope="module")
def base(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp("base") / "run"
    do_run(RECIPE, crawl, root)
    return Finished(root)


def published(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in PUBLISHED
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def stamps(root: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Return inode and time of every commit record, by stage and unit."""
    return {
        stage.name: {
            path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in stage.iterdir()
        }
        for stage in (root / "commits").iterdir()
        if stage.is_dir()
    }


def edited(written: str, old: str, new: str) -> str:
    assert written.count(old) == 1, old
    return written.replace(old, new)


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
    "dedup": ("bands: 14, rows: 8", "bands: 2, rows: 30", {"repeats"}),
    "no dedup": (DEDUP, "", set()),
    "personal data": ("[email, ip]", "[ip]", {"curate"} | FIND_DUPLICATES),
    "tokenizer": ("vocab_size: 400", "vocab_size: 500", {"curate"} | FIND_DUPLICATES),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_after_the_gates_ends_like_a_fresh_run_without_the_crawl(
    change, base, crawl, garbage, tmp_path
):
    old, new, staying = CHANGES[change]
    root = base.copy(tmp_path / "changed")
    before = stamps(root)

    do_run(edited(RECIPE, old, new), garbage, root)
    do_run(edited(RECIPE, old, new), crawl, tmp_path / "fresh")

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
    "extractor": ("favor_precision: true", "favor_precision: false"),
}


@pytest.mark.parametrize("change", GATES)
def test_a_change_of_text_or_gates_ends_like_a_fresh_run(change, base, crawl, tmp_path):
    root = base.copy(tmp_path / "changed")
    do_run(edited(RECIPE, *GATES[change]), crawl, root)
    do_run(edited(RECIPE, *GATES[change]), crawl, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []


@pytest.mark.parametrize(("keep_text", "read"), [("all", "documents"), ("kept", "crawl")])
def test_texts_that_are_stored_decide_what_must_be_read(keep_text, read, crawl, garbage, tmp_path):
    recipe = edited(RECIPE, "keep_text: gated", f"keep_text: {keep_text}")
    changed = edited(recipe, "lexical_words < 80", "lexical_words < 140")
    root = tmp_path / "changed"
    do_run(recipe, crawl, root)
    do_run(changed, crawl if read == "crawl" else garbage, root)
    do_run(changed, crawl, tmp_path / "fresh")
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

    def stage_started(self, stage: str, total: int, done: list[Commit]) -> None:
        super().stage_started(stage, total, done)
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
    signals = [name for name in next(iter(rows)) if "." in name and not name.startswith("pii.")]
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
def test_texts_are_kept_as_the_recipe_says(keep_text, crawl, base, tmp_path):
    finished = base
    if keep_text != "gated":
        finished = Finished(tmp_path / "run")
        recipe = edited(RECIPE, "keep_text: gated", f"keep_text: {keep_text}")
        do_run(recipe, crawl, finished.root)
    ledger = finished.ledger()
    textless = ("url", "extract", "read")
    wanted = {
        "all": lambda row: row["stage"] not in textless or row["token_count"] is not None,
        "gated": lambda row: (
            row["stage"] in (None, "quality", "dedup")
            or (row["audited"] and row["token_count"] is not None)
        ),
        "kept": lambda row: row["stage"] in (None, "dedup"),
    }[keep_text]
    assert finished.documents() == {key for key, row in ledger.items() if wanted(row)}


def test_a_recipe_that_keeps_nothing_ends_well_and_can_be_mended(base, garbage, crawl, tmp_path):
    root = tmp_path / "run"
    do_run(edited(RECIPE, "lexical_words < 80", "lexical_words < 100000"), crawl, root)
    assert list((root / "dataset").rglob("*.parquet")) == []
    do_run(RECIPE, garbage, root)
    assert differing(published(root), published(base.root)) == []


def test_a_run_on_a_full_disk_goes_on_when_there_is_room(base, crawl, mounted):
    root = mounted / "run"
    filler = mounted / "filler"
    fill_up(filler)
    with filler.open("rb+") as stream:
        stream.truncate(filler.stat().st_size - 250_000)  # the run needs half a megabyte
    with pytest.raises(WorkError, match="the disk is full"):
        do_run(RECIPE, crawl, root)
    assert list((root / "work").iterdir()) == []
    committed = CommitLog(root).commits("curate")
    assert committed
    assert not (root / "manifest.json").exists()

    filler.unlink()
    do_run(RECIPE, crawl, root)
    assert differing(published(root), published(base.root)) == []
    assert CommitLog(root).commits("curate").items() >= committed.items()


def test_a_tokenizer_of_ones_own_and_back(base, crawl, garbage, tmp_path):
    given = tmp_path / "given.json"
    shutil.copy2(base.root / "tokenizer.json", given)
    root = base.copy(tmp_path / "changed")
    recipe = edited(RECIPE, "{train: {vocab_size: 400}}", str(given))
    do_run(recipe, crawl, root)
    do_run(recipe, crawl, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    changed = edited(recipe, *CHANGES["threshold"][:2])
    do_run(changed, garbage, root)
    do_run(changed, crawl, tmp_path / "changed too")
    assert differing(published(root), published(tmp_path / "changed too")) == []
    assert (root / "tokenizer.json").read_bytes() == given.read_bytes()
    assert "tokenizer" not in CommitLog(root).progress()
    do_run(edited(RECIPE, "vocab_size: 400", "vocab_size: 500"), crawl, root)
    do_run(RECIPE, crawl, root)
    assert differing(published(root), published(base.root)) == []


def test_stages_that_the_recipe_has_no_more_are_forgotten(base, garbage, tmp_path):
    root = base.copy(tmp_path / "changed")
    assert {"edges", "components"} <= CommitLog(root).progress().keys()
    do_run(edited(RECIPE, DEDUP, ""), garbage, root)
    log = CommitLog(root)
    assert not {"edges", "components"} & log.progress().keys()
    assert log.commits("edges") == log.commits("components") == {}
    for stage in log.progress():
        assert all(log.is_whole(commit) for commit in log.commits(stage).values()), stage


def test_a_stage_after_curation_may_not_fail_whatever_the_recipe_allows(base, crawl, tmp_path):
    """Without its clusters the dataset would have duplicates."""
    recipe = f"{RECIPE}max_failed_units: 1\n"
    in_the_way = tmp_path / "run/stages/components/labels.parquet"
    do_run(recipe, crawl, tmp_path / "run")
    CommitLog(tmp_path / "run").forget("components")
    (tmp_path / "run/manifest.json").unlink()
    in_the_way.mkdir()
    with pytest.raises(WorkError, match="components: 1 unit"):
        do_run(recipe, crawl, tmp_path / "run")
    in_the_way.rmdir()
    do_run(recipe, crawl, tmp_path / "run")
    assert differing(published(tmp_path / "run"), published(base.root)) == []


def test_other_code_has_a_finished_run_looked_at_again(base, crawl, tmp_path, monkeypatch):
    root = base.copy(tmp_path / "changed")
    before = stamps(root)
    newer = replace(EDITS["pii"], version=EDITS["pii"].version + 1)
    monkeypatch.setattr("pipelines.stages.EDITS", {**EDITS, "pii": newer})
    monkeypatch.setattr("pipelines.run.code_version", lambda: {"version": "another"})
    looks = Listener()
    do_run(RECIPE, crawl, root, looks)
    after = stamps(root)
    assert {stage for stage in after if after[stage] != before[stage]} == {"tokenizer", "settle"}
    assert differing(published(root), published(base.root)) == []
    assert "curate: 2 units, 2 done" in looks.told
    again = Listener()
    do_run(RECIPE, crawl, root, again)
    assert again.told == []


def test_a_file_that_is_added_changes_what_was_unique(base, crawl, tmp_path):
    """The new file comes last: the others are not curated again, but their clusters grow."""
    more = tmp_path / "crawl"
    shutil.copytree(crawl, more, copy_function=shutil.copy2)
    news = [page(200, [*prose(5), "That was printed elsewhere."]), page(201, prose(201))]
    (more / "c.warc.gz").write_bytes(gzip_each(news))
    root = base.copy(tmp_path / "changed")
    before = stamps(root)["curate"]

    do_run(RECIPE, more, root)

    do_run(RECIPE, more, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    assert stamps(root)["curate"].items() > before.items()
    grown = [row for row in Finished(root).ledger().values() if row["cluster_size"] == 2]
    assert {row["file_path"] for row in grown} >= {"b.warc.gz", "c.warc.gz"}


def test_a_file_that_came_first_or_left_moves_all_others(base, crawl, tmp_path):
    more = tmp_path / "crawl"
    shutil.copytree(crawl, more, copy_function=shutil.copy2)
    first = [page(200, [*prose(5), "That was printed elsewhere."]), page(7, prose(201))]
    (more / "0.warc.gz").write_bytes(gzip_each(first))
    root = base.copy(tmp_path / "changed")
    do_run(RECIPE, more, root)
    do_run(RECIPE, more, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []
    do_run(RECIPE, crawl, root)
    assert differing(published(root), published(base.root)) == []
