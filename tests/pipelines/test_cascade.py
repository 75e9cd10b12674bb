"""The cascade skips what would not have been kept, and says itself how far that is so."""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from filters.errors import RecipeError, UsageError, WorkError
from filters.language import LanguageIdentifier
from pipelines.assets import load_language_model
from pipelines.cascade import Cascade
from pipelines.cascade.calibrate import Judged, calibrate, read_calibration, read_judged
from pipelines.cascade.look import is_checked
from pipelines.cascade.loss import sum_interval, wilson
from pipelines.crawl import CrawlFile, Page, Row
from pipelines.curator import Curator
from pipelines.ledger_row import is_audited
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import CascadeOptions, load_recipe
from pipelines.storage import CommitLog
from tests.pipelines.small_run import RECIPE, differing, do_run, edited, published
from tests.pipelines.units import Listener

FILES = ("formasaurus-00000.warc.gz", "formasaurus-00002.warc.gz", "ipwb-sample-1.warc.gz")
GERMAN = "Das ist eine Seite, die auf Deutsch geschrieben ist und von der Stadt erzählt. " * 5
ENGLISH = "This is a page that was written in English and tells about the city and its river. " * 5
ON = "cascade: {language: 0.05, check: 0.3}\nwords: en\n"
OLD_RULE = "very_short: lexical_words < 80"


@pytest.fixture(scope="module")
def crawl(sample_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cascade") / "crawl"
    folder.mkdir()
    for name in FILES:
        (folder / name).symlink_to(sample_crawl / name)
    return folder


def finished(crawl: Path, root: Path, *sets: str) -> Path:
    recipe = load_recipe("demo", sets, [str(crawl)])
    run(recipe, root, RunOptions(engine="inline"), Listener())
    return root


@pytest.fixture(scope="module")
def whole(crawl: Path) -> Path:
    """Every page below the margin and every page checked: all go the whole way."""
    return finished(crawl, crawl.parent / "whole", "cascade={language: 1.0, check: 1.0}")


@pytest.fixture(scope="module")
def sparing(crawl: Path, whole: Path) -> Path:
    """A margin so high that something is lost, and many checks."""
    same_tokens = f"tokenizer={whole / 'tokenizer.json'}"
    sets = ("cascade={language: 0.9, check: 0.4}", "audit_fraction=0.1", same_tokens)
    return finished(crawl, crawl.parent / "sparing", *sets)


def ledger(root: Path) -> dict[tuple[str, int], dict[str, Any]]:
    rows = pq.read_table(root / "ledger").to_pylist()
    keyed = {(row["file_path"], row["record"]): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def manifest(root: Path) -> dict[str, Any]:
    return json.loads((root / "manifest.json").read_text())


def is_skipped(row: Mapping[str, Any]) -> bool:
    return (row["stage"], row["rule"]) == ("language", "cascade_language")


def test_each_page_has_its_row_and_a_skipped_one_says_why(whole, sparing):
    rows = ledger(sparing)
    assert rows.keys() == ledger(whole).keys()
    skipped = [row for row in rows.values() if is_skipped(row)]
    assert len(skipped) > 40
    for row in skipped:
        assert row["status"] == "dropped"
        assert row["cascade.score"] < 0.9
        assert row["cascade.checked"] == 0
        assert row["language"]
        assert 0 < row["language_score"] <= 1.001
        assert not row["audited"]
        assert row["token_count"] is None
        assert all(value is None for name, value in row.items() if name.startswith("text."))


def test_pages_that_go_on_fare_as_they_do_without_the_cascade(whole, sparing):
    before, after = ledger(whole), ledger(sparing)
    checked = [key for key, row in after.items() if row["cascade.checked"]]
    assert len(checked) > 20
    assert any(after[key]["status"] == "kept" for key in checked)
    changing = {"cluster_id", "cluster_size", "audited", "cascade.checked"}
    for key, row in after.items():
        if is_skipped(row) or row["audited"] or row["stage"] == "dedup":
            continue
        measured = {name: value for name, value in row.items() if value is not None}
        same = {name: measured[name] for name in measured.keys() - changing}
        if before[key]["stage"] != "dedup":  # what it repeated may have been skipped
            assert same == {name: before[key][name] for name in same}, key


def test_the_run_states_what_the_ledger_says(sparing):
    said, rows = manifest(sparing)["cascade"], list(ledger(sparing).values())
    funnel = {row["rule"]: row["pages"] for row in manifest(sparing)["funnel"]}
    assert said["skipped"] == funnel["cascade_language"] == sum(map(is_skipped, rows))
    assert said["looked_at"] == sum(row["cascade.score"] is not None for row in rows)
    checked = [row for row in rows if row["cascade.checked"]]
    assert said["checked"] == len(checked)
    assert said["checked_kept"] == sum(row["status"] == "kept" for row in checked)
    card = (sparing / "dataset/README.md").read_text()
    assert f"The cascade spared {said['skipped']} of {said['looked_at']} extractions" in card


def test_the_measured_loss_covers_the_true_one(whole, sparing):
    before, after = ledger(whole), ledger(sparing)
    kept = {key for key, row in before.items() if row["status"] == "kept"}
    lost = {key for key in kept if is_skipped(after[key])}
    assert lost, "the margin is chosen so that something is lost"
    tokens = {key: before[key]["token_count"] for key in kept}
    said = manifest(sparing)["cascade"]
    pages = said["lost_pages"]
    assert 0 < pages["low"] <= len(lost) / len(kept) <= pages["high"] < 1
    share = sum(tokens[key] for key in lost) / sum(tokens.values())
    assert said["lost_tokens"]["low"] <= share <= said["lost_tokens"]["high"] < 1


def test_at_the_usual_margin_nothing_kept_would_be_lost(whole):
    rows = [row for row in ledger(whole).values() if row["cascade.score"] is not None]
    low = [row for row in rows if row["cascade.score"] < CascadeOptions().language]
    assert len(low) > len(rows) / 5
    assert {row["status"] for row in low} == {"dropped"}
    gated = [row for row in low if row["stage"] in ("language", "extract")]
    assert len(gated) > 0.97 * len(low), "they fail the gate that stands for them"


def test_a_calibrated_margin_keeps_its_promise_on_the_other_half(whole):
    pages = read_judged(whole)
    here, there = pages[::2], pages[1::2]
    for half, other in ((here, there), (there, here)):
        found = read_calibration(half, "en", loss=0.4)
        assert found.shown
        assert found.margin
        kept = [page for page in other if page.kept]
        lost = [page for page in kept if page.score is not None and page.score < found.margin]
        assert sum(page.tokens for page in lost) <= 0.4 * sum(page.tokens for page in kept)
        spared = [point.spared for point in found.curve]
        assert spared == sorted(spared)
        assert spared[-1] > 0.2


def test_a_small_sample_promises_nothing_and_says_how_many_pages_would(whole):
    found = read_calibration(read_judged(whole), "en", loss=0.005)
    assert not found.shown
    assert found.margin is not None
    assert found.margin <= CascadeOptions().language
    assert found.pages_needed > 2 * found.pages


def test_a_large_sample_stops_at_the_margin_that_loses_too_much():
    lost = [Judged(0.15, kept=True, tokens=100)] * 40
    pages = [Judged(0.99, kept=True, tokens=100)] * 5_000 + [Judged(0.003, kept=False, tokens=0)]
    found = read_calibration([*pages, *lost, Judged(0.03, kept=True, tokens=100)], "en", 0.005)
    assert (found.margin, found.shown) == (0.1, True)
    assert read_calibration([*pages, *lost * 4], "en", 0.05).margin == 0.5
    everywhere = [Judged(0.0, kept=True, tokens=100)] * 5_000
    assert read_calibration([*pages, *everywhere], "en", 0.005).margin is None


def test_calibrating_runs_a_sample_of_every_file(crawl, tmp_path):
    recipe = load_recipe("demo", (), [str(crawl)])
    options = RunOptions(engine="inline")
    found = calibrate(recipe, tmp_path / "run", options, Listener(), loss=0.005, sample=50)
    assert found.pages == 51
    assert found.extractions == 51
    assert found.kept_pages > 0
    assert found.look_seconds > 0
    assert found.saving < max(point.spared for point in found.curve)
    assert {key[0] for key in ledger(tmp_path / "run")} == set(FILES)


# What a changed recipe does again.


def test_skipped_rows_stay_when_a_rule_changes(small_crawl, garbage, tmp_path):
    recipe = edited(RECIPE, "stages:\n", f"{ON}stages:\n")
    changed = edited(recipe, OLD_RULE, "very_short: lexical_words < 140")
    do_run(recipe, small_crawl, tmp_path / "changed")
    do_run(changed, garbage, tmp_path / "changed")
    do_run(changed, small_crawl, tmp_path / "fresh")
    assert differing(published(tmp_path / "changed"), published(tmp_path / "fresh")) == []
    commits = CommitLog(tmp_path / "changed").commits("curate").values()
    assert {commit.facts["read"] for commit in commits} == {"documents"}
    rows = ledger(tmp_path / "changed").values()
    assert any(map(is_skipped, rows))
    assert any(row["cascade.checked"] for row in rows)


def test_another_margin_reads_the_crawl_again(small_crawl, base, tmp_path):
    root = base.copy(tmp_path / "run")
    for number, options in enumerate(("true", "{language: 0.3}", "{language: 0.3, check: 0.5}")):
        recipe = edited(RECIPE, "stages:\n", f"cascade: {options}\nstages:\n")
        do_run(recipe, small_crawl, root)
        do_run(recipe, small_crawl, tmp_path / f"fresh{number}")
        assert differing(published(root), published(tmp_path / f"fresh{number}")) == []
    do_run(RECIPE, small_crawl, root)
    assert differing(published(root), published(base.root)) == []


def test_a_run_without_a_page_skipped_publishes_the_same(small_crawl, base, tmp_path):
    recipe = edited(RECIPE, "stages:\n", "cascade: {language: 1, check: 1}\nstages:\n")
    do_run(recipe, small_crawl, tmp_path / "run")
    told = [
        name
        for name in differing(published(tmp_path / "run"), published(base.root))
        if not name.startswith("ledger/")
    ]
    assert told == []


# One page.


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier(load_language_model("lid.176.ftz"))


def test_scores_begin_with_what_is_identified(identifier):
    for text in (GERMAN, ENGLISH, "", "a\nb", f"{ENGLISH}\n{GERMAN}", "日本語のページです\n" * 9):
        scores = identifier.scores(text)
        assert next(iter(scores.items())) == identifier.identify(text)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
        assert sum(scores.values()) == pytest.approx(1, abs=0.01)


def test_a_look_at_a_page(identifier):
    cascade = Cascade(CascadeOptions(0.05, 0.0), "en", identifier)
    german = cascade.look(f"<p>{GERMAN}</p>", "1", audited=False)
    assert german.language == "de"
    assert german.score < 0.01
    assert german.skipped
    assert not cascade.look(f"<p>{GERMAN}</p>", "1", audited=True).skipped
    english = cascade.look(f"<p>{ENGLISH}</p>", "1", audited=False)
    assert not english.hopeless
    assert not english.checked
    everyone = Cascade(CascadeOptions(0.05, 1.0), "en", identifier)
    assert everyone.look(f"<p>{GERMAN}</p>", "1", audited=False).checked


@pytest.mark.parametrize("html", ["", "<p> </p>", "\0", "<script>x</script>", "<a" * 100_000])
def test_a_page_without_cheap_text_stays_open(html, identifier):
    cascade = Cascade(CascadeOptions(1.0, 0.0), "en", identifier)
    assert cascade.look(html, "1", audited=False) is None


def test_a_long_page_is_read_all_over(identifier):
    cascade = Cascade(CascadeOptions(), "en", identifier)
    html = f"<p>{GERMAN * 20}</p><p>{ENGLISH * 40}</p>"
    assert cascade.look(html, "1", audited=False).score > 0.1
    assert cascade.look(html[: 80 * 50], "1", audited=False).score < 0.01


def test_who_is_checked_has_nothing_to_do_with_who_is_audited():
    ids = [f"<urn:uuid:{number}>" for number in range(20_000)]
    checked = {name for name in ids if is_checked(name, 0.1)}
    audited = {name for name in ids if is_audited(name, 0.1)}
    assert len(checked) == pytest.approx(2_000, rel=0.1)
    assert len(checked & audited) == pytest.approx(200, rel=0.3)
    assert checked <= {name for name in ids if is_checked(name, 0.2)}


def test_text_that_need_not_be_extracted_is_not_looked_at():
    curator = Curator(load_recipe("fineweb", ["cascade={language: 1, check: 0}"]))
    file = CrawlFile(0, "x", "x", "local", 1, "", "crawl")
    url, date = "http://host.example/", "2024-01-01T00:00:00Z"
    wet = Page(0, 0, "1", url, date, is_text=True, body=GERMAN.encode(), content_type="text/plain",
               charset=None, identified_type=None, truncated=None, body_note=None)  # fmt: skip
    for item in (wet, Row(0, None, "1", url, date, GERMAN)):
        row = curator.curate(item, file).row
        assert row["rule"] == "not_english"
        assert "cascade.score" not in row
    html = replace(wet, is_text=False, body=f"<p>{GERMAN}</p>".encode(), content_type="text/html")
    assert is_skipped(curator.curate(html, file).row)


# Intervals.


def test_wilson_bounds():
    assert wilson(0, 100) == (0.0, pytest.approx(0.0370, abs=1e-4))
    assert wilson(5, 100) == (pytest.approx(0.0215, abs=1e-4), pytest.approx(0.1118, abs=1e-4))
    assert wilson(3, 3)[1] == 1


def test_bounds_of_a_sum_are_those_of_a_poisson_count_where_all_are_alike():
    # Garwood's exact bounds of a Poisson mean, 95 %.
    for count, low, high in ((1, 0.025, 5.572), (5, 1.623, 11.668), (50, 37.11, 65.92)):
        found = sum_interval(count, count, 1, 1)
        assert found == (pytest.approx(low, abs=0.02), pytest.approx(high, rel=0.01))
    assert sum_interval(0, 0, 1, 1) == (0, pytest.approx(3.689, rel=0.01))


@pytest.mark.parametrize("expected", [1, 4, 20])
def test_bounds_of_a_sum_of_uneven_sizes_cover_it(expected):
    chance = random.Random(expected)
    mean, mean_square = math.exp(0.5), math.exp(2)  # of a log-normal distribution with sigma 1
    covered = 0
    for _ in range(2_000):
        count = sum(chance.random() < expected / 200 for _ in range(200))
        sizes = [chance.lognormvariate(0, 1) for _ in range(count)]
        low, high = sum_interval(sum(sizes), sum(s * s for s in sizes), mean, mean_square)
        covered += low <= expected * mean <= high
    assert covered > 0.93 * 2_000


# Words.


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("cascade: 1", "cascade must be true, false or a map of options, not 1."),
        ("cascade: {languages: 0.1}", "cascade has no option 'languages'."),
        ("cascade: {language: 2}", "cascade.language must be a number from 0 to 1, not 2."),
        ("cascade: true\nextract: {resiliparse: {}}", "cascade spares an expensive extraction"),
        ("cascade: true\nstages: [{drop: {a: words < 5}}]", "needs a gate that wants one language"),
        (
            "cascade: on\nstages: [{gate: {a: language.score < 0.5}}]",
            "needs a gate that wants one language",
        ),
    ],
)
def test_a_recipe_that_cannot_have_a_cascade_says_why(written, says, tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"recipe: r\nextends: fineweb\n{written}\n")
    with pytest.raises(RecipeError, match=r"r\.yaml:3: ") as caught:
        load_recipe(str(recipe))
    assert says in str(caught.value)
    assert str(caught.value).count("\n") <= 2


def test_a_cascade_is_off_unless_somebody_asks_and_is_written_down():
    assert load_recipe("fineweb").cascade is None
    assert load_recipe("demo", ["cascade=off"]).cascade is None
    assert load_recipe("demo", ["cascade=on"]).cascade == CascadeOptions()
    asked = load_recipe("demo", ["cascade.language=0.1"])
    assert asked.cascade == CascadeOptions(language=0.1)
    assert asked.digest != load_recipe("demo", ["cascade=true"]).digest
    assert load_recipe("demo", ["not_english=de"]).wanted_language == "de"


def test_a_resolved_cascade_loads_as_the_same(tmp_path):
    asked = load_recipe("demo", ["cascade={language: 0.1, check: 0.5}"])
    (tmp_path / "again.yaml").write_text(asked.to_yaml())
    assert load_recipe(str(tmp_path / "again.yaml")) == asked


def test_calibrating_what_it_is_of_no_use_for(tmp_path, crawl):
    options, listener = RunOptions(engine="inline"), Listener()
    text = tmp_path / "rows.jsonl"
    text.write_text('{"text": "words"}\n')
    with pytest.raises(UsageError, match="holds text, of which nothing is extracted"):
        calibrate(load_recipe("demo", (), [str(text)]), tmp_path, options, listener,
                  loss=0.1, sample=5)  # fmt: skip
    plain = load_recipe("demo", ["extract={resiliparse: {}}"], [str(crawl)])
    with pytest.raises(UsageError, match="resiliparse is none"):
        calibrate(plain, tmp_path, options, listener, loss=0.1, sample=5)
    with pytest.raises(WorkError, match="no page of the sample was kept"):
        read_calibration([Judged(0.5, kept=False, tokens=0)], "en", 0.1)
