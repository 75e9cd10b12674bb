"""What a recipe extends, and values from the command line."""

import pytest

from filters.errors import RecipeError
from pipelines.recipe import Extract, TrainedTokenizer, load_recipe

BASE = """\
recipe: base
dump: one
extract: {resiliparse: {main_content: true, links: true}}
tokenizer: {train: {vocab_size: 300, sample_bytes: 9}}
max_failed_units: 3
stages:
- gate:
    unsure: language.score <= 0.65
    foreign: language.code != "en"
- drop:
    short: words < 50
    sparse: words / chars < 0.1
- edit: {pii: {kinds: [email]}}
- dedup: {minhash: {bands: 20, rows: 4}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def load(folder, text, *sets):
    (folder / "mine.yaml").write_text(text)
    return load_recipe("mine.yaml", sets)


def constants(recipe):
    return {rule.name: rule.constant for _, rule in recipe.rules()}


def error(*arguments, **more):
    with pytest.raises(RecipeError) as caught:
        load_recipe(*arguments, **more)
    return str(caught.value)


def test_maps_merge_and_lists_are_replaced(folder):
    base = load_recipe("base.yaml")
    mine = load(
        folder,
        "extends: base.yaml\nextract: {resiliparse: {links: false}}\n"
        "tokenizer: {train: {vocab_size: 400}}\nstages: [{drop: {tiny: words < 9}}]\n",
    )
    assert (mine.recipe, mine.dump, mine.max_failed_units) == ("base", "one", 3)
    assert mine.extract.options == {**base.extract.options, "links": False}
    assert mine.tokenizer == TrainedTokenizer(400, 9)
    assert constants(mine) == {"tiny": 9}


def test_another_extractor_or_tokenizer_replaces_the_one_below(folder):
    mine = load(folder, "extends: base.yaml\nextract: {trafilatura: {}}\ntokenizer: gpt2\n")
    assert mine.extract == load_recipe("fineweb").extract
    assert mine.tokenizer == "gpt2"


def test_a_shipped_recipe_can_be_extended_by_name_and_from_another_folder(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.yaml").write_text("extends: ../mine.yaml\ndump: deep\n")
    mine = load(folder, "extends: fineweb\naudit_fraction: 0.5\n")
    deep = load_recipe("sub/deep.yaml")
    assert (deep.dump, deep.audit_fraction, deep.stages) == ("deep", 0.5, mine.stages)
    assert mine.stages == load_recipe("fineweb").stages


def test_a_shipped_recipe_is_found_from_any_folder(folder):
    fineweb = load_recipe("fineweb")
    assert load_recipe("configs/fineweb.yaml") == fineweb
    (folder / "configs").mkdir()
    (folder / "configs" / "fineweb.yaml").write_text("recipe: own\nextends: ../base.yaml\n")
    assert load_recipe("configs/fineweb.yaml").recipe == "own"
    assert load_recipe("fineweb") == fineweb


def test_recipes_that_extend_each_other(folder):
    (folder / "a.yaml").write_text("recipe: a\nextends: b.yaml\n")
    (folder / "b.yaml").write_text("extends: a.yaml\n")
    assert error("a.yaml") == (
        "b.yaml:1: recipes extend each other: a.yaml extends b.yaml extends a.yaml.\n"
        "  Remove one 'extends'."
    )


def test_extending_what_does_not_exist(folder):
    (folder / "a.yaml").write_text("recipe: a\nextends: finweb\n")
    assert error("a.yaml") == (
        "a.yaml:2: extends 'finweb', which is neither a file nor a shipped recipe.\n"
        "  Did you mean 'fineweb'?  List all: cuvee recipes"
    )


def test_a_problem_is_reported_where_it_is_written(folder):
    (folder / "base.yaml").write_text(BASE.replace("words < 50", "wrods < 50"))
    (folder / "mine.yaml").write_text("recipe: mine\nextends: base.yaml\n")
    assert error("mine.yaml") == (
        "base.yaml:11: rule 'short' reads 'wrods', which nothing measures.\n"
        "  Did you mean 'words' (filters/gopher.py)?  List all: cuvee signals"
    )


def test_the_persons_own_file_is_reported_first(folder):
    (folder / "base.yaml").write_text("keep_text: none\n" + BASE)
    (folder / "mine.yaml").write_text("recipe: mine\nextends: base.yaml\nwords: none\n")
    assert error("mine.yaml", ["audit_fraction=7"]).startswith("mine.yaml:3: words must be")


@pytest.mark.parametrize(
    ("text", "rule", "written"),
    [
        ("short=60", "short", "words < 60"),
        ("stages.short=60", "short", "words < 60"),
        ("stages.1.drop.short=60", "short", "words < 60"),
        ("sparse=.5", "sparse", "words / chars < 0.5"),
        ("sparse=1e-3", "sparse", "words / chars < 0.001"),
        ("sparse= words / lines >= 2 ", "sparse", "words / lines >= 2"),
        ("foreign=de", "foreign", 'language.code != "de"'),
        ("foreign=no", "foreign", 'language.code != "no"'),
        ("unsure=0.7", "unsure", "language.score <= 0.7"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_set_a_rule(text, rule, written):
    recipe = load_recipe("base.yaml", [text])
    assert {rule.name: str(rule) for _, rule in recipe.rules()}[rule] == written
    base = constants(load_recipe("base.yaml"))
    assert [name for name, value in constants(recipe).items() if value != base[name]] == [rule]


@pytest.mark.usefixtures("folder")
def test_set_other_values():
    recipe = load_recipe(
        "base.yaml",
        [
            "audit_fraction=1",
            "keep_text=all",
            "words=no",
            "dump=2024-01",
            "input=[a.warc, b]",
            "pii.kinds=[ip]",
            "minhash.bands=9",
            "stages.3.dedup.minhash.seed=7",
            "extract.resiliparse.links=false",
            "tokenizer.train.vocab_size=512",
            "memory_per_worker=2GiB",
        ],
    )
    assert (recipe.audit_fraction, recipe.keep_text, recipe.words) == (1.0, "all", "no")
    assert (recipe.dump, recipe.input) == ("2024-01", ("a.warc", "b"))
    assert recipe.blocks[-1].options == {"kinds": ("ip",)}
    assert (recipe.dedup.minhash.bands, recipe.dedup.minhash.seed) == (9, 7)
    assert recipe.dedup.minhash.rows == 4
    assert recipe.extract.options["main_content"]
    assert not recipe.extract.options["links"]
    assert recipe.tokenizer == TrainedTokenizer(512, 9)
    assert recipe.memory_per_worker == 2 * 1024**3


@pytest.mark.usefixtures("folder")
def test_set_replaces_the_extractor_and_the_tokenizer():
    sets = ["extract.trafilatura.favor_precision=false", "tokenizer=gpt2", "dump=null"]
    recipe = load_recipe("base.yaml", sets)
    assert isinstance(recipe.extract, Extract)
    assert recipe.extract.extractor == "trafilatura"
    assert not recipe.extract.options["favor_precision"]
    assert (recipe.tokenizer, recipe.dump) == ("gpt2", None)
    trained = load_recipe("base.yaml", ["tokenizer=gpt2", "tokenizer.train.vocab_size=999"])
    assert trained.tokenizer == TrainedTokenizer(999, 100_000_000)


@pytest.mark.usefixtures("folder")
def test_the_last_set_wins():
    assert constants(load_recipe("base.yaml", ["short=1", "short=2"]))["short"] == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "short=x",
            ": rule 'short' compares words with a number, not 'x'.\n  base.yaml:11 has: words < 50",
        ),
        (
            "short=",
            (
                ": rule 'short' compares words with a number, not null.\n"
                "  base.yaml:11 has: words < 50"
            ),
        ),
        (
            "foreign=5",
            (
                ": rule 'foreign' compares language.code with a label, not 5.\n"
                '  base.yaml:9 has: language.code != "en"'
            ),
        ),
        (
            "short=.nan",
            (
                ": rule 'short' compares with nan, which no measurement can reach.\n"
                "  It says: words < NaN"
            ),
        ),
        (
            "short=wrods < 5",
            (
                ": rule 'short' reads 'wrods', which nothing measures.\n"
                "  Did you mean 'words' (filters/gopher.py)?  List all: cuvee signals"
            ),
        ),
        (
            "shrot=5",
            (
                ": the recipe has no 'shrot'.\n"
                "  Did you mean 'short' (base.yaml:11)?  Its keys: cuvee schema"
            ),
        ),
        (
            "keep_txt=all",
            ": the recipe has no 'keep_txt'.\n  Did you mean 'keep_text'?  Its keys: cuvee schema",
        ),
        (
            "stages.shrot=5",
            (
                ": the recipe has no 'shrot'.\n"
                "  Did you mean 'short' (base.yaml:11)?  Its keys: cuvee schema"
            ),
        ),
        (
            "keep_text=none",
            ": keep_text must be one of all, gated, kept, not 'none'.\n  The default is 'gated'.",
        ),
        (
            "minhash.band=5",
            (
                ": minhash has no option 'band'.\n"
                "  Did you mean 'bands'?  Options: ngram, bands, rows, seed, verify, keep, per, "
                "against, max_cluster, clustering."
            ),
        ),
        (
            "stages.9.drop.short=5",
            ": 'stages' has 4 items, numbered from 0; '9' is none of them.",
        ),
        (
            "short.constant=5",
            ": 'short' is a rule and has no 'constant'.\n  Write --set short=VALUE.",
        ),
        ("short", ": is not of the form NAME=VALUE.\n  For example: --set audit_fraction=0.05"),
        ("a..b=5", ": is not of the form NAME=VALUE.\n  For example: --set audit_fraction=0.05"),
        ("=5", ": is not of the form NAME=VALUE.\n  For example: --set audit_fraction=0.05"),
        (
            "extends=fineweb",
            ": what a recipe extends cannot be set.\n  Name the other recipe instead.",
        ),
        (
            "dump=[",
            (
                ": is not YAML: expected the node content, but found '<stream end>'.\n"
                "  Quote text that holds ': ', '#', '{' or '['."
            ),
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_wrong_sets(text, expected):
    assert error("base.yaml", [text]) == f"--set {text}{expected}"


def test_an_ambiguous_name_names_both_places(folder):
    (folder / "base.yaml").write_text(BASE.replace("sparse:", "pii:"))
    assert error("base.yaml", ["pii=5"]) == (
        "--set pii=5: 'pii' is ambiguous: base.yaml:12 and base.yaml:13.\n"
        "  Give the rule another name, or write stages.NUMBER.KIND.NAME=VALUE."
    )
    (folder / "base.yaml").write_text(BASE.replace("sparse:", "words:"))
    assert error("base.yaml", ["words=5"]).startswith(
        "--set words=5: 'words' is ambiguous: the key 'words' and base.yaml:12."
    )


@pytest.mark.usefixtures("folder")
def test_a_wrong_input_is_the_commands():
    assert error("base.yaml", inputs=[""]).startswith("--input: input must be a path")
