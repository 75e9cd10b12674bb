"""A rule's constant for one of several languages: `RULE[LANGUAGE]`, and the key `languages`."""

import copy
from collections.abc import Iterable, Iterator

from filters.errors import nearest
from filters.languages import find_language
from filters.rule import Rule, parse_rule
from pipelines.near_label import near_label
from pipelines.recipe.problems import shown
from pipelines.recipe.source import Node, Place, refuse
from pipelines.recipe.stage_options import RULE_STAGES

_EXPRESSION = "Languages differ in constants; another comparison is a rule of its own."
_SHOWN = 8


def same_label(one: str, other: str) -> bool:
    """Return whether two labels, of whatever sets, mean the same language and script."""
    return one == other or (find_language(one) or one) == (find_language(other) or other)


def find_label(labels: Iterable[str], wanted: str) -> str | None:
    """Return the label that means what `wanted` does; None where none does."""
    labels = list(labels)
    if wanted in labels:
        return wanted
    return next((label for label in labels if same_label(label, wanted)), None)


def set_constant(maps: list[Node], label: str, name: str, value: Node) -> None:
    """Give a rule another constant for a language; RecipeError for what is none."""
    if isinstance(value.value, bool) or not isinstance(value.value, int | float | str):
        fact = f"'{name}' of {label} must be a number, not {shown(value.plain())}."
        refuse(value.place, fact, "For example: set: {list_ratio: 0.2}; drop: [list_ratio]")
    drop_or_set(maps, label, name, value.value, value.place)


def for_language(tree: Node, label: str) -> Node:
    """Return the recipe of one of a recipe's languages: its rules as pages in it meet them.

    Rules that are not asked of them are left out. The tree is not changed.
    """
    found = copy.deepcopy(tree)
    layer = found.map.pop("languages", Node({}, tree.place)).map.get(label)
    found.map.update(layer.map if layer else {})
    for stage in found.map["stages"].items if "stages" in found.map else []:
        for kind in RULE_STAGES:
            if kind in stage.map:
                stage.map[kind].value = dict(_rules_of(stage.map[kind], label))
    return found


def _rules_of(rules: Node, label: str) -> Iterator[tuple[str, Node]]:
    for name, node in rules.map.items():
        rule = parsed(name, node).of(label)
        if rule is not None:
            yield name, Node(str(rule), node.place)


def set_for_language(tree: Node, maps: list[Node], name: str, label: str, value: Node) -> None:
    """Put the constant of a rule for one language, as `RULE[LANGUAGE]=VALUE` says; `off` drops it.

    `maps` are the rules of the tree's gates and drops.
    RecipeError for a language or rule that the recipe has not.
    """
    labels = list(tree.map["languages"].map) if "languages" in tree.map else []
    if not labels:
        fact = f"'{name}[{label}]' names a language, and the recipe has one alone."
        refuse(value.place, fact, f"Write {name}=VALUE, or give it several: languages: {{…}}")
    found = find_label(labels, label)
    if found is None:
        close = near_label(label, labels)
        hint = f"Did you mean '{close}'?" if close else f"It has {', '.join(labels[:_SHOWN])}."
        refuse(value.place, f"the recipe has no language '{label}'.", hint)
    if value.value in ("off", False):
        drop_or_set(maps, found, name, None, value.place)
    else:
        set_constant(maps, found, name, value)


def drop_or_set(
    maps: list[Node], label: str, name: str, constant: float | str | None, place: Place
) -> None:
    """Give a rule a constant for a language; None: its pages are not asked."""
    known = [rule for rules in maps for rule in rules.map]
    if name not in known:
        close = nearest(name, known)
        hint = f"Did you mean '{close}'?  " if close else ""
        fact = f"the recipe has no rule '{name}' that {label} could have otherwise."
        refuse(place, fact, f"{hint}A language changes rules that the recipe has.")
    rules = next(rules for rules in maps if name in rules.map)
    rule = parsed(name, rules.map[name])
    if constant is not None and isinstance(constant, str) != isinstance(rule.constant, str):
        kind = "a label" if isinstance(rule.constant, str) else "a number"
        refuse(place, f"rule '{name}' compares with {kind}, not {shown(constant)}.", _EXPRESSION)
    rules.map[name] = Node(str(rule.with_other(label, constant)), rules.map[name].place)


def parsed(name: str, node: Node) -> Rule:
    """Return the rule that a node holds; RecipeError for what is none."""
    try:
        return parse_rule(name, str(node.value))
    except ValueError as error:
        refuse(node.place, f"rule '{name}' {error}.", f"It says: {shown(node.plain())}")
