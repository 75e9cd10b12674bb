"""The recipe's key `languages`: several languages in one run, each with its own small layer.

What a layer says of rules (`set`, `drop`) is moved into the rules themselves, which then have a
constant for each language, so that ledger and audit read one recipe; `words` and `stop_words`
stay. A layer may be FineWeb-2's own file: `from: deu_Latn.yml`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from filters.c4 import C4_LINES
from filters.judge import EditStage
from filters.refinedweb import REFINEDWEB_LINES
from filters.rule import LANGUAGE
from pipelines.recipe.by_language import drop_or_set, parsed, same_label, set_constant
from pipelines.recipe.fineweb2 import fineweb2_layer
from pipelines.recipe.kinds import LinesOptions
from pipelines.recipe.model import Recipe
from pipelines.recipe.one_language import OneLanguage
from pipelines.recipe.override import COMMAND_LAYER, rule_maps
from pipelines.recipe.problems import Problems, known_entries, shown
from pipelines.recipe.rule_stages import EARLY_STAGES
from pipelines.recipe.source import Node, Place, refuse
from pipelines.recipe.words import read_stop_words, read_words

_KEYS = ("words", "stop_words", "set", "drop", "from")
_EXAMPLE = "For example: languages: {deu_Latn: {words: deu_Latn, stop_words: [der, die, und]}}"
_COUNT_WORDS = (C4_LINES.name, REFINEDWEB_LINES.name)
"""Edits that count words, whose number depends on the language."""


def settle_languages(tree: Node) -> None:
    """Move what `languages` says of rules into the rules; RecipeError for what has no place."""
    node = tree.map.get("languages")
    if node is None:
        return
    if not isinstance(node.value, dict) or not node.value:
        refuse(node.place, f"languages must be a map, not {shown(node.plain())}.", _EXAMPLE)
    maps = list(rule_maps(tree))
    for label, written in node.map.items():
        _refuse_twice(label, written, node)
        node.map[label] = layer = _with_file(label, written)
        for name, value in layer.map.pop("set", Node({}, layer.place)).map.items():
            set_constant(maps, label, name, value)
        for item in layer.map.pop("drop", Node([], layer.place)).items:
            drop_or_set(maps, label, str(item.value), None, item.place)
    for rules in maps:
        for name, written in rules.map.items():
            _let_pass(rules, name, written, list(node.map))


def _refuse_twice(label: str, layer: Node, node: Node) -> None:
    for other in node.map:
        if other == label:
            return
        if same_label(other, label):
            fact = f"languages has '{other}' and '{label}', which are the same language."
            refuse(layer.place, fact, "Remove one.")


def _with_file(label: str, layer: Node) -> Node:
    """Return a layer with what its file says, where it names one; its own keys come first."""
    if layer.value is None:
        return Node({}, layer.place)
    if not isinstance(layer.value, dict):
        refuse(layer.place, f"a language is a map, not {shown(layer.plain())}.", _EXAMPLE)
    for key, kind in (("set", dict), ("drop", list)):
        if key in layer.map and not isinstance(layer.map[key].value, kind):
            fact = f"{key} of a language must be a {kind.__name__} of rules."
            refuse(layer.map[key].place, fact.replace("dict", "map"), _EXAMPLE)
    source = layer.map.pop("from", None)
    if source is None:
        return layer
    if not isinstance(source.value, str) or not source.value:
        refuse(source.place, f"from must be a file's name, not {shown(source.plain())}.")
    folder = Path() if source.place.layer == COMMAND_LAYER else Path(source.place.file).parent
    below = fineweb2_layer(folder / source.value, source.place)
    if not same_label(name := Path(source.value).stem, label):
        fact = f"the language '{label}' is from {source.value}, which is of {name}."
        refuse(source.place, fact, "A language has its own thresholds; name its file.")
    merged = {**below.map, **layer.map}
    own = layer.map.get("set")
    if own is not None:
        merged["set"] = Node({**below.map["set"].map, **own.map}, own.place)
    return Node(merged, layer.place)


def _let_pass(rules: Node, name: str, written: Node, labels: list[str]) -> None:
    """Make the gate that wants one language want each of them."""
    rule = parsed(name, written)
    if rule.reads != (LANGUAGE,) or rule.op != "!=":
        return
    rule = replace(rule, constant=labels[0], others=())
    for label in labels[1:]:
        rule = rule.with_other(label, label)
    rules.map[name] = Node(str(rule), written.place)


def read_languages(node: Node, problems: Problems) -> tuple[tuple[str, OneLanguage], ...]:
    """Return the languages of a recipe whose rules have been settled."""
    found = []
    for label, layer in node.map.items():
        listing = ", ".join(_KEYS)
        keys = known_entries(layer, _KEYS, f"the language {label} has no key", listing, problems)
        for key in ("words", "stop_words"):
            if key not in keys:
                fact = f"the language {label} says no '{key}'."
                problems.add(layer.place, fact, "Its own, or from: FILE of FineWeb-2's.")
        words = read_words(keys["words"], problems) if "words" in keys else "en"
        given = keys.get("stop_words")
        stop_words = read_stop_words(given, problems) if given else ()
        found.append((label, OneLanguage(words, stop_words)))
    return tuple(found)


def check_languages(recipe: Recipe, place: Place, problems: Problems) -> None:
    """Note what a recipe of several languages cannot have, and rules on languages it has not."""
    labels = [label for label, _ in recipe.languages]
    for stage, rule in recipe.rules():
        for label, _ in rule.others:
            if label not in labels:
                fact = (
                    f"rule '{rule.name}' has a constant for '{label}', no language of the recipe."
                )
                problems.add(place, fact, f"Its languages: {', '.join(labels[:8]) or 'one alone'}.")
        if rule.others and stage in EARLY_STAGES:
            fact = f"rule '{rule.name}' is judged before the language of a page is known."
            problems.add(place, fact, "It can have one constant only.")
    for fact, hint in _unfit(recipe) if labels else ():
        problems.add(place, fact, hint)


def _unfit(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if not any(rule.reads == (LANGUAGE,) and rule.op == "!=" for rule in recipe.text_gates):
        gate = 'gate: {other_language: language.code != "eng_Latn"}'
        yield "languages needs a gate that drops pages of others.", f"For example: {gate}"
    for stage in recipe.final_edits:
        if isinstance(stage, EditStage) and stage.name in _COUNT_WORDS:
            fact = (
                f"the edit '{stage.name}' after dedup counts words, and languages differ in them."
            )
            yield fact, "Move it before dedup."
    dedup = recipe.dedup
    has_lines = dedup and any(isinstance(kind, LinesOptions) for kind in dedup.kinds)
    if dedup and dedup.minhash and (dedup.minhash.verify or has_lines):
        what = "minhash.verify" if dedup.minhash.verify else "lines before minhash"
        fact = f"{what} splits texts into words anew, without knowing their language."
        yield fact, "Leave it out, or run each language by itself."
