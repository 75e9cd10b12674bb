"""What a recipe names that is not here yet is said before it is waited for, by every command."""

import json
from pathlib import Path

import pytest

from pipelines.assets import cache_folder
from pipelines.compare.together import run_together
from pipelines.fetching import fetch_named
from pipelines.pipeline import RunOptions
from pipelines.plan import PlanOptions, make_plan
from pipelines.recipe import Recipe, load_recipe
from tests.command import cuvee
from tests.pipelines.small_run import RECIPE, Finished, do_run, edited, made_pages
from tests.pipelines.units import Listener
from tests.pipelines.warc_bytes import gzip_each

MODEL = "Language model lid.176.ftz (CC-BY-SA-3.0"
MADE = ("models", "lists")
INLINE = RunOptions(engine="inline")


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without models and lists, which has the packages that they are made of."""
    (tmp_path / "cache").mkdir()
    for held in cache_folder().iterdir():
        if held.name not in MADE:
            (tmp_path / "cache" / held.name).symlink_to(held)
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl/a.warc.gz").write_bytes(gzip_each(made_pages()))
    return tmp_path / "crawl"


def recipe(folder: Path, crawl: Path, name: str = "small") -> Recipe:
    path = folder / f"{name}.yaml"
    path.write_text(edited(RECIPE, "recipe: small", f"recipe: {name}"))
    return load_recipe(str(path), (), [str(crawl)])


def times(told: list[str], line: str) -> int:
    return sum(each.startswith(line) for each in told)


def test_each_is_said_once_with_its_licence_and_source(fresh: Path):
    told: list[str] = []
    fetch_named(load_recipe("c4"), told.append)
    assert times(told, MODEL) == 1
    assert times(told, "List c4_bad_words_en.txt (CC-BY-4.0, ") == 1
    assert all((fresh / name).is_dir() for name in MADE)
    again: list[str] = []
    fetch_named(load_recipe("c4"), again.append)
    assert again == []


@pytest.mark.usefixtures("fresh")
def test_a_run_says_it_and_writes_it_down(crawl: Path, tmp_path: Path):
    heard = Listener()
    do_run(RECIPE, crawl, tmp_path / "run", heard)
    assert times(heard.told, MODEL) == 1
    lines = (tmp_path / "run/events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert times([event.get("line", "") for event in events], MODEL) == 1


@pytest.mark.usefixtures("fresh")
def test_a_plan_says_it(crawl: Path, tmp_path: Path):
    heard = Listener()
    make_plan(recipe(tmp_path, crawl), PlanOptions(INLINE), heard)
    assert times(heard.told, MODEL) == 1


@pytest.mark.usefixtures("fresh")
def test_a_comparison_says_it_once_for_all(crawl: Path, tmp_path: Path):
    heard = Listener()
    both = [recipe(tmp_path, crawl, name) for name in ("one", "two")]
    run_together(both, tmp_path / "runs", INLINE, heard)
    assert times(heard.told, MODEL) == 1


def test_verify_says_it_beside_what_it_prints(fresh: Path, base: Finished):
    checked = cuvee("verify", base.root, "--sample", "3", "--json")
    assert checked.returncode == 0, checked.stderr
    assert times(checked.stderr.splitlines(), MODEL) == 1
    assert json.loads(checked.stdout)["ok"]
    assert (fresh / "models").is_dir()
