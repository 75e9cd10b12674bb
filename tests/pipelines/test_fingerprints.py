"""What fingerprints hold: everything that determines a column or a stage's files."""

from pathlib import Path

import pytest

from pipelines import ledger_columns
from pipelines.curator import Curator
from pipelines.execute import InlineEngine
from pipelines.manifest import package_versions
from pipelines.recipe import load_recipe
from pipelines.stages import context
from tests.pipelines.small_run import RECIPE, do_run, edited
from tests.pipelines.units import Listener

AFTER_EDIT = edited(RECIPE, "    alpha:", "    many_lines: lines > 10000\n    alpha:")


@pytest.fixture
def measured(tmp_path: Path):
    """Return a function: the fingerprint of every measured column of a recipe's ledger."""

    def of(written: str) -> dict[str, str]:
        (tmp_path / "small.yaml").write_text(written)
        schema = Curator(load_recipe(str(tmp_path / "small.yaml"))).schema
        found = {field.name: (field.metadata or {}).get(b"fingerprint") for field in schema}
        return {name: value.decode() for name, value in found.items() if value}

    return of


def changed(one: dict[str, str], other: dict[str, str]) -> set[str]:
    assert one.keys() == other.keys()
    return {name for name in one if one[name] != other[name]}


def test_columns_of_an_edited_text_tell_the_edits_options_apart(measured):
    plain = measured(AFTER_EDIT)
    other = measured(edited(AFTER_EDIT, "punctuation: false", "punctuation: true"))
    edited_columns = {name for name in plain if name.startswith("c4_lines.")}
    assert {name for name in plain if name.startswith("text.")}
    assert changed(plain, other) == edited_columns != set()


def test_an_option_that_says_the_default_changes_nothing(measured):
    said = edited(
        RECIPE, "punctuation: false", "punctuation: false, min_words_per_line: 3, policy: true"
    )
    assert changed(measured(RECIPE), measured(said)) == set()


def test_columns_of_gates_hold_the_model_and_the_lists(measured, monkeypatch):
    plain = measured(RECIPE)
    with monkeypatch.context() as patch:
        patch.setattr(ledger_columns, "sha256_of", lambda _: "another model")
        assert changed(plain, measured(RECIPE)) == {"language", "language_score"}
    lists = {**ledger_columns.list_digests(), "another list": "0"}
    monkeypatch.setattr(ledger_columns, "list_digests", lambda: lists)
    assert changed(plain, measured(RECIPE)) == {"url.block_reason"}


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch):
    """Return a function that gives a package another version."""
    real = context.version

    def upgrade(package: str) -> None:
        def version(name: str) -> str:
            return "99" if name == package else real(name)

        monkeypatch.setattr("pipelines.stages.context.version", version)
        monkeypatch.setattr("pipelines.manifest.version", version)

    return upgrade


def by_stage(root: Path) -> dict[str, str]:
    recipe = root / "small.yaml"
    recipe.write_text(RECIPE)
    loaded = load_recipe(str(recipe))
    run = context.RunContext(loaded, root, (), {}, None, InlineEngine(), Listener())
    return {stage: run.fingerprint(stage, "fact") for stage in context.STAGE_VERSIONS}


def test_a_packages_version_changes_the_stages_that_use_it(newer, tmp_path):
    plain = by_stage(tmp_path)
    everything = set(plain)
    expected = {
        "trafilatura": {"curate"},
        "justext": {"curate"},
        "lxml": {"curate"},
        "spacy": {"curate", "shingles", "edits"},
        "tokenizers": {"curate", "tokenizer", "settle", "tokens"},
        "pyarrow": everything,
        "ray": set(),
    }
    found = {}
    for package in expected:
        newer(package)
        found[package] = changed(plain, by_stage(tmp_path))
    assert found == expected


def test_the_manifest_names_every_package_that_stages_depend_on():
    """Otherwise a finished run would not be looked at again."""
    used = {name for names in context._PACKAGES.values() for name in names}
    assert used <= package_versions().keys()


def test_a_newer_extractor_reads_the_crawl_again(base, small_crawl, newer, tmp_path):
    root = base.copy(tmp_path / "run")
    newer("trafilatura")
    looks = Listener()
    assert do_run(RECIPE, small_crawl, root, looks).did_work
    assert "curate: 2 units, 0 done" in looks.told
