"""Several recipes on one crawl: each run as if alone, nothing done twice, who keeps what."""

import base64
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from filters.errors import UsageError
from pipelines import api
from pipelines.compare.frames import Compared
from pipelines.compare.overlap import Example, Overlap, find_overlap
from pipelines.compare.page import write_comparison
from pipelines.compare.together import Together, run_together
from pipelines.compare.told import compare_facts, compare_parts
from pipelines.pipeline import RunOptions
from pipelines.recipe import load_recipe
from tests.command import cuvee
from tests.pipelines.small_run import (
    RECIPE,
    Finished,
    differing,
    do_run,
    edited,
    published,
)
from tests.pipelines.units import Listener

OTHER = """\
recipe: other
extract: {justext: {}}
stages:
- gate:
    not_english: language.code != "en"
- edit: {c4_lines: {}}
- drop:
    too_few_sentences: c4_lines.sentences < 3
    short: lexical_words < 20
- dedup: {url: {}, lines: {}}
- drop: {few_words: alpha_words < 40}
tokenizer: {train: {vocab_size: 400}}
"""
STRICT = edited(edited(RECIPE, "recipe: small", "recipe: strict"), "words < 50", "words < 60")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    for name, written in (("small", RECIPE), ("strict", STRICT), ("other", OTHER)):
        (folder / f"{name}.yaml").write_text(written)
    return folder


def loaded(folder: Path, crawl: Path, *names: str) -> list[Any]:
    return [load_recipe(str(folder / f"{name}.yaml"), (), [str(crawl)]) for name in names]


OPTIONS = RunOptions(engine="inline", limit=30)


@pytest.fixture(scope="module")
def together(folder: Path, small_crawl: Path) -> Together:
    recipes = loaded(folder, small_crawl, "small", "strict", "other")
    return run_together(recipes, folder / "runs", OPTIONS, Listener())


@pytest.fixture(scope="module")
def overlap(together: Together) -> Overlap:
    return find_overlap(together.runs, examples=2)


def test_each_run_is_what_it_would_be_alone(
    together: Together, base: Finished, small_crawl: Path, tmp_path: Path
):
    assert list(together.runs) == ["small", "strict", "other"]
    assert differing(published(together.runs["small"]), published(base.root)) == []
    do_run(OTHER, small_crawl, tmp_path / "alone")
    assert differing(published(together.runs["other"]), published(tmp_path / "alone")) == []


def rows_of(root: Path) -> Mapping[tuple[str, int], Mapping[str, Any]]:
    return Finished(root).ledger()


def test_each_thing_is_done_once(together: Together):
    pages = len(rows_of(together.runs["small"]))
    done, asked = together.done, together.asked
    assert done["decode"] == pages
    past = _past_url(together)
    assert 0 < past < pages
    assert done["extract"] == past + pages, "two extractors; one recipe has no gate of addresses"
    assert asked["extract"] == asked["decode"] == 2 * past + pages
    assert done["url"] * 2 == asked["url"], "the third recipe does not ask"
    measured = rows_of(together.runs["small"]).values()
    signals = [name for name in next(iter(measured)) if name.startswith("text.")]
    of_texts = sum(row[name] is not None for row in measured for name in signals)
    assert of_texts < done["signal"] < asked["signal"] - of_texts / 2


def _past_url(together: Together) -> int:
    rows = rows_of(together.runs["small"]).values()
    return sum(row["stage"] != "url" or row["audited"] for row in rows)


def test_who_keeps_what_is_what_the_ledgers_say(together: Together, overlap: Overlap):
    kept = {
        name: {key for key, row in rows_of(root).items() if row["status"] == "kept"}
        for name, root in together.runs.items()
    }
    assert overlap.pages == len(rows_of(together.runs["other"]))
    for name, pages in kept.items():
        elsewhere = set().union(*(kept[other] for other in kept if other != name))
        assert overlap.kept(name) == overlap.kept(name, name) == len(pages)
        assert overlap.only(name) == len(pages - elsewhere)
        assert overlap.tokens[name] == sum(
            rows_of(together.runs[name])[key]["token_count"] for key in pages
        )
        for other, others in kept.items():
            assert overlap.kept(name, other) == len(pages & others)
    assert overlap.all_of_them() == len(set.intersection(*kept.values())) > 0
    assert overlap.any_of_them() == len(set.union(*kept.values()))
    assert overlap.only("strict") == 0, "what is stricter keeps nothing of its own"


def test_examples_are_pages_that_only_one_keeps(together: Together, overlap: Overlap):
    examples = overlap.examples["other"]
    assert len(examples) == min(2, overlap.only("other")) > 0
    for example in examples:
        key = (example.file_path, example.record)
        assert rows_of(together.runs["other"])[key]["status"] == "kept"
        for name, why in example.others.items():
            row = rows_of(together.runs[name])[key]
            assert why == f"{row['stage']}: {row['rule']}"
        assert example.others.keys() == {"small", "strict"}


def test_the_same_again_does_nothing_and_says_the_same(
    together: Together, overlap: Overlap, folder: Path, small_crawl: Path
):
    recipes = loaded(folder, small_crawl, "small", "strict", "other")
    before = {name: published(root) for name, root in together.runs.items()}
    again = run_together(recipes, folder / "runs", OPTIONS, Listener())
    assert {name: published(root) for name, root in again.runs.items()} == before
    assert find_overlap(again.runs, examples=2) == overlap
    facts = compare_facts(again, overlap)
    assert json.loads(json.dumps(facts))["recipes"]["small"]["kept_with"]["other"] >= 0


def test_the_command(folder: Path, small_crawl: Path):
    given = ("--input", small_crawl, "--engine", "inline", "--limit", "10", "-n", "1")
    files = (folder / "small.yaml", folder / "other.yaml")
    done = cuvee("compare", *files, *given, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["recipes"].keys() == {"small", "other"}
    assert told["pages"] == 20


def test_what_a_person_sees(together: Together, overlap: Overlap):
    console = Console(width=160, record=True, file=io.StringIO())
    for part in compare_parts(together, overlap):
        console.print(part)
    text = console.export_text()
    assert re.search(rf"^strict +{overlap.kept('strict'):,} ", text, re.MULTILINE)
    assert f"Only other keeps ({overlap.only('other'):,} pages), for example" in text
    assert f"{overlap.pages:,} pages; {overlap.any_of_them():,} are kept by some" in text
    assert f"extract {together.done['extract']:,} of {together.asked['extract']:,}" in text


def test_the_page_shows_it_and_lets_nothing_in(
    together: Together, overlap: Overlap, tmp_path: Path
):
    hostile = Example("http://a.example/<script>alert(1)</script>\x1b[31m", "f", 1, 2, {"b": "<b>"})
    found = replace(overlap, examples={**overlap.examples, "small": [hostile]})
    html = write_comparison(together, found, tmp_path / "compare.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;·[31m" in html
    assert "<script" not in html
    assert "b: &lt;b&gt;" in html
    assert not re.findall(r'(?:src|href)="(?!data:,|#)', html)
    policy = re.search(r'Policy" content="([^"]*)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert policy
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy[1]
    assert "{{" not in html.replace(style[1], "")
    cells = re.findall(r'<text class="tiny[^"]*"[^>]*>([\d,]+)</text>', html)
    assert cells == [f"{found.kept(one, two):,}" for one in found.names for two in found.names]


def test_in_a_notebook(together: Together, overlap: Overlap, folder: Path, small_crawl: Path):
    frames = Compared(together, overlap)
    kept = frames.kept()
    assert list(kept.index) == ["small", "strict", "other"]
    assert kept["kept"].to_dict() == {name: overlap.kept(name) for name in overlap.names}
    pairs = frames.overlap()
    assert pairs.loc["small", "other"] == pairs.loc["other", "small"]
    assert [pairs.loc[name, name] for name in pairs.index] == kept["kept"].to_list()
    examples = frames.examples()
    assert set(examples["recipe"]) <= set(overlap.names)
    assert (examples["recipe"] != examples["other"]).all()
    assert (frames.work()["done"] <= frames.work()["asked"]).all()
    again = api.compare(
        loaded(folder, small_crawl, "small", "strict", "other"),
        output=folder / "runs", engine="inline", limit=30, progress=False,
    )  # fmt: skip
    assert again.kept().drop(columns="seconds").equals(kept.drop(columns="seconds"))
    with pytest.raises(UsageError, match="one recipe alone"):
        api.compare(["gopher"], output=folder / "one")


def test_what_cannot_be_compared_is_told(folder: Path, small_crawl: Path):
    done = cuvee("compare", "gopher", "--input", small_crawl)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cuvee: compare: one recipe alone.\n  Name at least two;")
    twice = loaded(folder, small_crawl, "small", "small")
    with pytest.raises(UsageError, match="two recipes are called 'small'"):
        run_together(twice, folder / "twice", OPTIONS, Listener())
