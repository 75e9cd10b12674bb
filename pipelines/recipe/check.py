"""From a tree to a recipe: every key, option and rule is checked before anything runs."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from filters.errors import UsageError
from filters.signal import Signal
from pipelines.accelerate import Accelerate
from pipelines.benchmarks import own_signals
from pipelines.layout import DatasetOptions
from pipelines.recipe.benchmarks import check_benchmarks, read_benchmarks
from pipelines.recipe.cascade import check_cascade, read_cascade
from pipelines.recipe.classifier import read_classifiers
from pipelines.recipe.extractors import EXTRACTORS
from pipelines.recipe.input_format import read_input_format
from pipelines.recipe.keys import COLUMNS, DATASET, RECIPE_KEYS, SCALARS
from pipelines.recipe.languages import check_languages, read_languages
from pipelines.recipe.layouts import Columns, InputFormat
from pipelines.recipe.limits import read_limits
from pipelines.recipe.model import Recipe
from pipelines.recipe.modules import activate, find_module
from pipelines.recipe.named import check_distinct
from pipelines.recipe.options import LEAST_MEMORY, MEMORY, MEMORY_UNITS, MOST_MEMORY, NAME
from pipelines.recipe.override import COMMAND_LAYER
from pipelines.recipe.parts import Extract, LanguageModel, SignalModule
from pipelines.recipe.perplexity import check_model_languages, read_perplexity, signals_of
from pipelines.recipe.problems import (
    Problems,
    checked,
    checked_options,
    known_entries,
    one_of,
    shown,
)
from pipelines.recipe.source import Node, Place
from pipelines.recipe.tokens import read_tokenizer, read_tokens
from pipelines.recipe.word_lists import check_word_lists, read_word_lists
from pipelines.recipe.words import read_stop_words, read_words
from pipelines.word_lists import word_signals

_SIGNALS = "For example: signals: [my_signals], for my_signals.py beside the recipe."


CheckStages: TypeAlias = Callable[[Node, Problems, InputFormat, Mapping[str, Signal]], Any]
"""Checks stages, given what the input brings along and which signals are the recipe's own."""


def check_recipe(tree: Node, check_stages: CheckStages) -> Recipe:
    """Return the recipe that a tree of keys describes.

    Stages are checked against what an input of the recipe's format brings along.

    Raises RecipeError of at most three lines: place, fact, nearest right name and way out.
    """
    problems = Problems()
    keys = known_entries(tree, RECIPE_KEYS, "a recipe has no key", "cuvee schema", problems)
    modules = _signals(keys["signals"], tree.place, problems) if "signals" in keys else ()
    models = keys.get("classifiers")
    classifiers = read_classifiers(models, problems) if models else ()
    named = read_perplexity(keys["perplexity"], problems) if "perplexity" in keys else ()
    input_format = InputFormat()
    if "input_format" in keys:
        before = len(problems.found)
        input_format = read_input_format(keys["input_format"], problems)
        if len(problems.found) > before:  # rules that read what it brings along would look wrong
            problems.raise_first()
    values: dict[str, Any] = {
        key: reader(keys[key], problems) for key, reader in _READERS.items() if key in keys
    }
    values["input_format"] = input_format
    if "stages" in keys:
        own = {**signals_of(named), **own_signals(values.get("benchmarks", ()))}
        mine = {**word_signals(values.get("word_lists", ())), **own}
        values["stages"] = check_stages(keys["stages"], problems, input_format, mine)
    for name, option in SCALARS.items():
        if name in keys:
            values[name] = checked(name, keys[name], option, problems)
    for key in ("recipe", "stages"):
        if key not in keys:
            hint = "A recipe needs 'recipe' and 'stages', or 'extends: fineweb'."
            problems.add(tree.place, f"the key '{key}' is missing.", hint)
    problems.raise_first()
    values |= {"modules": modules, "classifiers": classifiers, "perplexity": named}
    extract = values.pop("extract", None) or default_extract()
    recipe = Recipe(extract=extract, **values)
    _check_opt_outs(recipe, keys.get("opt_outs", tree).place, problems)
    check_languages(recipe, keys.get("languages", tree).place, problems)
    problems.raise_first()
    wanted = [recipe.wanted_language] if recipe.wanted_language else []
    place = keys.get("perplexity", tree).place
    check_model_languages(named, wanted if recipe.text_gates else None, place, problems)
    places = {key: keys.get(key, tree).place for key in ("perplexity", "benchmarks", "word_lists")}
    check_distinct(_own_names(recipe), places, problems)
    reads = {name.rpartition(".")[2] for _, rule in recipe.rules() for name in rule.reads}
    check_benchmarks(recipe.benchmarks, reads, places["benchmarks"], problems)
    check_word_lists(recipe.word_lists, reads, places["word_lists"], problems)
    problems.raise_first()
    if "cascade" in keys:
        check_cascade(recipe, keys["cascade"], problems)
        problems.raise_first()
    return recipe


def _own_names(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Return the names of a recipe's own signals by the key that names them."""
    return {
        "perplexity": tuple(signals_of(recipe.perplexity)),
        "benchmarks": tuple(own_signals(recipe.benchmarks)),
        "word_lists": tuple(word_signals(recipe.word_lists)),
    }


def default_extract() -> Extract:
    """Return FineWeb's extractor, which is used where a recipe names none."""
    options = EXTRACTORS["trafilatura"]
    return Extract("trafilatura", {name: option.default for name, option in options.items()})


def _signals(node: Node, recipe: Place, problems: Problems) -> tuple[SignalModule, ...]:
    """Load the modules that a recipe names; what they measure must be known before its rules."""
    named = node.map.items() or [(item.value, item) for item in node.items]
    found: list[SignalModule] = []
    for name, item in named:
        wanted = item.plain() if isinstance(node.value, dict) else None
        if not isinstance(name, str) or not isinstance(wanted, str | None):
            fact = f"signals: {shown(item.plain())} is no module's name."
            problems.add(item.place, fact, _SIGNALS)
            continue
        where = recipe if item.place.layer == COMMAND_LAYER else item.place
        try:
            module = find_module(name, Path(where.file).parent)
            if wanted not in (None, module.sha256):
                fact = f"signals: '{name}' has changed: sha256 {module.sha256[:16]}…"
                problems.add(item.place, fact, f"The recipe asks for {shown(wanted)}: mend either.")
            activate([*found, module])
            found.append(module)
        except UsageError as error:
            fact, _, hint = str(error).partition("\n")
            problems.add(item.place, fact, hint.strip())
    if not isinstance(node.value, dict | list):
        fact = f"signals must be a list of modules, not {shown(node.plain())}."
        problems.add(node.place, fact, _SIGNALS)
    problems.raise_first()  # without their signals every rule that reads one looks wrong
    return tuple(found)


def _name(key: str) -> Callable[[Node, Problems], str | None]:
    def read(node: Node, problems: Problems) -> str | None:
        if node.value is None and key == "dump":
            return None
        if isinstance(node.value, str) and NAME.fullmatch(node.value):
            return node.value
        fact = f"{key} must be a name, not {shown(node.plain())}."
        hint = "Letters, digits, '.', '_' and '-'; a number goes in quotes."
        problems.add(node.place, fact, hint)
        return None

    return read


def _input(node: Node, problems: Problems) -> tuple[str, ...]:
    values = node.plain() if isinstance(node.value, list) else [node.plain()]
    if not all(isinstance(value, str) and value for value in values):
        fact = f"input must be a path or a list of paths, not {shown(node.plain())}."
        problems.add(node.place, fact, "Files, folders or globs; or give --input.")
        return ()
    return tuple(values)


def _columns(node: Node, problems: Problems) -> Columns:
    if not isinstance(node.value, dict) and node.value is not None:
        fact = f"columns must be a map, not {shown(node.plain())}."
        problems.add(node.place, fact, "For example: columns: {text: content, url: meta.url}")
    entries = known_entries(node, COLUMNS, "columns has no option", ", ".join(COLUMNS), problems)
    names: dict[str, Any] = {}
    for key, entry in entries.items():
        value = entry.plain()
        if (
            value is None
            or (isinstance(value, str) and value)
            or (value is False and key != "text")
        ):
            names[key] = value
            continue
        fact = f"columns.{key} must be the name of a column, not {shown(value)}."
        none = "" if key == "text" else "; false, if there is none"
        problems.add(entry.place, fact, f"For example '{key}' or 'metadata.{key}'{none}.")
    return Columns(**names)


def _opt_outs(node: Node, problems: Problems) -> tuple[str, ...]:
    values = node.plain() if isinstance(node.value, list) else [node.plain()]
    if all(isinstance(value, str) and value for value in values):
        return tuple(values)
    fact = f"opt_outs must be a list of files, not {shown(node.plain())}."
    problems.add(node.place, fact, "For example: opt_outs: [opted-out.txt]")
    return ()


def _check_opt_outs(recipe: Recipe, place: Place, problems: Problems) -> None:
    """Note a rule on lists without any, or lists that no rule reads."""
    listed = [rule.name for rule in recipe.optout_gates if "optout.listed" in rule.reads]
    if bool(listed) == bool(recipe.opt_outs):
        return
    if listed:
        fact = f"rule '{listed[0]}' reads 'optout.listed', but there is no list."
        problems.add(place, fact, "Name files: opt_outs: [opted-out.txt]")
    else:
        fact = "opt_outs names lists that no rule reads."
        problems.add(place, fact, "Add to a gate: opted_out: optout.listed > 0")


def _language(node: Node, problems: Problems) -> LanguageModel:
    if not isinstance(node.value, dict):
        fact = f"language must be a map, not {shown(node.plain())}."
        problems.add(node.place, fact, "For example: language: {model: lid.176.ftz}")
        return LanguageModel()
    entries = known_entries(node, ["model"], "language has no option", "cuvee schema", problems)
    model = entries.get("model", Node(LanguageModel().model, node.place))
    if not isinstance(model.value, str) or not PurePath(model.value).name:
        fact = f"language.model must be a file's name, not {shown(model.plain())}."
        problems.add(model.place, fact, "The default is 'lid.176.ftz'.")
        return LanguageModel()
    return LanguageModel(model.value)


def _extract(node: Node, problems: Problems) -> Extract:
    chosen = one_of("extract", node, EXTRACTORS, problems)
    if chosen is None:
        return default_extract()
    name, body = chosen
    options = checked_options(name, body, EXTRACTORS[name], problems)
    if options.get("favor_precision") and options.get("favor_recall"):
        place = body.map["favor_recall"].place
        fact = "trafilatura cannot favor both recall and precision."
        problems.add(place, fact, "For recall write favor_precision: false too.")
    return Extract(name, options)


def _accelerate(node: Node, problems: Problems) -> Accelerate:
    if isinstance(node.value, bool):
        return node.value
    if node.value == "verify":
        return "verify"
    fact = f"accelerate must be true, false or verify, not {shown(node.plain())}."
    problems.add(node.place, fact, "The default is true; every choice gives the same text.")
    return True


def _dataset(node: Node, problems: Problems) -> DatasetOptions:
    return DatasetOptions(**checked_options("dataset", node, DATASET, problems))


def _memory(node: Node, problems: Problems) -> int | None:
    if node.value is None:
        return None
    match = MEMORY.fullmatch(node.value) if isinstance(node.value, str) else None
    size = int(float(match[1]) * MEMORY_UNITS[match[2]]) if match else node.value
    if isinstance(size, int) and LEAST_MEMORY <= size <= MOST_MEMORY:
        return size
    fact = f"memory_per_worker must be at least 256MiB, not {shown(node.plain())}."
    problems.add(node.place, fact, "For example: memory_per_worker: 2GiB")
    return None


_READERS: Mapping[str, Callable[[Node, Problems], Any]] = {
    "recipe": _name("recipe"),
    "input": _input,
    "dump": _name("dump"),
    "columns": _columns,
    "opt_outs": _opt_outs,
    "benchmarks": read_benchmarks,
    "word_lists": read_word_lists,
    "language": _language,
    "extract": _extract,
    "cascade": read_cascade,
    "accelerate": _accelerate,
    "words": read_words,
    "stop_words": read_stop_words,
    "languages": read_languages,
    "tokenizer": read_tokenizer,
    "tokens": read_tokens,
    "dataset": _dataset,
    "limits": read_limits,
    "memory_per_worker": _memory,
}
