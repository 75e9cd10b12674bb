"""Signals of one's own: modules that a recipe names, beside it or installed."""

import hashlib
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters.errors import RecipeError
from filters.signal import SIGNALS
from pipelines.curator import Curator
from pipelines.recipe import describe_signals, load_recipe
from pipelines.recipe.modules import activate
from pipelines.storage import CommitLog
from tests.command import succeed
from tests.pipelines.small_run import Finished, differing, do_run, edited, published

MODULE = '''\
"""Signals of this test."""

from filters import Text, signal

WORD = "river"


@signal(version=1)
def rivers(text: Text) -> int:
    """Count a word."""
    return text.raw.count(WORD)
'''
RECIPE = """\
recipe: outside
signals: [own_signals]
stages:
- gate: {not_english: language.code != "en"}
- drop: {short: words < 50, wet: rivers > 3}
- edit: {c4_lines: {terminal_punctuation: false}}
- drop: {flood: c4_lines.rivers / c4_lines.words > 0.5}
- dedup: {minhash: {}}
tokenizer: {train: {vocab_size: 400}}
max_failed_pages: 1
"""


@pytest.fixture(autouse=True)
def only_cuvees():
    """Leave no signal of a test behind for another."""
    yield
    activate(())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recipe and its module, which nothing can import."""
    (tmp_path / "own_signals.py").write_text(MODULE)
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path


def rivers_of(root: Path) -> dict[tuple[str, int], int | None]:
    return {key: row["text.rivers"] for key, row in Finished(root).ledger().items()}


def measure(folder: Path, text: str = "the river, the river and the sea") -> int:
    """Return what the recipe of a folder measures with its module."""
    judge = Curator(load_recipe(str(folder / "r.yaml"))).judges.common
    return int(judge.judge(text).values["text.rivers"])


def test_it_has_a_column_and_removes_pages(folder, small_crawl):
    outcome = do_run(RECIPE, small_crawl, folder / "run")
    table = pq.read_table(folder / "run/ledger", partitioning=None)
    assert str(table.schema.field("text.rivers").type) == "int64"
    texts = pq.read_table(folder / "run/documents", partitioning=None).to_pylist()
    counted = {(row["file_path"], row["record"]): row["text"].count("river") for row in texts}
    measured = {key: count for key, count in rivers_of(folder / "run").items() if count is not None}
    assert measured
    assert measured == {key: counted[key] for key in measured}
    removed = {row["rule"]: row["pages"] for row in outcome.manifest["funnel"]}
    assert removed["wet"] > 3
    written = (folder / "run/recipe.yaml").read_text()
    digest = hashlib.sha256(MODULE.encode()).hexdigest()
    assert f"signals: {{own_signals: {digest}}}" in written


def test_another_function_measures_stored_text_again_and_ends_like_a_fresh_run(
    folder, small_crawl, garbage
):
    do_run(RECIPE, small_crawl, folder / "run")
    before = rivers_of(folder / "run")
    (folder / "own_signals.py").write_text(edited(MODULE, '"river"', '"house"'))
    do_run(RECIPE, garbage, folder / "run")
    do_run(RECIPE, small_crawl, folder / "fresh")
    assert differing(published(folder / "run"), published(folder / "fresh")) == []
    assert rivers_of(folder / "run") != before
    curated = CommitLog(folder / "run").commits("curate").values()
    assert {commit.facts["read"] for commit in curated} == {"documents"}


def test_a_worker_of_ray_measures_with_the_source_that_the_recipe_carries(folder, small_crawl):
    arguments = ("--input", small_crawl, "--output", folder / "run", "--limit", "30")
    succeed("run", folder / "r.yaml", *arguments, "--workers", "1")
    assert sum(count or 0 for count in rivers_of(folder / "run").values()) > 10
    do_run(RECIPE, small_crawl, folder / "inline")
    assert differing(published(folder / "run"), published(folder / "inline")) == []


def test_a_changed_module_is_loaded_again_and_another_recipe_does_not_see_it(folder):
    assert measure(folder) == 2
    older = load_recipe(str(folder / "r.yaml"))
    (folder / "own_signals.py").write_text(edited(MODULE, '"river"', '"sea"'))
    assert measure(folder) == 1
    newer = load_recipe(str(folder / "r.yaml"))
    assert older.digest != newer.digest
    assert Curator(older).judges.common.judge("a river").values["text.rivers"] == 1
    assert Curator(newer).judges.common.judge("a river").values["text.rivers"] == 0

    (folder / "plain.yaml").write_text(edited(RECIPE, "signals: [own_signals]\n", ""))
    with pytest.raises(RecipeError, match="'rivers', which nothing measures"):
        load_recipe(str(folder / "plain.yaml"))
    assert "rivers" not in SIGNALS


def test_the_columns_depend_on_the_source(folder):
    def column() -> dict[str, str]:
        schema = Curator(load_recipe(str(folder / "r.yaml"))).schema
        return {name: str(schema.field(name).metadata) for name in ("text.rivers", "text.words")}

    before = column()
    assert column() == before
    (folder / "own_signals.py").write_text(f"{MODULE}# another line\n")
    after = column()
    assert after["text.rivers"] != before["text.rivers"]
    assert after["text.words"] == before["text.words"]


def test_modules_of_one_name_in_two_folders(folder):
    other = folder / "other"
    other.mkdir()
    (other / "own_signals.py").write_text(edited(MODULE, '"river"', '"sea"'))
    (other / "r.yaml").write_text(RECIPE)
    assert [measure(folder), measure(other), measure(folder)] == [2, 1, 2]
    (other / "own_signals.py").unlink()
    with pytest.raises(RecipeError, match="there is no module 'own_signals'"):
        load_recipe(str(other / "r.yaml"))


def test_a_recipe_that_extends_another_has_its_modules(folder):
    (folder / "sub").mkdir()
    (folder / "sub/r.yaml").write_text("extends: ../r.yaml\nrecipe: extended\n")
    assert measure(folder / "sub") == 2


def test_a_package_beside_the_recipe(folder):
    (folder / "own_signals.py").unlink()
    package = folder / "own_signals"
    package.mkdir()
    (package / "__init__.py").write_text(edited(MODULE, '"river"', '"x"').replace("WORD =", "_ ="))
    (package / "words.py").write_text('WORD = "river"\n')
    init = package / "__init__.py"
    init.write_text(f"{init.read_text()}\n\nfrom own_signals.words import WORD\n")
    assert measure(folder) == 2
    before = load_recipe(str(folder / "r.yaml")).digest
    (package / "words.py").write_text('WORD = "sea"\n')
    assert measure(folder) == 1
    assert load_recipe(str(folder / "r.yaml")).digest != before


def test_an_installed_module_by_its_dotted_name(folder, monkeypatch):
    package = folder / "site/own_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "counts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder / "site")
    (folder / "r.yaml").write_text(edited(RECIPE, "[own_signals]", "[own_package.counts]"))
    assert measure(folder) == 2
    rows = [row for row in describe_signals() if row.name == "rivers"]
    assert [(row.source, row.summary) for row in rows] == [
        ("own_package/counts.py", "Count a word.")
    ]
    (package / "counts.py").write_text(edited(MODULE, '"river"', '"ocean"'))
    assert measure(folder) == 0
    monkeypatch.delitem(sys.modules, "own_package")


def test_set_names_a_module_beside_the_recipe(folder):
    (folder / "r.yaml").write_text(edited(RECIPE, "[own_signals]", "[]"))
    recipe = load_recipe(str(folder / "r.yaml"), ["signals=[own_signals]"])
    assert [module.name for module in recipe.modules] == ["own_signals"]


def test_a_recorded_digest_is_believed_only_if_it_is_right(folder):
    digest = hashlib.sha256(MODULE.encode()).hexdigest()
    (folder / "r.yaml").write_text(edited(RECIPE, "[own_signals]", f"{{own_signals: {digest}}}"))
    assert measure(folder) == 2
    (folder / "own_signals.py").write_text(f"{MODULE}\n")
    with pytest.raises(RecipeError, match="'own_signals' has changed: sha256 "):
        load_recipe(str(folder / "r.yaml"))


def test_the_command_lists_them(folder):
    found = json.loads(succeed("signals", folder / "r.yaml", "--json"))["signals"]
    (row,) = [row for row in found if row["name"] == "rivers"]
    assert row["source"] == "own_signals.py"
    assert '"rivers"' not in succeed("signals", "--json")


WRONG = {
    "raises": (
        "from filters import signal\n\nWORD = {}['x']\n",
        "cannot be loaded: {folder}/own_signals.py:3: KeyError: 'x'.",
    ),
    "syntax": ("def f(:\n", "cannot be loaded: {folder}/own_signals.py:1: SyntaxError: "),
    "import": (
        "import no_such_thing\n",
        "cannot be loaded: {folder}/own_signals.py:1: ModuleNotFoundError: No module",
    ),
    "leaves": ("raise SystemExit(3)\n", "cannot be loaded: {folder}/own_signals.py:1: SystemExit"),
    "nothing": ("WORD = 1\n", "({folder}/own_signals.py) registers no signal.\n  Put @signal"),
    "taken": (
        edited(MODULE, "def rivers", "def words"),
        "signal 'words' of own_signals.py is already defined in filters/",
    ),
    "large": ("#" * 1_000_001, "has 1,000,001 bytes of source, more than 1,000,000."),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_module_is_said_where_the_recipe_names_it(folder, case):
    source, says = WRONG[case]
    known = dict(SIGNALS)
    (folder / "own_signals.py").write_text(source)
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(folder / "r.yaml"))
    assert str(caught.value).startswith(f"{folder}/r.yaml:2: ")
    assert says.format(folder=folder) in str(caught.value)
    assert str(caught.value).count("\n") <= 2
    assert known == SIGNALS
    (folder / "own_signals.py").write_text(MODULE)
    assert measure(folder) == 2


def test_a_module_that_others_use_is_not_loaded_over(folder):
    (folder / "typer.py").write_text(MODULE)
    (folder / "r.yaml").write_text(edited(RECIPE, "[own_signals]", "[typer]"))
    typer = sys.modules.get("typer") or __import__("typer")
    with pytest.raises(RecipeError, match="'typer' is the name of a module that is in use"):
        load_recipe(str(folder / "r.yaml"))
    assert sys.modules["typer"] is typer


def test_a_signal_that_raises_or_gives_no_count_costs_its_pages(folder, small_crawl):
    body = edited(MODULE, "text.raw.count(WORD)", "(1, 2.5)[text.raw.count(WORD) % 3]")
    (folder / "own_signals.py").write_text(body)
    outcome = do_run(RECIPE, small_crawl / "b.warc.gz", folder / "run")
    failed = {row["rule"] for row in outcome.manifest["funnel"] if row["status"] == "failed"}
    assert failed == {"error:rivers:float is no count", "error:rivers:IndexError"}
    assert outcome.manifest["pages"] == len(rivers_of(folder / "run"))
    assert "error:rivers:IndexError" in succeed("status", folder / "run")


def test_a_signal_that_would_end_the_process_costs_its_pages(folder, small_crawl):
    body = edited(MODULE, "text.raw.count(WORD)", "exit(3)")
    (folder / "own_signals.py").write_text(body)
    outcome = do_run(RECIPE, small_crawl / "b.warc.gz", folder / "run")
    failed = {row["rule"] for row in outcome.manifest["funnel"] if row["status"] == "failed"}
    assert failed == {"error:rivers:SystemExit"}


def test_who_only_looks_at_a_run_never_runs_what_its_recipe_names(folder, small_crawl):
    do_run(RECIPE, small_crawl / "b.warc.gz", folder / "run")
    root, marker = folder / "run", folder / "marker"
    planted = f"open({str(marker)!r}, 'w').close()\n{MODULE}"
    (root / "planted.py").write_text(planted)
    written = (root / "recipe.yaml").read_text()
    digest = hashlib.sha256(MODULE.encode()).hexdigest()
    (root / "recipe.yaml").write_text(
        edited(written, f"{{own_signals: {digest}}}", "[planted]").replace(
            "- dedup:", "- datatrove: {planted.Block: {}}\n- dedup:"
        )
    )
    shown = succeed("show", root, "--rule", "wet")
    assert "because rivers > 3 (it is " in shown
    for command in ("funnel", "status"):
        succeed(command, root)
    assert not marker.exists()

    # Whoever runs the recipe does run them: the module was there to be found.
    with pytest.raises(RecipeError):
        load_recipe(str(root / "recipe.yaml"))
    assert marker.exists()
