"""Several languages in one run: each page is decided as the recipe of its language alone would."""

import base64
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from filters.errors import UsageError
from pipelines.audit import Audit
from pipelines.audit.changes import Changes, changed_recipe, save_recipe
from pipelines.audit.ledger import open_ledger
from pipelines.audit.proposal import stop_words
from pipelines.audit.steps import COLUMNS
from pipelines.audit.whatif import moved_pages
from pipelines.card.sections import _condition
from pipelines.curator import Curator
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.recipe.by_language import for_language
from pipelines.recipe.dump import recipe_yaml
from pipelines.report.write import read_data, write_report
from tests.command import cuvee, succeed
from tests.pipelines.small_run import Finished, differing, published
from tests.pipelines.units import Listener

SEVERAL = """\
recipe: several
extract: {resiliparse: {main_content: true}}
words: en
stages:
- gate:
    other_language: language.code != "en"
    unsure_language: language.score < 0.3
- drop:
    short: lexical_words < 50
    lists: newlines / words > 0.1
    few_letters: alpha_words / words < 0.7
- drop:
    few_stop_words: distinct_stop_words < 2
- dedup: {minhash: {ngram: 5, bands: 14, rows: 8}}
tokenizer: {train: {vocab_size: 400}}
keep_text: all
audit_fraction: 0.3
languages:
  eng_Latn: {words: en, stop_words: [the, of, and, to, in]}
  fra_Latn:
    words: fra_Latn
    stop_words: [de, la, le, et, les]
    set: {short: 10, lists: 0.5, unsure_language: 0.5}
  deu_Latn:
    words: deu_Latn
    stop_words: [der, die, und, von]
    set: {lists: 0.4, short: 30}
    drop: [few_letters]
"""
LABELS = ("en", "fr", "de")


def do_run(recipe: Path, crawl: Path, root: Path) -> Finished:
    run(load_recipe(str(recipe), (), [str(crawl)]), root, RunOptions(engine="inline"), Listener())
    return Finished(root)


@pytest.fixture(scope="module")
def crawl(sample_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("languages") / "crawl"
    folder.mkdir()
    shutil.copy2(sample_crawl / "formasaurus-00005.warc.gz", folder)
    return folder


@pytest.fixture(scope="module")
def several(crawl: Path) -> Finished:
    recipe = crawl.parent / "several.yaml"
    recipe.write_text(SEVERAL)
    return do_run(recipe, crawl, crawl.parent / "run")


def test_each_page_is_there_once_and_languages_pass(several: Finished):
    rows = several.ledger().values()
    assert len(rows) == 120
    kept = Counter(row["language"] for row in rows if row["status"] == "kept")
    assert set(kept) == set(LABELS)
    others = [row for row in rows if row["language"] not in (*LABELS, None)]
    assert {row["rule"] for row in others if row["stage"] == "language"} == {"other_language"}
    assert all(row["stage"] == "language" for row in others)


def texts_of(several: Finished) -> dict[tuple[str, int], str]:
    rows = pq.read_table(several.root / "documents", partitioning=None).to_pylist()
    return {(row["file_path"], row["record"]): row["text"] for row in rows}


@pytest.mark.parametrize("label", LABELS)
def test_a_page_is_decided_as_by_the_recipe_of_its_language(label, several: Finished, tmp_path):
    """Values and reason alike, of every page in the language that was not removed as a repeat."""
    ledger, texts = several.ledger(), texts_of(several)
    alone = tmp_path / "alone.yaml"
    alone.write_text(recipe_yaml(for_language(open_ledger(several.root).recipe, label).plain()))
    curator = Curator(load_recipe(str(alone)))
    signals = [name for name in curator.schema.names if name.startswith("text.")]
    rules = Counter()
    for key, row in ledger.items():
        if row["language"] != label:
            continue
        fresh = {"audited": row["audited"], "status": "kept", "stage": None, "rule": None}
        curated = curator.decide_text(fresh, texts[key], None)
        past = row["status"] == "kept" or row["stage"] == "dedup"
        assert curated.row["rule"] == (None if past else row["rule"])
        assert {name: curated.row.get(name) for name in signals if row[name] is not None} == {
            name: row[name] for name in signals if row[name] is not None
        }
        rules[curated.row["rule"]] += 1
    assert len(rules) > 1


def test_pages_of_another_language_are_audited_by_the_recipe_itself(several: Finished):
    rows = several.ledger().values()
    audited = [row for row in rows if row["rule"] == "other_language" and row["audited"]]
    assert any(row["text.words"] is not None for row in audited)


CHANGES = {
    "tighter in one": Changes(sets=("short[de]=200",)),
    "looser in one": Changes(sets=("lists[eng_Latn]=0.3",)),
    "off in one": Changes(sets=("short[eng_Latn]=off",)),
    "on again": Changes(sets=("few_letters[deu_Latn]=0.8",)),
    "for all": Changes(sets=("short=5",)),
    "left out": Changes(drops=("few_letters",)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_replay_is_a_run(name: str, several: Finished, tmp_path: Path):
    ledger = open_ledger(several.root)
    moved = {(m.file_path, m.record): m for m in moved_pages(ledger, CHANGES[name]).itertuples()}
    recipe = tmp_path / "changed.yaml"
    save_recipe(changed_recipe(ledger, CHANGES[name]), recipe)
    curator = Curator(load_recipe(str(recipe)))
    texts, seen = texts_of(several), 0
    for key, row in several.ledger().items():
        if key not in texts or row["language"] is None:
            continue
        fresh = {"audited": False, "status": "kept", "stage": None, "rule": None}
        rule = curator.decide_text(fresh, texts[key], None).row["rule"]
        past = row["status"] == "kept" or row["stage"] == "dedup"
        expected = moved.get(key)
        if expected is None:
            assert rule == (None if past else row["rule"])
        elif expected.new_status != "unknown":
            assert rule == (None if expected.new_status == "passes" else expected.new_rule)
            seen += 1
    assert moved
    assert seen


def test_changed_thresholds_of_a_language_judge_stored_text_again(several, crawl, tmp_path):
    root = several.copy(tmp_path / "again")
    recipe = tmp_path / "changed.yaml"
    recipe.write_text(SEVERAL.replace("lists: 0.4", "lists: 0.2"))
    do_run(recipe, crawl, root)
    fresh = do_run(recipe, crawl, tmp_path / "fresh")
    assert differing(published(root), published(fresh.root)) == []
    assert differing(published(root), published(several.root)) != []


def test_other_stop_words_of_a_language_are_another_measurement(several, tmp_path):
    recipe = tmp_path / "changed.yaml"
    recipe.write_text(SEVERAL.replace("[der, die, und, von]", "[der, die, und]"))
    curator = Curator(load_recipe(str(recipe)))
    then = Curator(load_recipe(str(several.root / "recipe.yaml"))).schema
    changed = [
        field.name for field in curator.schema if field.metadata != then.field(field.name).metadata
    ]
    assert changed == ["text.distinct_stop_words"]


def test_questions_of_one_language(several: Finished):
    rows = several.ledger().values()
    german = Audit(several.root, "deu_Latn")
    rules = german.rules().set_index("rule")
    assert "few_letters" not in rules.index
    removed = Counter(row["rule"] for row in rows if row["language"] == "de")
    assert rules.loc["short", "removed_pages"] == removed["short"]
    assert german.sweep("short").rule.constant == 30
    assert str(open_ledger(several.root).of_language("de").plan.step("lists").rule).endswith("0.4")
    with pytest.raises(UsageError, match="threshold for each language"):
        Audit(several.root).sweep("short")
    with pytest.raises(UsageError, match="differ by language"):
        Audit(several.root).tune(0.5)
    with pytest.raises(UsageError, match="no page in 'spa_Latn'"):
        Audit(several.root, "spa_Latn")


def test_the_report_decides_by_language(several: Finished):
    """What a script compares (the value 1) is what the rule says of the page in its language."""
    ledger = open_ledger(several.root)
    data = read_data(ledger, 5_000)
    ranks = [rank for rank, step in enumerate(ledger.plan.steps) if step.rule.others]
    assert {data["rules"][rank]["name"] for rank in ranks} >= {"short", "lists", "few_letters"}
    assert not {str(rank) for rank in ranks} & set(map(str, data["stops"]))
    rows = sorted(several.ledger().items())
    for rank in ranks:
        column, rule = data["sample"]["rules"][rank], ledger.plan.steps[rank].rule
        values = np.frombuffer(base64.b64decode(column["values"]), "<f8")
        places = np.frombuffer(base64.b64decode(column["places"]), "<u2")
        told = [None if place == 0xFFFF else bool(values[place]) for place in places]
        known = [{**row, **{name: row[at] for name, at in COLUMNS.items()}} for _, row in rows]
        assert told == [rule.fires(values) for values in known]
        assert data["rules"][rank]["shown"].startswith(rule.op)


def test_commands_of_one_language(several: Finished, tmp_path: Path):
    saved = tmp_path / "saved.yaml"
    asked = ("--set", "short=200", "--drop", "lists", "--language", "deu_Latn")
    told = succeed("whatif", several.root, *asked, "--save", saved)
    assert "Pages in de alone." in told
    rules = {rule.name: rule for _, rule in load_recipe(str(saved)).rules()}
    assert dict(rules["short"].others) == {"fr": 10, "de": 200}
    assert dict(rules["lists"].others) == {"fr": 0.5, "de": None}
    report = write_report(several.root, tmp_path / "de.html", language="deu_Latn")
    assert "Pages in de alone." in report.read_text("utf-8")
    with pytest.raises(UsageError, match="every language has the same rules"):
        Changes(adds=("x: words < 3",)).in_language(open_ledger(several.root).of_language("de"))


def test_a_shown_page_is_explained_in_its_language(several: Finished):
    pages = json.loads(succeed("show", several.root, "--rule", "lists", "-n", "50", "--json"))
    for page in pages["pages"]:
        lists = next(rule for rule in page["rules"] if rule["rule"] == "lists")
        assert lists["says"] == "decides"
        assert lists["value"] > {"fr": 0.5, "en": 0.1, "de": 0.4}[page["language"]]


def test_the_card_says_what_a_rule_asks_of_each_language(several: Finished, tmp_path: Path):
    root = tmp_path / "run"
    shutil.copytree(several.root, root)
    succeed("card", root)
    card = (root / "dataset" / "README.md").read_text("utf-8")
    table = card.partition("removed most by |")[2].partition("\n\n")[0]
    flows = {cells[1].strip(): cells[-2] for row in table.splitlines()
             if len(cells := row.split("|")) > 2}  # fmt: skip
    own = {"French": "0.5", "English": "0.1", "German": "0.4"}
    told = {name: flows[name] for name in own if "lists" in flows[name]}
    assert told, flows
    for name, cell in told.items():
        assert f"`> {own[name]}`" in cell.partition("lists")[2].partition(", `")[0]
    assert "`newlines / words > 0.1 (fr 0.5, de 0.4)`" in card


def test_examples_are_told_by_the_threshold_of_their_language(several: Finished):
    told = Counter[tuple[str, float]]()
    for example in read_data(open_ledger(several.root), 5_000)["examples"]:
        if (own := example["own"]) is not None:
            value, constant = own["value"], own["constant"]
            if own["op"] == "is none of":
                assert (value not in LABELS, constant) == (True, 3)
                continue
            assert value > constant if own["op"] == ">" else value < constant
            told[example["language"], constant] += 1
    assert told.total() > 3
    assert set(told) <= {
        *(("fr", 10), ("de", 30), ("en", 50), ("fr", 0.5), ("de", 0.4), ("en", 0.1)),
        *(("en", 0.3), ("de", 0.3), ("en", 0.7), ("fr", 0.7)),
    }


def test_a_page_is_told_what_its_language_asks(several: Finished):
    shown = " ".join(succeed("show", several.root, "--kept", "-n", "200").split())
    assert "(fr 0.5" not in shown
    for asked in ("newlines / words > 0.4", "newlines / words > 0.5", "newlines / words > 0.1"):
        assert asked in shown
    assert "not asked of pages in de" in shown


def test_a_long_list_of_thresholds_is_counted_in_the_cards_funnel():
    rules = {
        "lists": "newlines / words > 0.1 (" + ", ".join(f"l{n} 0.{n}" for n in range(2, 9)) + ")"
    }
    row = {"status": "dropped", "stage": "quality", "rule": "lists", "block": None}
    assert _condition(row, rules) == "`newlines / words > 0.1 (7 languages otherwise)`"


def test_what_needs_one_language_says_so(several: Finished):
    refused = cuvee("dedup-check", several.root)
    assert refused.returncode == 2
    assert "Check a run of one language" in refused.stderr
    assert "ok" in succeed("verify", several.root)


def test_nothing_of_a_recipe_of_one_language_is_new():
    recipe = load_recipe("fineweb2")
    assert "languages" not in recipe.resolved()
    assert not any(rule.others for _, rule in recipe.rules())


@pytest.mark.parametrize("method", ["quantile", "meanstd", "medianratio", "10tail"])
def test_thresholds_of_a_language_by_another(method, several: Finished):
    german, english = Audit(several.root, "de"), Audit(several.root, "en")
    tuned = german.tune(like=english, method=method)
    rules = tuned.rules.set_index("rule")
    assert {"lists", "short"} <= set(rules.index)
    slack = 1.5 / tuned.pages  # thresholds have four digits: a page may be on either side
    if method == "10tail":
        assert all(rules["removes"] <= 0.1 + slack)
    if method == "quantile":
        removed = english.tune(like=english).rules.set_index("rule")["removes"]
        assert all(
            rules.loc[name, "removes"] <= removed[name] + slack for name in ("lists", "short")
        )
    if method == "meanstd":
        frames = [audit.sample().query("stage != 'language'") for audit in (english, german)]
        (mean, std), (here, spread) = (
            (np.average(f["value.short"], weights=f["weight"]), weighted_spread(f)) for f in frames
        )
        assert rules.loc["short", "after"] == round(max(here + (50 - mean) / std * spread, 0))
    if method == "medianratio":
        theirs, ours = (middle(audit) for audit in (english, german))
        assert rules.loc["short", "after"] == round(50 / theirs * ours)


def middle(audit: Audit) -> float:
    """Return the least value of `short` with half of the pages' weight at or below it."""
    frame = audit.sample().query("stage != 'language'").sort_values("value.short")
    below = frame["weight"].cumsum()
    return float(frame["value.short"][below >= below.iloc[-1] / 2].iloc[0])


def test_methods_that_need_a_reference_say_so(several: Finished):
    for method in ("meanstd", "medianratio"):
        refused = cuvee("tune", several.root, "--language", "de", "--method", method)
        assert refused.returncode == 2
        assert refused.stderr == (
            f"cuvee: tune: {method} takes thresholds over from a reference.\n"
            "  Say which run: --like DIR\n"
        )


def test_stop_words_have_signs_that_are_no_letters(several: Finished):
    """As FineWeb-2's of French, in configs/fra_Latn.yml: l' and d' are among them."""
    found = stop_words(open_ledger(several.root).of_language("fr"))
    assert {"l'", "d'"} & set(found)
    assert all(any(map(str.isalpha, word)) for word in found)


def weighted_spread(frame) -> float:
    values, weights = frame["value.short"], frame["weight"]
    return np.average((values - np.average(values, weights=weights)) ** 2, weights=weights) ** 0.5


def test_a_proposed_file_is_a_layer_of_a_recipe(several: Finished, tmp_path: Path):
    """What `tune` writes for a language without a file is read as FineWeb-2's own."""
    recipe = tmp_path / "fine.yaml"
    recipe.write_text(
        "recipe: fine\nextends: fineweb2\ntokenizer: {train: {vocab_size: 400}}\nkeep_text: all\n"
        "audit_fraction: 1\nextract: {resiliparse: {main_content: true}}\nlanguages:\n"
        "  deu_Latn: {words: deu_Latn, stop_words: [x]}\n"
        "  eng_Latn: {words: en, stop_words: [the, of]}\n"
    )
    run_of = do_run(recipe, several.root.parent / "crawl", tmp_path / "run")
    file = tmp_path / "deu_Latn.yml"
    told = succeed(
        *("tune", run_of.root, "--language", "deu_Latn", "--like", run_of.root),
        *("--like-language", "eng_Latn", "--save", file),
    )
    assert f"Written: {file}" in told.replace("\n", "")
    again = tmp_path / "again.yaml"
    again.write_text(
        "recipe: again\nextends: fineweb2\nlanguages: {deu_Latn: {from: deu_Latn.yml}}\n"
    )
    layer = dict(load_recipe(str(again)).languages)["de"]
    assert {"der", "die", "und"} & set(layer.stop_words)
    scores = [row["language_score"] for row in run_of.ledger().values() if row["language"] == "de"]
    expected = np.clip(np.median(scores) - np.std(scores), 0.3, 0.9)
    rules = {rule.name: rule.of("de") for _, rule in load_recipe(str(again)).rules()}
    assert rules["unsure_language"].constant == round(float(expected), 3)
