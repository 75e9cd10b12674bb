"""What notebooks and programs rely on: names, DataFrames, and the same results as the commands."""

import json
import subprocess
import sys

import pandas as pd
import pytest

import filters
import pipelines
from filters.errors import UsageError
from pipelines import Run, load_recipe, load_run, run
from tests.command import succeed
from tests.pipelines.small_run import RECIPE, differing, published


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def test_the_exported_names_are_these():
    assert sorted(filters.__all__) == [
        "CuveeError", "MinHasher", "Rule", "SIGNALS", "Signal", "Text", "UsageError", "WorkError",
        "measure", "parse_rule", "segmenter", "signal",
    ]  # fmt: skip
    assert sorted(pipelines.__all__) == [
        "Recipe", "Run", "load_recipe", "load_run", "recipes", "run", "sample_crawl", "signals",
    ]  # fmt: skip
    for package in (filters, pipelines):
        for name in package.__all__:
            item = getattr(package, name)
            assert item.__doc__, name
            assert not isinstance(item, type(sys)), f"{name} is a module"
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = package.nothing


def test_importing_the_packages_loads_nothing_slow():
    program = (
        "import sys, pipelines\nfrom filters import Text, signal\n"
        "slow = {'pandas', 'pyarrow', 'ray', 'spacy', 'datatrove', 'datasets'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_run_does_what_the_command_does(recipe, small_crawl, tmp_path, capsys):
    first = run(recipe, input=small_crawl, output=tmp_path / "api", set={"short": 60},
                engine="inline", limit=30)  # fmt: skip
    assert isinstance(first, Run)
    assert "curate" in capsys.readouterr().err
    succeed("run", recipe, "--input", small_crawl, "--output", tmp_path / "command",
            "--set", "short=60", "--engine", "inline", "--limit", "30")  # fmt: skip
    assert differing(published(tmp_path / "api"), published(tmp_path / "command")) == []

    loaded = load_recipe(str(recipe), ["short=60"])
    again = run(loaded, input=[small_crawl], output=tmp_path / "api", engine="inline", limit=30,
                progress=False)  # fmt: skip
    assert again.manifest == first.manifest
    assert capsys.readouterr().err == ""


def test_a_loaded_recipe_takes_no_set(recipe, small_crawl, tmp_path):
    loaded = load_recipe(str(recipe))
    with pytest.raises(UsageError, match="load_recipe"):
        run(loaded, input=small_crawl, output=tmp_path / "run", set={"short": 60})


def test_a_run_is_read_as_data_frames(base):
    loaded = load_run(base.root)
    manifest = loaded.manifest
    ledger = loaded.ledger()
    assert len(ledger) == manifest["pages"]
    assert (ledger["status"] == "kept").sum() == manifest["rows"] == len(loaded.dataset())
    assert isinstance(ledger["text.lexical_words"].dtype, pd.ArrowDtype)
    assert ledger["text.lexical_words"].isna().any()
    assert ledger["text.lexical_words"].dropna().map(type).eq(int).all()
    tokens = loaded.tokens()
    assert (tokens["input_ids"].map(len) == tokens["token_count"]).all()
    assert tokens["token_count"].sum() == manifest["tokens"]
    assert list(loaded.documents(["id", "text"]).columns) == ["id", "text"]
    assert loaded.funnel()["pages"].sum() == manifest["pages"]
    assert "very_short" in loaded._repr_html_()


def test_a_column_that_is_not_there_is_told(base):
    with pytest.raises(UsageError, match=r"no column 'ruel'.\n  Did you mean 'rule'"):
        load_run(base.root).ledger(["url", "ruel"])


def test_show_and_status_agree_with_the_commands(base):
    loaded = load_run(base.root)
    shown = loaded.show("very_short", n=2)
    told = json.loads(succeed("show", base.root, "--rule", "very_short", "-n", "2", "--json"))
    assert list(shown["url"]) == [page["url"] for page in told["pages"]]
    assert list(shown["text"]) == [page["text"] for page in told["pages"]]
    assert list(shown["text.lexical_words"]) == [
        page["signals"]["text.lexical_words"] for page in told["pages"]
    ]
    assert set(loaded.show(kept=True, n=4)["status"]) == {"kept"}
    with pytest.raises(UsageError, match="Did you mean 'very_short'"):
        loaded.show("very_shor")
    stages = json.loads(succeed("status", base.root, "--json"))["stages"]
    assert loaded.status()["done"].to_dict() == {
        name: units["done"] for name, units in stages.items()
    }


def test_the_lists_are_those_of_the_commands():
    told = json.loads(succeed("signals", "--json"))["signals"]
    assert pipelines.signals().to_dict("records") == told
    assert "fineweb" in set(pipelines.recipes()["name"])


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no run of cuvee"):
        load_run(tmp_path)


def test_a_filter_can_be_tried_on_a_text():
    text = "The cat sat. The dog ran.\n\nThe cat sat."
    assert filters.measure(text, "words", "text.sentences", "dup_paragraphs") == {
        "words": 12, "sentences": 3, "dup_paragraphs": 0,
    }  # fmt: skip
    assert filters.measure(text)["lines"] == 3
    for name in ("language.code", "wrods"):
        with pytest.raises(UsageError):
            filters.measure(text, name)
