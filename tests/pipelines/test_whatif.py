"""What a ledger says of another recipe equals a real run with it."""

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import UsageError
from pipelines.audit import Audit
from pipelines.audit.changes import Changes, changed_recipe, save_recipe
from pipelines.audit.estimate import Sample, pages_beyond, tokens_beyond
from pipelines.audit.ledger import open_ledger
from pipelines.audit.steps import FIRST_BLOCK
from pipelines.audit.whatif import moved_pages, whatif
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from tests.command import cuvee, succeed
from tests.pipelines.small_run import RECIPE, Finished, do_run, edited
from tests.pipelines.units import Listener

Key = tuple[str, int]
Row = Mapping[str, Any]

CHANGES = {
    "tighter": Changes(sets=("short=100",)),
    "looser, last block": Changes(sets=("too_few_sentences=2",)),
    "looser, behind which rules lie": Changes(sets=("alpha=0.6",)),
    "left out": Changes(drops=("line_punct_ratio", "very_short")),
    "added": Changes(adds=("few_stops: c4_lines.terminal_lines / c4_lines.nonblank_lines < 0.5",)),
    "a gate tightened": Changes(sets=("unsure_language=0.9",)),
    "another rule by that name": Changes(sets=('long="alpha_words / words < 0.86"',)),
    "several": Changes(sets=("short=20", "alpha=0.85"), drops=("curly_bracket",)),
}


@pytest.fixture(scope="module")
def wide(
    sample_crawl: Path,
    small_crawl: Path,
    base: Finished,
    tmp_path_factory: pytest.TempPathFactory,
) -> Finished:
    """A run over some pages of every file of the sample crawl, and made ones that repeat."""
    folder = tmp_path_factory.mktemp("wide")
    shutil.copytree(sample_crawl, folder / "crawl")
    shutil.copy2(small_crawl / "b.warc.gz", folder / "crawl/b.warc.gz")
    fixed = f"tokenizer: {base.root / 'tokenizer.json'}"  # the same, whatever is kept
    recipe = edited(RECIPE, "tokenizer: {train: {vocab_size: 400}}", fixed)
    do_run(recipe, folder / "crawl", folder / "run")
    return Finished(folder / "run")


def run_again(root: Path, changes: Changes) -> dict[Key, Row]:
    """Run the changed recipe on a copy of the run's folder; return its ledger."""
    ledger = open_ledger(root)
    recipe = root.parent / "changed.yaml"
    save_recipe(changed_recipe(ledger, changes), recipe)
    run(load_recipe(str(recipe)), root, RunOptions(engine="inline", limit=30), Listener())
    return Finished(root).ledger()


def outcome(row: Row) -> tuple[str, str | None, str | None]:
    return row["status"], row["stage"], row["rule"]


def past_rules(row: Row) -> bool:
    return row["status"] == "kept" or row["stage"] == "dedup"


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_a_replay_is_a_run_page_by_page(name: str, wide: Finished, tmp_path: Path):
    changes = CHANGES[name]
    ledger, before = open_ledger(wide.root), wide.ledger()
    moved = {(m.file_path, m.record): m for m in moved_pages(ledger, changes).itertuples()}
    told = whatif(ledger, changes)
    after = run_again(wide.copy(tmp_path / "run"), changes)
    assert after.keys() == before.keys()
    assert moved
    differing = unknown = 0
    for key, row in after.items():
        expected = moved.get(key)
        if expected is None:
            same = (
                past_rules(row) if past_rules(before[key]) else outcome(row) == outcome(before[key])
            )
            differing += not same
        elif expected.new_status == "passes":
            differing += not past_rules(row)
        elif expected.new_status == "unknown":
            unknown += 1
            differing += outcome(row) == outcome(before[key])
        else:
            differing += (row["status"], row["rule"]) != (expected.new_status, expected.new_rule)
    assert differing == 0
    passing = sum(map(past_rules, after.values()))
    kept = sum(row["status"] == "kept" for row in after.values())
    assert told.after.passing.pages.low <= passing <= told.after.passing.pages.high
    assert told.after.kept.pages.low <= kept <= told.after.kept.pages.high
    if not unknown:
        assert told.after.passing.pages.exact
        assert told.after.passing.pages.value == passing
    if told.after.kept.pages.exact:
        tokens = sum(row["token_count"] for row in after.values() if row["status"] == "kept")
        assert told.after.kept.pages.value == kept
        if told.gained.empty:
            assert told.after.kept.tokens.value == tokens


def audited_otherwise(full: Path, root: Path, seed: int, share: float) -> Path:
    """Copy a run that measured everything, as it would be had it audited a share of the pages."""
    for name in ("commits", "recipe.yaml", "manifest.json"):
        source = full / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, root / name)
    plan = open_ledger(full).plan
    first: dict[str, int] = {}
    for step in plan.steps:
        for column in step.columns:
            first.setdefault(column, step.block)
    block = {(step.stage, step.rule.name): step.block for step in plan.steps}
    chance = random.Random(seed)
    (root / "ledger").mkdir()
    for path in sorted((full / "ledger").glob("*.parquet")):
        table = pq.read_table(path)
        rows = table.to_pylist()
        for row in rows:
            row["audited"] = chance.random() < share
            last = block.get((row["stage"], row["rule"]), 0 if row["stage"] else 99)
            if row["stage"] == "dedup":
                last = 99
            if not row["audited"]:
                row.update({c: None for c, b in first.items() if b > max(last, FIRST_BLOCK - 1)})
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), root / "ledger" / path.name)
    return root


@pytest.mark.slow
def test_intervals_hold_the_truth_of_a_real_run_in_18_of_20_trials(demo_run: Path, tmp_path: Path):
    looser = Changes(sets=("gopher_below_alpha_threshold=0.7", "gopher_short_doc=30"))
    recipe = tmp_path / "changed.yaml"
    save_recipe(changed_recipe(open_ledger(demo_run), looser), recipe)
    again = tmp_path / "again"
    shutil.copytree(demo_run, again, copy_function=shutil.copy2)
    succeed("run", recipe, "--output", again, "--engine", "inline")
    rows = pq.read_table(again / "ledger", partitioning=None).to_pylist()
    truth = sum(map(past_rules, rows))
    exact = whatif(open_ledger(demo_run), looser).after.passing.pages
    assert exact.exact
    assert exact.value == truth
    held = 0
    widths = []
    for seed in range(20):
        root = tmp_path / f"trial-{seed}"
        root.mkdir()
        found = whatif(open_ledger(audited_otherwise(demo_run, root, seed, 0.2)), looser, shown=0)
        pages = found.after.passing.pages
        widths.append(pages.high - pages.low)
        held += pages.low <= truth <= pages.high
        shutil.rmtree(root)
    assert held >= 18
    assert min(widths) > 0
    assert max(widths) < truth


def test_an_interval_of_pages_holds_the_truth_19_of_20_times():
    chance = random.Random(5)
    held = 0
    for _ in range(400):
        size, share = chance.randint(40, 400), chance.random()
        pages = [chance.random() < share for _ in range(size)]
        looked = [chance.random() < 0.15 for _ in pages]
        hits = sum(p for p, seen in zip(pages, looked, strict=True) if seen)
        others = size - sum(looked)
        found = pages_beyond(Sample(sum(looked), hits), others)
        held += found.low <= sum(pages) - hits <= found.high
    assert held >= 370


def test_an_interval_of_tokens_holds_the_truth_as_often():
    chance = random.Random(6)
    held = 0
    for _ in range(400):
        size, share = chance.randint(100, 600), chance.uniform(0.1, 0.9)
        pages = [(chance.lognormvariate(5, 1), chance.random() < share) for _ in range(size)]
        seen = [page for page in pages if chance.random() < 0.2]
        have = [tokens for tokens, hit in seen if hit]
        lack = [tokens for tokens, hit in seen if not hit]
        squares = [sum(t * t for t in group) for group in (have, lack)]
        sample = Sample(len(seen), len(have), sum(have) + sum(lack), sum(have), *squares)
        total = sum(tokens for tokens, _ in pages) - sample.tokens
        found = tokens_beyond(sample, size - len(seen), total)
        truth = sum(tokens for tokens, hit in pages if hit) - sample.hit_tokens
        held += found.low <= truth <= found.high
    assert held >= 365


def test_nothing_is_estimated_where_nothing_is_unknown():
    assert pages_beyond(Sample(3, 1), 0).exact
    nothing = pages_beyond(Sample(0, 0), 8)
    assert (nothing.low, nothing.high, nothing.informed) == (0, 8, False)
    assert tokens_beyond(Sample(5, 5, 50, 50, 500, 0), 10, 100).low < 100


def test_a_curve_is_a_what_if_at_every_threshold(demo_run: Path):
    audit = Audit(demo_run)
    for rule in ("too_few_sentences", "short_line_ratio", "gopher_short_doc"):
        curve = audit.sweep(rule, points=6).curve
        assert len(curve) >= 5
        for point in curve.itertuples():
            told = audit.whatif(set={rule: point.threshold})
            assert told.after.passing.pages.value == point.pages, (rule, point.threshold)
    marks = audit.sweep("gopher_short_doc").marks
    assert {"this run", "fineweb", "gopher"} <= {mark.who for mark in marks}


def test_tuned_thresholds_keep_what_they_say(demo_run: Path):
    audit = Audit(demo_run)
    texts = audit.rules().query("rule == 'dup_para_frac'")["reached_pages"].iloc[0]
    for keep in (0.1, 0.2, 0.4):
        tuned = audit.tune(keep)
        assert tuned.kept_after == pytest.approx(keep, abs=0.06)
        told = audit.whatif(set=dict(text.split("=") for text in tuned.sets))
        assert told.after.passing.pages.value / texts == pytest.approx(tuned.kept_after, abs=1e-9)
    same = audit.tune(like=audit)
    assert same.sets == ()
    assert same.kept_before == same.kept_after


def test_a_saved_recipe_is_the_changed_one(demo_run: Path, tmp_path: Path):
    file = tmp_path / "mine.yaml"
    succeed(
        "whatif", demo_run, "--set", "gopher_short_doc=30", "--drop", "list_ratio",
        "--add", "dense: c4_lines.newlines / c4_lines.words > 0.2", "--save", file,
    )  # fmt: skip
    names = [rule.name for _, rule in load_recipe(str(file)).rules()]
    assert names[-1] == "dense"
    assert "list_ratio" not in names
    constants = {rule.name: rule.constant for _, rule in load_recipe(str(file)).rules()}
    assert constants["gopher_short_doc"] == 30


def test_what_no_ledger_can_say_is_said_in_words(demo_run: Path):
    ledger = open_ledger(demo_run)
    for change, word in (
        ("pii.kinds=[email]", "edit"),
        ("minhash.bands=7", "repeat"),
        ("tokenizer=gpt2", "tokenizer"),
        ("extract.trafilatura.favor_precision=false", "extraction"),
    ):
        found = whatif(ledger, Changes(sets=(change,)))
        assert any(word in line for line in found.open), (change, found.open)
        assert found.lost.empty
        assert found.gained.empty
    loosened = whatif(ledger, Changes(sets=("too_few_sentences=2",)))
    assert loosened.open == []
    assert any("Deduplication has to run again" in note for note in loosened.notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (Changes(sets=("gopher_short=3",)), "Did you mean 'gopher_short_doc'"),
        (Changes(drops=("lorem",)), "Did you mean 'lorem_ipsum'"),
        (Changes(adds=("x: text.chars",)), "is not of the form"),
        (Changes(adds=("no colon",)), "is not of the form"),
        (Changes(adds=("x: ellipsis / words > 1",)), "has not measured"),
        (Changes(adds=("list_ratio: words < 1",)), "has a rule 'list_ratio'"),
    ],
)
def test_errors_name_the_nearest_right_name(demo_run: Path, changes: Changes, words: str):
    with pytest.raises(UsageError, match=words) as raised:
        whatif(open_ledger(demo_run), changes)
    assert len(str(raised.value).splitlines()) <= 3


def test_commands_refuse_what_has_no_meaning(demo_run: Path):
    for arguments, words in (
        (("whatif", demo_run), "nothing is changed"),
        (("sweep", demo_run, "list_ration"), "Did you mean 'list_ratio'"),
        (("tune", demo_run), "--keep SHARE"),
    ):
        done = cuvee(*arguments)
        assert done.returncode == 2, arguments
        assert words in done.stderr, (arguments, done.stderr)
    with pytest.raises(UsageError, match="no threshold"):
        Audit(demo_run).sweep("not_english")


def test_a_signal_of_another_version_is_refused(base: Finished, tmp_path: Path):
    root = base.copy(tmp_path / "run")
    for path in (root / "ledger").glob("*.parquet"):
        table = pq.read_table(path)
        at = table.schema.get_field_index("text.lexical_words")
        field = table.schema.field(at).with_metadata({"version": "0", "fingerprint": "x"})
        pq.write_table(table.cast(table.schema.set(at, field)), path)
    with pytest.raises(UsageError, match="measured by version 0"):
        whatif(open_ledger(root), Changes(sets=("short=20",)))


def test_commands_print_tables_and_json(demo_run: Path):
    assert "removed first" in succeed("audit", demo_run)
    assert "domain " in succeed("audit", demo_run, "--by", "domain", "--top", "3")
    audit = json.loads(succeed("audit", demo_run, "--json"))
    assert audit["rules"][0]["alone_pages_low"] is not None
    assert {"kind", "rule", "says"} == audit["findings"][0].keys()
    said = succeed("whatif", demo_run, "--set", "gopher_short_doc=80", "-n", "2")
    assert "Lost, for example:" in said
    assert "cuvee run" in said
    told = json.loads(succeed("whatif", demo_run, "--set", "gopher_short_doc=80", "--json"))
    assert told["after"]["passing"]["pages"]["value"] < told["before"]["passing"]["pages"]["value"]
    assert len(told["lost_examples"]) == 10
    assert "this run" in succeed("sweep", demo_run, "line_punct_ratio")
    assert json.loads(succeed("sweep", demo_run, "line_punct_ratio", "--json"))["curve"]
    assert "pass every rule now" in succeed("tune", demo_run, "--keep", "0.2")


def test_a_rule_that_has_removed_nothing_may_be_changed(base: Finished):
    run = Audit(base.root)
    assert run.rules().set_index("rule")["removed_pages"]["long"] == 0
    before = run.whatif(drop=["long"])
    assert before.after == before.before
    assert run.whatif(set={"long": 60}).lost["rule"].tolist() == ["long"]
