"""The JSON Schema accepts what the check accepts, and editors see what is wrong."""

import json

import pytest
import yaml
from datatrove.utils.word_tokenizers import load_tokenizer_assignments
from jsonschema import Draft202012Validator

from filters.catalog import EDITS, text_signals
from pipelines.recipe import json_schema, load_recipe, shipped_recipes
from pipelines.recipe.keys import RECIPE_KEYS
from pipelines.recipe.layers import shipped_folder
from pipelines.recipe.reads import labels_of


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def problems(validator, text):
    return [error.json_path for error in validator.iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_are_valid_as_written_and_resolved(validator, name):
    path = shipped_recipes()[name]
    assert problems(validator, path.read_text("utf-8")) == []
    assert problems(validator, load_recipe(name).to_yaml()) == []
    assert path.read_text("utf-8").startswith(
        "# yaml-language-server: $schema=recipe.schema.json\n"
    )


def test_the_committed_schema_is_the_one_that_the_code_makes():
    written = (shipped_folder() / "recipe.schema.json").read_text("utf-8")
    assert json.loads(written) == json_schema(), "cuvee schema > configs/recipe.schema.json"


@pytest.mark.parametrize(
    "wrong",
    [
        "langauge: {}",
        "audit_fraction: 1.5",
        "keep_text: none",
        "accelerate: often",
        "max_failed_units: -1",
        "extract: {trafilatura: {favour_precision: true}}",
        "extract: {trafilatura: {}, resiliparse: {}}",
        "tokenizer: {train: {vocab_size: 5}}",
        "words: english",
        "dump: ../x",
        "memory_per_worker: 2",
        "limits: 10",
        "limits: {memory: 2}",
        "limits: {cpu_seconds: 0}",
        "stages: []",
        "stages: [{dorp: {a: words < 5}}]",
        "stages: [{drop: {}}]",
        "stages: [{drop: {a-b: words < 5}}]",
        "stages: [{drop: {a: wrods < 5}}]",
        "stages: [{drop: {a: words / wrods < 5}}]",
        "stages: [{drop: {a: words}}]",
        "stages: [{drop: {a: c4_lins.words < 5}}]",
        'stages: [{drop: {a: url.block_reason == "url"}}]',
        "stages: [{gate: {a: words < 5}}]",
        'stages: [{gate: {a: url.block_reason == "domian"}}]',
        'stages: [{gate: {a: language.code < "en"}}]',
        "stages: [{edit: {c4_line: {}}}]",
        "stages: [{edit: {c4_lines: {javascript: 1}}}]",
        "stages: [{edit: {pii: {kinds: [phone]}}}]",
        "stages: [{dedup: {minhash: {bands: 0}}}]",
        "stages: [{datatrove: {GoferQualityFilter: {}}}]",
        "stages: [{datatrove: {GopherQualityFilter: {min_words: 3}}}]",
        "stages: [{datatrove: {GopherQualityFilter: {exclusion_writer: x}}}]",
        "signals: one",
    ],
)  # fmt: skip
def test_what_is_wrong_is_underlined_where_it_is(validator, wrong):
    text = f"recipe: r\nextends: fineweb\n{wrong}\n"
    paths = problems(validator, text)
    assert len(paths) == 1
    key = wrong.partition(":")[0]
    assert paths[0].startswith("$" if key == "langauge" else f"$.{key}")


@pytest.mark.parametrize(
    "right",
    [
        "stages: [{datatrove: {GopherQualityFilter: {min_doc_words: 3}}}]",
        "stages: [{datatrove: {FTFYFormatter: null}}, {drop: {a: FTFYFormatter.words < 5}}]",
        "stages: [{datatrove: {my_package.blocks.Mine: {any: 3}}}]",
        "signals: [own, a.b]\nstages: [{drop: {a: rivers / Mine.lakes < 5}}]",
        "signals: {own: 0a1b}",
    ],
)
def test_blocks_and_modules_of_ones_own_are_not_underlined(validator, right):
    assert problems(validator, f"recipe: r\nextends: fineweb\n{right}\n") == []


def test_a_recipe_needs_stages_or_something_to_extend(validator):
    assert problems(validator, "recipe: r\n") == ["$"]
    assert problems(validator, "extends: fineweb\n") == []


def test_editors_can_complete_every_name():
    text = json.dumps(json_schema())
    schema = json_schema()
    assert set(schema["properties"]) == set(RECIPE_KEYS)
    assert all(part["description"] for part in schema["properties"].values())
    for edit in EDITS.values():
        assert all(f'"{option}"' in text for option in edit.options)
    assert all(name in text for name in text_signals())


def test_every_language_with_a_tokenizer_fits(validator):
    pattern = {"recipe": "r", "extends": "fineweb"}
    codes = load_tokenizer_assignments()
    assert "deu_Latn" in codes
    assert [code for code in codes if not validator.is_valid({**pattern, "words": code})] == []


def test_labels_are_those_of_the_url_filter():
    # datatrove 0.10.1, url_filter.py: what `filter` returns beside False.
    reasons = "domain subdomain url hard_blacklisted soft_blacklisted blacklisted_subword none"
    assert labels_of("url.block_reason") == tuple(reasons.split())
