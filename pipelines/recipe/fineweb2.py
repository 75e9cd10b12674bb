"""FineWeb-2's own file of one language as a recipe that extends `fineweb2`.

The files are those of huggingface/fineweb-2, `configs/` (for example `fra_Latn.yml`); what
their keys mean, `fineweb-2-pipeline.py` says, which hands them to datatrove's blocks.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from filters.errors import UsageError
from filters.ngrams import DUP_SIZES, TOP_SIZES
from pipelines.recipe.dump import recipe_yaml
from pipelines.recipe.problems import Problems, known_entries, shown
from pipelines.recipe.source import Node, Place, read_file, refuse
from pipelines.recipe.words import read_stop_words

GLOTLID = "model_v3.bin"
"""The name of GlotLID's model file, whose labels and scores FineWeb-2 goes by."""

NAME = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
_RULES = {
    "language_score": "unsure_language",
    "dup_line_frac": "dup_line_frac",
    "line_punct_thr": "line_punct_ratio",
    "new_line_ratio": "list_ratio",
    "min_avg_word_length": "gopher_below_avg_threshold",
    "max_avg_word_length": "gopher_above_avg_threshold",
    "max_non_alpha_words_ratio": "gopher_below_alpha_threshold",
}
"""The rule of the recipe `fineweb2` whose constant a key is."""
FILE_KEYS = MappingProxyType({rule: key for key, rule in _RULES.items()})
"""The key of a rule's constant in FineWeb-2's files."""
_OFF_AT_ZERO = (
    "dup_line_frac", "min_avg_word_length", "max_avg_word_length", "max_non_alpha_words_ratio",
)  # fmt: skip
"""Keys of which datatrove takes 0 or nothing for 'no such rule'."""
_OFF_BELOW_ZERO = "line_punct_thr"
"""A key that is -1 in many files: less than any page has, so the language has no such rule."""
_GRAMS = {
    "top_n_grams": ("top_{}_gram", TOP_SIZES),
    "dup_n_grams": ("duplicated_{}_n_grams", DUP_SIZES),
}
_WHAT = "FineWeb-2 configuration"
_START = "FineWeb-2 has one for each language, such as configs/fra_Latn.yml."
_NONE = "Thresholds for a language without: cuvee tune proposes them from a run."


def fineweb2_recipe(path: Path, label: str | None = None) -> str:
    """Return the recipe of a language as YAML.

    `label` is what the language model calls the language; without it the language is GlotLID's,
    by the file's name. RecipeError for a file that is none of FineWeb-2's.
    """
    changes, stop_words = _read(path)
    gate = {"other_language": label or path.stem}
    set_or_off: dict[str, float | str | None] = {**gate, **changes}
    recipe = {
        "recipe": f"fineweb2_{path.stem}",
        "extends": "fineweb2",
        **({} if label else {"language": {"model": GLOTLID}}),
        **_layer(path.stem, stop_words, set_or_off),
    }
    return recipe_yaml(recipe)


def several_recipe(paths: Sequence[Path], model: str | None = None) -> str:
    """Return the recipe of several languages as YAML, each with its own file's thresholds.

    `model` names the languages' pages, GlotLID by default. RecipeError for a file that is none of
    FineWeb-2's, UsageError for a language that comes twice.
    """
    languages: dict[str, Any] = {}
    for path in paths:
        changes, stop_words = _read(path)
        if path.stem in languages:
            raise UsageError(f"{path}: {path.stem} is there already.\n  Name each language once.")
        languages[path.stem] = _layer(path.stem, stop_words, changes)
    recipe = {
        "recipe": "fineweb2_several",
        "extends": "fineweb2",
        "language": {"model": model or GLOTLID},
        "languages": languages,
    }
    return recipe_yaml(recipe)


def fineweb2_layer(path: Path, place: Place) -> Node:
    """Return a language's file as the layer that the key `languages` has of it.

    What it says has the file's place in messages; `place` is where the file is named.
    """
    changes, stop_words = _read(path, place)
    return _node(_layer(path.stem, stop_words, changes), replace(place, file=str(path), line=0))


def fineweb2_settings(constants: Mapping[str, Any], stop_words: Sequence[str]) -> dict[str, Any]:
    """Return what a language's file of FineWeb-2 holds, from constants by the rules' names.

    A rule without a constant is off there.
    """
    settings: dict[str, Any] = {key: constants.get(rule, 0) for key, rule in _RULES.items()}
    for key, (rule, sizes) in _GRAMS.items():
        found = [[n, constants[rule.format(n)]] for n in sizes if rule.format(n) in constants]
        settings[key] = found
    return dict(sorted({**settings, "stopwords": list(stop_words)}.items()))


def _node(value: Any, place: Place) -> Node:
    if isinstance(value, dict):
        return Node({key: _node(entry, place) for key, entry in value.items()}, place)
    if isinstance(value, list):
        return Node([_node(item, place) for item in value], place)
    return Node(value, place)


def _layer(
    name: str, stop_words: list[str], changes: Mapping[str, float | str | None]
) -> dict[str, Any]:
    """Return what a language says: how words are found, constants, and rules that it has not."""
    dropped = [rule for rule, value in changes.items() if value is None]
    return {
        "words": name,
        "stop_words": stop_words,
        "set": {rule: value for rule, value in changes.items() if value is not None},
        **({"drop": dropped} if dropped else {}),
    }


def _read(path: Path, place: Place | None = None) -> tuple[dict[str, float | None], list[str]]:
    """Return the constants of a language's file by rule, and its stop words."""
    problems = Problems(what=_WHAT)
    layer = place.layer if place else 0
    if not path.is_file():
        where = place or Place(layer, 0, 0, str(path))
        fact = (
            f"{path} cannot be read: there is no such file." if place else "there is no such file."
        )
        refuse(where, fact, f"FineWeb-2's are in huggingface/fineweb-2, configs/. {_NONE}")
    tree = read_file(path, str(path), layer, what=_WHAT, start=_START)
    if not NAME.fullmatch(path.stem):
        hint = "For example fra_Latn.yml: ISO 639-3, and the script by ISO 15924."
        problems.add(tree.place, "the file's name is not that of a language and script.", hint)
    known = [*_RULES, *_GRAMS, "stopwords"]
    keys = known_entries(tree, known, f"a {_WHAT} has no key", ", ".join(known), problems)
    for key in known:
        if key not in keys:
            problems.add(tree.place, f"the key '{key}' is missing.", _NONE)
    problems.raise_first()
    changes = dict(_constants(keys, problems))
    stop_words = list(read_stop_words(keys["stopwords"], problems, "stopwords"))
    problems.raise_first()
    return changes, stop_words


def _constants(keys: dict[str, Node], problems: Problems) -> Iterator[tuple[str, float | None]]:
    """Yield the constant of each rule, None for a rule that the language does not have."""
    for key, rule in _RULES.items():
        value = keys[key].plain()
        if key in _OFF_AT_ZERO and not value:
            yield rule, None
            continue
        number = _number(key, keys[key], value, problems)
        yield rule, None if key == _OFF_BELOW_ZERO and number < 0 else number
    for key, (rule, sizes) in _GRAMS.items():
        yield from _gram_constants(key, keys[key], rule, sizes, problems)


def _gram_constants(
    key: str, node: Node, rule: str, sizes: tuple[int, ...], problems: Problems
) -> Iterator[tuple[str, float | None]]:
    pairs: dict[int, float] = {}
    for item in node.items:
        pair = item.plain()
        if isinstance(pair, list) and len(pair) == 2 and pair[0] in sizes:  # noqa: PLR2004  n, share
            pairs[pair[0]] = _number(key, item, pair[1], problems)
        else:
            fact = f"{key} holds {shown(pair)}, which is no pair of a size and a share."
            hint = f"For example: [{sizes[0]}, 0.15]; sizes are {', '.join(map(str, sizes))}."
            problems.add(item.place, fact, hint)
    if not isinstance(node.value, list):
        problems.add(node.place, f"{key} must be a list, not {shown(node.plain())}.", _START)
    for size in sizes:
        yield rule.format(size), pairs.get(size)


def _number(key: str, node: Node, value: Any, problems: Problems) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    problems.add(node.place, f"{key} must be a number, not {shown(value)}.", _START)
    return 0.0
