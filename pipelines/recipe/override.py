"""`--set NAME=VALUE`: one value of a recipe, from the command line.

NAME is a dotted path (`audit_fraction`, `extract.trafilatura.deduplicate`, `stages.0.gate.domain`),
or starts with the bare name of a rule, an edit or a dedup method (`short_line_ratio`,
`pii.kinds`, `minhash.bands`). A rule's value is its constant, or a whole new expression.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from filters.errors import nearest
from filters.rule import LANGUAGE, parse_rule
from pipelines.recipe.by_language import set_for_language
from pipelines.recipe.keys import CHANGES, ONE_OF, RECIPE_KEYS
from pipelines.recipe.source import Node, Place, read_text, refuse
from pipelines.recipe.stage_options import RULE_STAGES

_OF_LANGUAGE = re.compile(r"(?P<rule>[^\[\].]+)\[(?P<language>[^\[\].]+)\]")
_OPERATOR = re.compile(r"[<>=!]")
_SHOWN = 100
COMMAND_LAYER = 1_000
"""Sorts after every file."""

_Target: TypeAlias = tuple[Node, str | int]
"""A map and a key, or a list and an index."""


def apply_set(tree: Node, text: str) -> None:
    """Put the value of `NAME=VALUE` into the tree; RecipeError when it has no place there."""
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    shown = Place(COMMAND_LAYER, 0, 0, f"--set {short}")
    dotted, equals, written = text.partition("=")
    dotted = dotted.strip()
    if not equals or not all(dotted.split(".")):
        refuse(shown, "is not of the form NAME=VALUE.", "For example: --set audit_fraction=0.05")
    set_value(tree, dotted, read_text(written, shown), shown)


def set_value(tree: Node, dotted: str, value: Node, shown: Place) -> None:
    """Put a value where a dotted name leads; RecipeError when it leads nowhere.

    `shown` is where that is said.
    """
    by_language = _OF_LANGUAGE.fullmatch(dotted)
    if by_language is not None:
        value = Node(value.value, shown)
        maps = list(rule_maps(tree))
        set_for_language(tree, maps, by_language["rule"], by_language["language"], value)
        return
    name, *steps = dotted.split(".")
    if name == "extends":
        refuse(shown, "what a recipe extends cannot be set.", "Name the other recipe instead.")
    if name in CHANGES:
        refuse(shown, f"'{name}' cannot be set.", "Set what it would change.")
    target = _start(tree, name, shown)
    for step in steps:
        target = _step(tree, target, step, shown)
    holder, key = target
    old = _child(holder, key)
    if old is not None and any(holder is rules for rules in rule_maps(tree)):
        _refuse_language(tree, str(key), old, shown)
        value = _with_constant(str(key), old, value)
    _store(holder, key, value)


def _start(tree: Node, name: str, shown: Place) -> _Target:
    named: list[_Target] = [found for found in _named(tree) if found[1] == name]
    if name in RECIPE_KEYS or name in tree.map:
        named.insert(0, (tree, name))
    return _only(tree, named, name, shown)


def _only(tree: Node, targets: list[_Target], name: str, shown: Place) -> _Target:
    """Return the single thing of that name; refuse none, and refuse several."""
    if not targets:
        known = {str(key): _place_of(holder, key) for holder, key in _named(tree)}
        close = nearest(name, [*known, *RECIPE_KEYS])
        where = f" ({known[close]})" if close in known else ""
        hint = f"Did you mean '{close}'{where}?  " if close else ""
        refuse(shown, f"the recipe has no '{name}'.", f"{hint}Its keys: cuvee schema")
    if len(targets) > 1:
        first, second = (
            f"the key '{name}'" if holder is tree else _place_of(holder, key)
            for holder, key in targets[:2]
        )
        fact = f"'{name}' is ambiguous: {first} and {second}."
        refuse(shown, fact, "Give the rule another name, or write stages.NUMBER.KIND.NAME=VALUE.")
    return targets[0]


def _step(tree: Node, target: _Target, step: str, shown: Place) -> _Target:
    holder, key = target
    node = _child(holder, key)
    if holder is tree and key == "stages" and not step.isdecimal():
        return _only(tree, [found for found in _named(tree) if found[1] == step], step, shown)
    if node is not None and isinstance(node.value, list):
        count = len(node.value)
        if not step.isdecimal() or int(step) >= count:
            refuse(shown, f"'{key}' has {count} items, numbered from 0; '{step}' is none of them.")
        return node, int(step)
    if any(holder is rules for rules in rule_maps(tree)):
        refuse(shown, f"'{key}' is a rule and has no '{step}'.", f"Write --set {key}=VALUE.")
    replaces = holder is tree and (key,) in ONE_OF and step not in (node.map if node else {})
    if node is None or replaces or not isinstance(node.value, dict):
        node = Node({}, shown)
        _store(holder, key, node)
    return node, step


def _with_constant(name: str, old: Node, new: Node) -> Node:
    """Return the rule with another constant; a value that is an expression itself replaces it."""
    if isinstance(new.value, str) and _OPERATOR.search(new.value):
        return new
    try:
        rule = parse_rule(name, str(old.value))
    except ValueError:
        return old  # the check says what is wrong with it, and where
    wanted, kinds = (
        ("a label", str) if isinstance(rule.constant, str) else ("a number", int | float)
    )
    if isinstance(new.value, bool) or not isinstance(new.value, kinds):
        left = " / ".join(rule.reads)
        shown = f"'{new.value}'" if isinstance(new.value, str) else json.dumps(new.plain())
        fact = f"rule '{name}' compares {left} with {wanted}, not {shown}."
        refuse(new.place, fact, f"{old.place} has: {rule}")
    off = tuple(item for item in rule.others if item[1] is None)
    return Node(str(replace(rule, constant=new.value, others=off)), new.place)


def _refuse_language(tree: Node, name: str, old: Node, shown: Place) -> None:
    """Refuse another language for the gate of a recipe whose languages say which pass."""
    if "languages" in tree.map and str(old.value).split()[:1] == [LANGUAGE]:
        fact = f"'{name}' cannot be set: the recipe's languages say which pages pass."
        refuse(shown, fact, "Add a language to 'languages', or remove one.")


def _named(tree: Node) -> Iterator[_Target]:
    """Yield the map and key of every rule, edit and dedup method."""
    for stage in stages_of(tree):
        for body in stage.map.values():
            for key in body.map:
                yield body, key


def rule_maps(tree: Node) -> Iterator[Node]:
    """Yield the rules of every gate and drop."""
    for stage in stages_of(tree):
        for kind in RULE_STAGES:
            if kind in stage.map:
                yield stage.map[kind]


def stages_of(tree: Node) -> list[Node]:
    """Return a recipe's stages; empty where it has none."""
    return tree.map["stages"].items if "stages" in tree.map else []


def _child(holder: Node, key: str | int) -> Node | None:
    return holder.items[key] if isinstance(key, int) else holder.map.get(key)


def _store(holder: Node, key: str | int, value: Node) -> None:
    if isinstance(key, int):
        holder.items[key] = value
    else:
        holder.map[key] = value


def _place_of(holder: Node, key: str | int) -> str:
    node = _child(holder, key)
    return str(node.place) if node else str(holder.place)
