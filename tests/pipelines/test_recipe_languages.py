"""The key `languages` of a recipe, and labels of language models in a recipe."""

import os
import subprocess
import sys
from pathlib import Path

import fasttext
import jsonschema
import pytest
import yaml

from filters.errors import RecipeError, UsageError
from filters.rule import parse_rule
from pipelines.curator import Curator
from pipelines.recipe import Recipe, load_recipe
from pipelines.recipe.fineweb2 import several_recipe
from pipelines.recipe.label_sets import model_labels
from pipelines.recipe.schema import json_schema
from tests.command import cuvee, succeed

SETTINGS = {
    "dup_line_frac": 0.264,
    "dup_n_grams": [[n, 0.2 - n / 100] for n in range(5, 11)],
    "language_score": 0.8,
    "line_punct_thr": 0.1,
    "max_avg_word_length": 12,
    "max_non_alpha_words_ratio": 0.8,
    "min_avg_word_length": 2,
    "new_line_ratio": 0.185,
    "top_n_grams": [[2, 0.161], [3, 0.149], [4, 0.134]],
}
"""In the form of FineWeb-2's files."""


def file_of(folder: Path, name: str, stop_words: list[str], **changed: object) -> Path:
    path = folder / f"{name}.yml"
    settings = {**SETTINGS, **changed, "stopwords": stop_words}
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        file_of(tmp_path, "fra_Latn", ["de", "la"], new_line_ratio=0.2),
        file_of(tmp_path, "deu_Latn", ["der", "die"], dup_line_frac=0),
        file_of(tmp_path, "arb_Arab", ["في", "من"]),
    ]


def loaded(folder: Path, text: str, *sets: str) -> Recipe:
    path = folder / "mine.yaml"
    path.write_text(text, "utf-8")
    return load_recipe(str(path), sets)


def others(recipe: Recipe, name: str) -> dict[str, object]:
    return dict(next(rule for _, rule in recipe.rules() if rule.name == name).others)


def test_a_rule_with_constants_by_language():
    rule = parse_rule("lists", "newlines / words > 0.2 (deu_Latn 0.3, jpn_Jpan off, fra_Latn 0.2)")
    assert str(rule) == "newlines / words > 0.2 (deu_Latn 0.3, jpn_Jpan off)"
    assert parse_rule("lists", str(rule)) == rule
    values = {"newlines": 25, "words": 100}
    fires = {
        language: rule.fires({**values, "language.code": language})
        for language in ("fra_Latn", "deu_Latn", "jpn_Jpan", None)
    }
    assert fires == {"fra_Latn": True, "deu_Latn": False, "jpn_Jpan": False, None: True}
    assert rule.of("jpn_Jpan") is None
    assert str(rule.of("deu_Latn")) == "newlines / words > 0.3"
    assert rule.fires({"words": 0, "newlines": 1, "language.code": "deu_Latn"}) is None
    assert rule.fires({"language.code": "jpn_Jpan"}) is False


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("words < 5 (de)", "'LANGUAGE number'"),
        ("words < 5 (de 3, de 4)", "'de' twice"),
        ('words < 5 (de "x")', "another kind"),
        ("words < 5 ()", "'LANGUAGE number'"),
    ],
)
def test_constants_that_are_none(written: str, says: str):
    with pytest.raises(ValueError, match=says):
        parse_rule("short", written)


def test_fineweb2s_files_as_one_recipe(files, tmp_path):
    recipe = loaded(tmp_path, several_recipe(files))
    assert recipe.recipe == "fineweb2_several"
    assert recipe.language.model == "model_v3.bin"
    layers = dict(recipe.languages)
    assert list(layers) == ["fra_Latn", "deu_Latn", "arb_Arab"]
    assert layers["arb_Arab"].stop_words == ("في", "من")
    assert layers["deu_Latn"].words == "deu_Latn"
    assert others(recipe, "dup_line_frac") == {"deu_Latn": None}
    assert others(recipe, "list_ratio") == {"fra_Latn": 0.2}
    gate = next(rule for rule in recipe.text_gates if rule.name == "other_language")
    assert gate.constant == "fra_Latn"
    passing = {"fra_Latn", "deu_Latn", "arb_Arab"}
    assert {
        label for label in (*passing, "eng_Latn") if not gate.fires({"language.code": label})
    } == passing
    assert recipe.wanted_language is None
    jsonschema.validate(recipe.resolved(), json_schema())
    jsonschema.validate(yaml.safe_load(several_recipe(files)), json_schema())
    again = loaded(tmp_path, recipe.to_yaml())
    assert again == recipe
    assert again.digest == recipe.digest


def test_the_command_writes_such_a_recipe(files, tmp_path):
    printed = succeed("recipes", "fineweb2", *files)
    assert printed == several_recipe(files)
    by_lid = loaded(tmp_path, succeed("recipes", "fineweb2", *files, "--model", "lid.176.ftz"))
    assert [label for label, _ in by_lid.languages] == ["fr", "de", "ar"]
    twice = cuvee("recipes", "fineweb2", files[0], files[0])
    assert twice.returncode == 2
    assert "fra_Latn is there already" in twice.stderr


@pytest.mark.usefixtures("files")
def test_a_layer_may_be_a_file_and_say_more(tmp_path):
    layers = (
        "recipe: mine\nextends: fineweb2\nlanguages:\n"
        "  fra_Latn: {from: fra_Latn.yml, set: {gopher_short_doc: 30, list_ratio: 0.5}}\n"
        "  de: {from: deu_Latn.yml, stop_words: [das, ist], drop: [gopher_enough_stop_words]}\n"
    )
    recipe = loaded(tmp_path, layers)
    assert [label for label, _ in recipe.languages] == ["fr", "de"]
    assert dict(recipe.languages)["de"].stop_words == ("das", "ist")
    assert others(recipe, "list_ratio") == {"fr": 0.5}
    assert others(recipe, "gopher_short_doc") == {"fr": 30}
    assert others(recipe, "gopher_enough_stop_words") == {"de": None}
    changed = loaded(
        tmp_path, layers, "list_ratio[fra_Latn]=0.6", "empty[de]=off", "gopher_long_doc=900"
    )
    assert others(changed, "list_ratio") == {"fr": 0.6}
    assert others(changed, "empty") == {"de": None}
    child = tmp_path / "child.yaml"
    child.write_text(
        "extends: mine.yaml\nrecipe: child\n"
        "languages: {spa_Latn: {words: spa_Latn, stop_words: [de, la], set: {list_ratio: 0.4}}}\n"
    )
    third = load_recipe(str(child))
    assert [label for label, _ in third.languages] == ["fr", "de", "es"]
    assert others(third, "list_ratio") == {"fr": 0.5, "es": 0.4}


LAYER = "{words: deu_Latn, stop_words: [der]}"
BAD = {
    "no map": ("languages: [de]", "languages must be a map"),
    "none": ("languages: {}", "languages must be a map"),
    "no words": ("languages: {de: {stop_words: [der]}}", "the language de says no 'words'"),
    "no thresholds": ("languages: {deu_Latn: {}}", "says no 'words'"),
    "twice": (f"languages: {{de: {LAYER}, deu_Latn: {LAYER}}}", "are the same language"),
    "unknown label": (f"languages: {{deu_Latin: {LAYER}}}", "Did you mean 'de'"),
    "of no model's": (f"languages: {{tlh_Latn: {LAYER}}}", "no label 'tlh_Latn'"),
    "unknown words": (
        "languages: {de: {words: deu_Latin, stop_words: [der]}}",
        "words must be the code of a language",
    ),
    "unknown key": (f"languages: {{de: {{word: de, {LAYER[1:]}}}", "has no key 'word'"),
    "unknown rule": (f"languages: {{de: {{set: {{list: 1}}, {LAYER[1:]}}}", "no rule 'list'"),
    "an expression": (
        f"languages: {{de: {{set: {{list_ratio: words < 3}}, {LAYER[1:]}}}",
        "compares with a number",
    ),
    "out of bounds": (
        f"languages: {{de: {{set: {{unsure_language: 3}}, {LAYER[1:]}}}",
        "lies between 0 and 1",
    ),
    "before the language is known": (
        f"languages: {{de: {{drop: [domain], {LAYER[1:]}, fr: {LAYER}}}",
        "before the language of a page is known",
    ),
    "no file": ("languages: {de: {from: none.yml}}", "cannot be read"),
    "no FineWeb-2 file": ("languages: {de: {from: mine.yaml}}", "name is not that of a language"),
    "another language's file": ("languages: {de: {from: fra_Latn.yml}}", "is of fra_Latn"),
    "set what passes": (
        f"languages: {{de: {LAYER}}}\nset: {{other_language: en}}",
        "languages say which pages pass",
    ),
    "a cascade": (f"languages: {{de: {LAYER}}}\ncascade: true", "this recipe has several"),
    "no gate": (
        f"languages: {{de: {LAYER}}}\ndrop: [other_language]",
        "needs a gate that drops pages of others",
    ),
    "verified repeats": (
        f"languages: {{de: {LAYER}}}\nset: {{minhash.verify: 0.5}}",
        "splits texts into words anew",
    ),
    "a language that is not there": ("set: {'list_ratio[de]': 1}", "the recipe has one alone"),
    "no such label": ("set: {other_language: frr_Latin}", "Did you mean 'frr'"),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_is_said(what: str, tmp_path):
    written, says = BAD[what]
    with pytest.raises(RecipeError) as error:
        loaded(tmp_path, f"recipe: mine\nextends: fineweb2\n{written}\n")
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


def test_a_set_for_a_language_that_the_recipe_lacks(tmp_path):
    layers = f"recipe: mine\nextends: fineweb2\nlanguages: {{deu_Latn: {LAYER}}}\n"
    with pytest.raises(RecipeError, match="no language 'fra_Latn'"):
        loaded(tmp_path, layers, "list_ratio[fra_Latn]=0.2")


def test_words_that_need_a_package_are_said_before_there_is_work(tmp_path):
    layer = "{words: lao_Laoo, stop_words: [ແລະ]}"
    text = f"recipe: mine\nextends: fineweb2\nlanguages: {{lao_Laoo: {layer}}}\n"
    with pytest.raises(UsageError, match="laonlp"):
        Curator(loaded(tmp_path, text))


TEXTS = {
    "fra": "le chat dort sur la table et les enfants jouent dans le jardin",
    "deu": "die Katze schläft auf dem Tisch und die Kinder spielen im Garten",
    "cmn": "猫 在 桌子 上 睡觉 孩子 们 在 花园 里 玩",
}


_TRAIN = (
    "model = fasttext.train_supervised('train.txt', dim=16, epoch=1, minCount=1, verbose=0,"
    " thread=1)"
)


def trained(folder: Path, name: str, labels: dict[str, str]) -> Path:
    """Train a model with labels of a set, as GlotLID and OpenLID are trained."""
    lines = [f"__label__{label} {TEXTS[code]}" for label, code in labels.items()] * 40
    (folder / "train.txt").write_text("\n".join(lines), "utf-8")
    # fastText trains on what it finds in memory, and ends with NaN: this hands out zeros.
    environment = {**os.environ, "MALLOC_PERTURB_": "255"}
    script = f"import fasttext; {_TRAIN}; model.save_model({str(folder / name)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, check=True)
    return folder / name


@pytest.mark.usefixtures("files")
def test_models_of_other_label_sets(tmp_path):
    glotlid = trained(
        tmp_path, "model_v3.bin", {"fra_Latn": "fra", "deu_Latn": "deu", "cmn_Hani": "cmn"}
    )
    assert set(model_labels(str(glotlid))) == {"fra_Latn", "deu_Latn", "cmn_Hani"}
    start = f"recipe: mine\nextends: fineweb2\nlanguage: {{model: {glotlid}}}\n"
    for written in ("fr", "fra_Latn"):
        recipe = loaded(tmp_path, f"{start}set: {{other_language: {written}}}\n")
        assert recipe.wanted_language == "fra_Latn"
    layers = "languages:\n  zh: {words: en, stop_words: [x]}\n  fr: {from: fra_Latn.yml}\n"
    assert [label for label, _ in loaded(tmp_path, start + layers).languages] == [
        "cmn_Hani",
        "fra_Latn",
    ]
    with pytest.raises(RecipeError, match="no label 'spa_Latn'"):
        loaded(tmp_path, f"{start}set: {{other_language: spa_Latn}}\n")


def test_a_model_that_tells_more_apart(tmp_path):
    openlid = trained(
        tmp_path, "lid201-model.bin", {"fra_Latn": "fra", "zho_Hans": "cmn", "zho_Hant": "cmn"}
    )
    start = f"recipe: mine\nextends: fineweb2\nlanguage: {{model: {openlid}}}\n"
    assert loaded(tmp_path, f"{start}set: {{other_language: zho_Hant}}\n").wanted_language == (
        "zho_Hant"
    )
    with pytest.raises(RecipeError, match=r"several labels for 'zh': zho_Hans, zho_Hant"):
        loaded(tmp_path, f"{start}set: {{other_language: zh}}\n")


def test_labels_are_read_without_loading_a_model(tmp_path):
    quantized = trained(tmp_path, "some.bin", {"fra_Latn": "fra", "deu_Latn": "deu"})
    assert model_labels(str(quantized)) == tuple(
        sorted(
            name.removeprefix("__label__") for name in fasttext.load_model(str(quantized)).labels
        )
    )
    (tmp_path / "none.bin").write_bytes(b"no model" * 20)
    assert model_labels(str(tmp_path / "none.bin")) == ()
    assert model_labels(str(tmp_path / "missing.bin")) == ()
    assert "fr" in model_labels("lid.176.ftz")
