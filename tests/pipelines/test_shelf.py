"""The recipes that come with cuvee: listed, printed, built upon; FineWeb-2's own files."""

import json
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
import yaml

from filters.errors import RecipeError
from filters.rule import Rule
from pipelines.audit.steps import read_plan
from pipelines.recipe import load_recipe, shipped_recipes
from pipelines.recipe.fineweb2 import fineweb2_recipe
from pipelines.recipe.layers import describe_recipes, load_layers
from pipelines.recipe.schema import json_schema
from tests.command import cuvee, succeed

FRENCH = {
    "dup_line_frac": 0.264,
    "dup_n_grams": [[5, 0.15], [6, 0.141], [7, 0.131], [8, 0.121], [9, 0.111], [10, 0.1]],
    "language_score": 0.824,
    "line_punct_thr": 0.1,
    "max_avg_word_length": 11,
    "max_non_alpha_words_ratio": 0.812,
    "min_avg_word_length": 2,
    "new_line_ratio": 0.185,
    "stopwords": [
        *("de", "la", "le", "et", "à", "en", "l'", "des", "du"),
        *("les", "est", "d'", "un", "une", "il", "dans", "par", "au"),
    ],
    "top_n_grams": [[2, 0.161], [3, 0.149], [4, 0.134]],
}
"""huggingface/fineweb-2, configs/fra_Latn.yml at 05e6729."""


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_each_recipe_says_what_it_is_and_loads(name):
    assert load_recipe(name).recipe == name
    assert describe_recipes()[name].endswith(".")
    header = shipped_recipes()[name].read_text("utf-8").partition("\nrecipe:")[0]
    if name not in ("demo", "fineweb"):
        assert all(f"# {word}" in header for word in ("Exact:", "Differs:")), "what is it worth?"
        assert "arXiv" in header


def test_recipes_are_listed_and_printed():
    listed = json.loads(succeed("recipes", "--json"))["recipes"]
    assert listed == describe_recipes()
    assert listed.keys() >= {"gopher", "c4", "refinedweb", "fineweb2", "dolma", "pile_cc"}
    printed = succeed("recipes", "show", "gopher")
    assert printed == shipped_recipes()["gopher"].read_text("utf-8")
    resolved = succeed("recipes", "show", "gopher", "--resolved")
    assert yaml.safe_load(resolved) == load_recipe("gopher").resolved()
    assert (
        json.loads(succeed("recipes", "show", "demo", "--json")) == load_recipe("demo").resolved()
    )


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_a_printed_recipe_is_one_elsewhere(name, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(shipped_recipes()[name].read_text("utf-8"), "utf-8")
    assert load_recipe(str(path)) == load_recipe(name)


def test_an_unknown_recipe_is_told():
    done = cuvee("recipes", "show", "gohper")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "cuvee: 'gohper': there is no such recipe.\n"
        "  Did you mean 'gopher'?  List all: cuvee recipes\n"
    )


def adapted(folder: Path, language: str, settings: object, label: str | None = "fr") -> str:
    path = folder / f"{language}.yml"
    path.write_text(yaml.safe_dump(settings), "utf-8")
    return fineweb2_recipe(path, label)


def test_a_file_of_fineweb2_becomes_a_recipe_that_extends_its(tmp_path):
    written = adapted(tmp_path, "fra_Latn", FRENCH)
    assert len(written.splitlines()) < 25
    (tmp_path / "mine.yaml").write_text(written, "utf-8")
    mine, ours = load_recipe(str(tmp_path / "mine.yaml")), load_recipe("fineweb2")
    assert (mine.recipe, mine.words, mine.stop_words) == ("fineweb2_fra_Latn", *_words(ours))
    assert mine.stages == ours.stages, "the shipped recipe is French by the same file"


def _words(recipe):
    return recipe.words, recipe.stop_words


def test_a_language_has_thresholds_words_and_a_label_of_its_own(tmp_path):
    settings = {**FRENCH, "dup_line_frac": 0, "line_punct_thr": 0.3, "stopwords": ["na", "ya"]}
    settings["top_n_grams"] = [[2, 0.2]]
    written = adapted(tmp_path, "swh_Latn", settings, label=None)
    (tmp_path / "mine.yaml").write_text(written, "utf-8")
    mine = load_recipe(str(tmp_path / "mine.yaml"))
    rules = {rule.name: rule.constant for _, rule in mine.rules()}
    assert (rules["other_language"], mine.language.model) == ("swh_Latn", "model_v3.bin")
    assert (rules["line_punct_ratio"], rules["top_2_gram"]) == (0.3, 0.2)
    assert not rules.keys() & {"dup_line_frac", "top_3_gram", "top_4_gram"}
    assert _words(mine) == ("swh_Latn", ("na", "ya"))


ODD = {
    "ace_Arab": ({"line_punct_thr": -1, "dup_n_grams": [[7, 0.015], [8, 0.0]]}, ["\u060c", "د"]),
    "cop_Copt": ({"line_punct_thr": -1, "top_n_grams": [[3, 1.266], [4, 1.675]]}, ["ϫⲉ", "ⲁⲩⲱ"]),
    "deu_Latn": ({"line_punct_thr": 0.0, "min_avg_word_length": 0}, ["der", "für"]),
    "dzo_Tibt": ({"language_score": 0.32}, ["\u0f0d", "\u0f0d \u0f0d", "དང\u0f0b"]),
    "lao_Laoo": ({"line_punct_thr": 0.0}, ["\u200b", "ແລະ"]),
    "fin_Latn": ({"max_avg_word_length": 13}, ["on", "no", "s.", "\u2019n"]),
}
"""What is odd in huggingface/fineweb-2, configs/, by the file: some of its keys and stop words."""


@pytest.mark.parametrize("language", ODD)
def test_odd_files_are_read_as_they_are(tmp_path, language):
    changed, stop_words = ODD[language]
    settings = {**FRENCH, **changed, "stopwords": stop_words}
    (tmp_path / "mine.yaml").write_text(adapted(tmp_path, language, settings, None), "utf-8")
    mine = load_recipe(str(tmp_path / "mine.yaml"))
    rules = {rule.name: rule.constant for _, rule in mine.rules()}
    punctuation = settings["line_punct_thr"]
    assert rules.get("line_punct_ratio") == (None if punctuation < 0 else punctuation)
    assert rules.get("gopher_below_avg_threshold") == (settings["min_avg_word_length"] or None)
    assert rules["unsure_language"] == settings["language_score"]
    for size, share in settings["dup_n_grams"]:
        assert rules[f"duplicated_{size}_n_grams"] == share, "0.0 drops whatever repeats"
    for size, share in settings["top_n_grams"]:
        assert rules[f"top_{size}_gram"] == share
    assert _words(mine) == (language, tuple(stop_words))
    (tmp_path / "again.yaml").write_text(mine.to_yaml(), "utf-8")
    assert load_recipe(str(tmp_path / "again.yaml")) == mine
    jsonschema.validate(mine.resolved(), json_schema())


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (
            "fra_Latn",
            {"new_line_ratio": ...},
            ": the key 'new_line_ratio' is missing.\n  Thresholds for a language with",
        ),
        ("fra_Latn", {"line_punct_thr": "high"}, ": line_punct_thr must be a number, not 'high'."),
        ("fra_Latn", {"top_n_grams": [[7, 0.2]]}, ": top_n_grams holds [7, 0.2], which is no pair"),
        ("fra_Latn", {"dup_n_grams": 5}, ": dup_n_grams must be a list, not 5."),
        ("fra_Latn", {"stopwords": []}, ": stopwords must be a list of words, not []."),
        ("fra_Latn", {"language_score": ...}, ": the key 'language_score' is missing.\n"),
        (
            "fra_Latn",
            {"stopwords": [True]},
            ": stopwords must be a list of words, which true is not.\n  YAML",
        ),
        ("fra_Latn", {"new_line_ratio": None}, ": new_line_ratio must be a number, not nothing."),
        ("fra_Latn", {"line_punkt_thr": 1}, ": a FineWeb-2 configuration has no key 'line_punkt"),
        ("french", {}, ": the file's name is not that of a language and script."),
    ],
)
def test_a_language_without_thresholds_is_told(tmp_path, name, change, says):
    settings = {key: value for key, value in {**FRENCH, **change}.items() if value is not ...}
    with pytest.raises(RecipeError) as caught:
        adapted(tmp_path, name, settings)
    assert says in str(caught.value)
    assert str(caught.value).count("\n") <= 2


def test_wrong_stop_words_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = {
        "le": ", not 'le'.", "[]": ", not [].", "[le, 'de la']": ", which 'de la' is not.",
        "[5]": ", which 5 is not.", "[' .']": ", which ' .' is not.",
    }  # fmt: skip
    for written, says in wrong.items():
        (tmp_path / "mine.yaml").write_text(f"extends: fineweb2\nstop_words: {written}\n")
        with pytest.raises(RecipeError) as caught:
            load_recipe("mine.yaml")
        first = str(caught.value).partition("\n")[0]
        assert first == f"mine.yaml:2: stop_words must be a list of words{says}"


@pytest.mark.parametrize("command", ["show", "fineweb2"])
def test_the_helps_of_the_subcommands_have_examples(command):
    shown = succeed("recipes", command, "--help")
    assert f"\n    cuvee recipes {command} " in shown


def drop_rules() -> list[tuple[str, Rule]]:
    """Return the rules as they are written, which is quicker than to check whole recipes."""
    plans = {name: read_plan(load_layers(name, ())) for name in shipped_recipes()}
    return [
        (name, step.rule) for name, plan in plans.items() for step in plan.steps if step.block > 1
    ]


@pytest.mark.parametrize(
    ("name", "rule"), [pytest.param(*found, id=f"{found[0]}: {found[1]}") for found in drop_rules()]
)
def test_a_rule_decides_by_exact_counts_at_its_threshold(name, rule):
    limit = Fraction(str(rule.constant))
    whole = 1 if rule.denominator is None else limit.denominator
    for times in (1, 3, 7, 1009, 10**9 + 7) if rule.denominator else (1,):
        top, bottom = int(limit * whole * times), whole * times
        for count in (max(top - 1, 0), top, top + 1):
            values = dict(zip(rule.reads, (count, bottom), strict=False))
            above, below = Fraction(count, bottom) > limit, Fraction(count, bottom) < limit
            expected = {">": above, "<": below, ">=": not below, "<=": not above}[rule.op]
            assert rule.fires(values) is expected, (name, count, bottom)
