"""A resolved recipe, written as YAML and loaded again, is the same recipe."""

import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.catalog import EDITS, text_signals
from filters.languages import lid_176_labels
from filters.rule import Rule
from pipelines.recipe import (
    DedupStage,
    DropStage,
    EditStage,
    Extract,
    GateStage,
    LanguageModel,
    MinHashOptions,
    Recipe,
    TrainedTokenizer,
    load_recipe,
)
from pipelines.recipe.extractors import EXTRACTORS
from pipelines.recipe.keys import RECIPE_KEYS
from pipelines.recipe.kinds import ExactOptions, Keep, LinesOptions, UrlOptions
from pipelines.recipe.options import NAME, RULE_NAME
from pipelines.recipe.source import read_scalar
from pipelines.recipe.stage_options import KINDS
from pipelines.sandbox.limits import Limits

fraction = st.floats(0, 1)
constants = st.integers(0, 2**62) | st.floats(0, 2**62)
codes = st.sampled_from(lid_176_labels())
operators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
counts = st.sampled_from(sorted(text_signals()))
# words that YAML 1.1 or 1.2 reads as something else, and what has to be quoted
awkward = [
    "no",
    "on",
    "null",
    "~",
    "1e5",
    "08",
    "1_0",
    "0x1",
    ".5",
    "1:30",
    "\x85",
    "a\u2028b",
    "\ufeff",
    "2024-01-01",
    "=",
    "- a",
]
texts = st.sampled_from(awkward) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
names = st.sampled_from(["no", "null", "1e5", "08", "CC-MAIN-2023-50", "2024-01-01"]) | (
    st.from_regex(NAME, fullmatch=True)
)
rule_names = st.from_regex(RULE_NAME, fullmatch=True).filter(
    lambda name: name not in {*RECIPE_KEYS, *EDITS, *KINDS}
)
survivors = st.sampled_from(
    [Keep(), Keep("longest"), Keep("newest"), Keep("highest", "language_score")]
)


@st.composite
def kinds_of_dedup(draw):
    scope = {
        "per": draw(st.sampled_from(["dump", "all"])),
        "against": tuple(draw(st.lists(texts, max_size=2))),
    }
    joining = {"keep": draw(survivors), "max_cluster": draw(st.integers(0, 10**9)), **scope}
    verify = 0.0 if scope["against"] else draw(fraction)
    kinds = [
        ExactOptions(**joining),
        UrlOptions(clustering=draw(st.sampled_from(["auto", "memory", "rounds"])), **joining),
        LinesOptions(unit=draw(st.sampled_from(["line", "paragraph"])), **scope),
        MinHashOptions(bands=draw(st.integers(1, 1000)), verify=verify, **joining),
    ]
    return draw(st.lists(st.sampled_from(kinds), min_size=1, unique=True))


limits = st.builds(
    Limits,
    cpu_seconds=st.floats(0.01, 86_400),
    memory=st.integers(2**20, 2**40),
    page_bytes=st.integers(1, 2**32),
)


def values_of(option):
    if option.choices:
        return st.sampled_from(option.choices)
    numbers = {bool: st.booleans(), int: st.integers(0, int(option.most))}
    return numbers.get(type(option.default), st.floats(option.least, option.most))


@st.composite
def recipes(draw):
    taken = iter(draw(st.lists(rule_names, min_size=7, max_size=7, unique=True)))

    def rule(reads, constant, op=operators):
        denominator = draw(st.none() | reads)
        return Rule(next(taken), draw(reads), denominator, draw(op), draw(constant))

    labels = st.sampled_from(["==", "!="])
    gate = GateStage(
        (
            Rule(next(taken), "language.code", None, draw(labels), draw(codes)),
            Rule(next(taken), "language.score", None, draw(operators), draw(fraction)),
        )
    )
    edited = counts.map("c4_lines.{}".format)
    stages = (
        gate,
        DropStage((rule(counts, constants), rule(counts, constants))),
        EditStage("c4_lines", {**EDITS["c4_lines"].options, "javascript": draw(st.booleans())}),
        DropStage((rule(edited | counts, constants),)),
        DedupStage(tuple(draw(kinds_of_dedup()))),
        DropStage((rule(edited | counts, constants),)),
        EditStage("pii", {"kinds": draw(st.sampled_from([("ip",), ("ip", "email")]))}),
    )
    extractor = draw(st.sampled_from(sorted(EXTRACTORS)))
    options = {name: draw(values_of(option)) for name, option in EXTRACTORS[extractor].items()}
    if extractor == "trafilatura":
        options["favor_recall"] &= not options["favor_precision"]
    return Recipe(
        recipe=draw(names),
        stages=draw(st.sampled_from([stages, stages[1:4], stages[:2]])),
        extract=Extract(extractor, options),
        input=tuple(draw(st.lists(texts, max_size=3))),
        dump=draw(st.none() | names),
        language=LanguageModel(draw(st.sampled_from(["lid.176.bin", "no", "a/ b: c"]))),
        accelerate=draw(st.sampled_from([True, False, "verify"])),
        words=draw(st.sampled_from(["en", "no", "deu_Latn"])),
        stop_words=tuple(draw(st.lists(rule_names, min_size=1, max_size=3, unique=True))),
        tokenizer=draw(texts | st.builds(TrainedTokenizer, st.integers(257, 10**6))),
        audit_fraction=draw(fraction),
        keep_text=draw(st.sampled_from(["all", "gated", "kept"])),
        max_failed_pages=draw(fraction),
        max_failed_units=draw(st.integers(0, 10**9)),
        limits=draw(st.none() | limits),
        memory_per_worker=draw(st.none() | st.integers(2**28, 2**40)),
    )


def reload(recipe, *sets):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recipe.yaml")
        path.write_text(recipe.to_yaml(), "utf-8", newline="")
        return load_recipe(str(path), sets)


@given(recipes())
@settings(max_examples=150, deadline=None)
def test_written_and_loaded_is_the_same(recipe):
    again = reload(recipe)
    assert again == recipe
    assert again.digest == recipe.digest
    assert again.resolved() == recipe.resolved()


@given(recipes(), constants, fraction)
@settings(max_examples=50, deadline=None)
def test_what_is_set_survives_writing_and_loading(recipe, constant, share):
    rule = next(rule for stage, rule in recipe.rules() if stage == "quality")
    changed = reload(recipe, f"{rule.name}={constant!r}", f"audit_fraction={share!r}")
    assert {rule.name: rule.constant for _, rule in changed.rules()}[rule.name] == constant
    assert changed.audit_fraction == share
    assert reload(changed).digest == changed.digest


def test_any_yaml_reader_reads_the_shipped_recipes_as_we_do():
    recipe = load_recipe("fineweb")
    assert yaml.safe_load(recipe.to_yaml()) == recipe.resolved()


def test_to_yaml_reads_like_a_recipe():
    lines = load_recipe("fineweb").to_yaml().splitlines()
    assert "    short_line_ratio: c4_lines.short_lines / c4_lines.nonblank_lines > 0.67" in lines
    assert "- edit: {pii: {kinds: [email, ip]}}" in lines
    assert len(lines) <= 75


def test_plain_words_mean_what_yaml_1_2_says():
    read = {text: read_scalar(text) for text in ["no", "010", "1_000", "1e-3", ".5", "~", "true"]}
    assert read == {
        "no": "no",
        "010": 10,
        "1_000": 1000,
        "1e-3": 0.001,
        ".5": 0.5,
        "~": None,
        "true": True,
    }
