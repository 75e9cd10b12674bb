"""FineWeb-2's own file of one language as a recipe that extends `fineweb2`.

The files are those of huggingface/fineweb-2, `configs/` (for example `fra_Latn.yml`); what
their keys mean, `fineweb-2-pipeline.py` says, which hands them to datatrove's blocks.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filters.ngrams import DUP_SIZES, TOP_SIZES
from pipelines.recipe.dump import recipe_yaml
from pipelines.recipe.problems import Problems, known_entries, shown
from pipelines.recipe.source import Node, read_file

GLOTLID = "model_v3.bin"
"""The name of GlotLID's model file, whose labels and scores FineWeb-2 goes by."""

_NAME = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
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
_OFF_AT_ZERO = (
    "dup_line_frac", "min_avg_word_length", "max_avg_word_length", "max_non_alpha_words_ratio",
)  # fmt: skip
"""Keys of which datatrove takes 0 or nothing for 'no such rule'."""
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
    problems = Problems(what=_WHAT)
    tree = read_file(path, str(path), 0, what=_WHAT, start=_START)
    if not _NAME.fullmatch(path.stem):
        hint = "For example fra_Latn.yml: ISO 639-3, and the script by ISO 15924."
        problems.add(tree.place, "the file's name is not that of a language and script.", hint)
    known = [*_RULES, *_GRAMS, "stopwords"]
    keys = known_entries(tree, known, f"a {_WHAT} has no key", ", ".join(known), problems)
    for key in known:
        if key not in keys:
            problems.add(tree.place, f"the key '{key}' is missing.", _NONE)
    problems.raise_first()
    changes = {"other_language": label or path.stem} | dict(_constants(keys, problems))
    recipe = {
        "recipe": f"fineweb2_{path.stem}",
        "extends": "fineweb2",
        **({} if label else {"language": {"model": GLOTLID}}),
        "words": path.stem,
        "stop_words": _stop_words(keys["stopwords"], problems),
        "set": {name: value for name, value in changes.items() if value is not None},
    }
    dropped = [name for name, value in changes.items() if value is None]
    problems.raise_first()
    return recipe_yaml({**recipe, "drop": dropped} if dropped else recipe)


def _constants(keys: dict[str, Node], problems: Problems) -> Iterator[tuple[str, float | None]]:
    """Yield the constant of each rule, None for a rule that the language does not have."""
    for key, rule in _RULES.items():
        value = keys[key].plain()
        if key in _OFF_AT_ZERO and not value:
            yield rule, None
        else:
            yield rule, _number(key, keys[key], value, problems)
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


def _stop_words(node: Node, problems: Problems) -> list[str]:
    words = node.plain()
    if isinstance(words, list) and words and all(isinstance(word, str) and word for word in words):
        return words
    problems.add(node.place, f"stopwords must be a list of words, not {shown(words)}.", _START)
    return []
