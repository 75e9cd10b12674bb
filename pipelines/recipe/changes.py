"""What a recipe changes in the recipe that it extends: its keys `set`, `drop` and `add`.

They say what `--set`, `--drop` and `--add` of the commands say, and are done in that order.
"""

from filters.catalog import GATE_SIGNALS
from filters.errors import nearest
from filters.rule import Rule, parse_rule
from pipelines.recipe.keys import CHANGES
from pipelines.recipe.override import rule_maps, set_value, stages_of
from pipelines.recipe.problems import shown
from pipelines.recipe.source import Node, Place, refuse

_FORMS = {
    "set": "set: {gopher_short_doc: 30}",
    "drop": "drop: [list_ratio]",
    "add": "add: {many_questions: question_lines / nonblank_lines > 0.1}",
}
AFTER_DEDUP = "after_dedup"
"""The key of `add` whose rules stand behind deduplication."""
_LATE_FORM = "add: {after_dedup: {many_questions: question_lines / nonblank_lines > 0.1}}"


def take_changes(tree: Node) -> dict[str, Node]:
    """Take the keys `set`, `drop` and `add` out of a recipe's tree and return what they say.

    RecipeError for one that has another form.
    """
    taken = {key: tree.map.pop(key) for key in CHANGES if key in tree.map}
    for key, node in taken.items():
        wanted = list if key == "drop" else dict
        if not isinstance(node.value, wanted) or not node.value:
            kind = "a list of names" if key == "drop" else "a map of names"
            fact = f"{key} must be {kind}, not {shown(node.plain())}."
            refuse(node.place, fact, f"For example: {_FORMS[key]}")
    return taken


def refuse_changes(changes: dict[str, Node]) -> None:
    """Refuse changes of a recipe that extends none."""
    for key, node in changes.items():
        fact = f"'{key}' changes the recipe that is extended, and this one extends none."
        refuse(node.place, fact, "Write 'extends: fineweb', or change the recipe itself.")


def apply_changes(tree: Node, changes: dict[str, Node]) -> None:
    """Change a recipe's tree as another recipe says; RecipeError for what has no place in it."""
    if "set" in changes:
        for name, node in changes["set"].map.items():
            set_value(tree, name, node, node.place)
    for node in changes["drop"].items if "drop" in changes else ():
        drop_part(tree, node)
    if "add" in changes:
        for name, node in changes["add"].map.items():
            if name == AFTER_DEDUP:
                _add_after_dedup(tree, node)
            else:
                add_rule(tree, name, node)


def drop_part(tree: Node, wanted: Node) -> None:
    """Take out the rule, edit, block or kind of that name, and its stage if nothing is left of it.

    RecipeError if the recipe has none.
    """
    name = str(wanted.value)
    stages = stages_of(tree)
    for at, stage in enumerate(stages):
        for body in stage.map.values():
            if body.map.pop(name, None) is not None:
                if not body.map:
                    del stages[at]
                return
    names = [key for stage in stages for body in stage.map.values() for key in body.map]
    close = nearest(name, names)
    hint = f"Did you mean '{close}'?" if close else f"It has {', '.join(names)}."
    refuse(wanted.place, f"the recipe that is extended has no '{name}' to drop.", hint)


def _add_after_dedup(tree: Node, node: Node) -> None:
    if not isinstance(node.value, dict) or not node.value:
        fact = f"add.{AFTER_DEDUP} must be a map of rules, not {shown(node.plain())}."
        refuse(node.place, fact, f"For example: {_LATE_FORM}")
    for name, rule in node.map.items():
        add_rule(tree, name, rule, after_dedup=True)


def add_rule(tree: Node, name: str, node: Node, *, after_dedup: bool = False) -> None:
    """Put a rule behind the others of the last gate, the last drop, or the one after dedup.

    RecipeError for what is no rule, or has no place in the recipe.
    """
    if any(name in rules.map for rules in rule_maps(tree)):
        fact = f"the recipe that is extended has a rule '{name}'."
        refuse(node.place, fact, f"Change it: set: {{{name}: …}}, or give this one another name.")
    try:
        rule = parse_rule(name, str(node.value))
    except ValueError as error:
        refuse(node.place, f"rule '{name}' {error}.", f"It says: {shown(node.plain())}")
    if after_dedup:
        rules = _final_drop(tree, node.place)
    elif _is_gate(rule):
        rules = _last_gate(tree, node.place)
    else:
        rules = _last_drop(tree, node.place)
    rules.map[name] = node


def _is_gate(rule: Rule) -> bool:
    return all(name in GATE_SIGNALS for name in rule.reads)


def _last_gate(tree: Node, place: Place) -> Node:
    """Return the rules of the last gate; made where there is none."""
    gates = [stage.map["gate"] for stage in stages_of(tree) if "gate" in stage.map]
    if gates:
        return gates[-1]
    rules = Node({}, place)
    stages_of(tree).insert(0, Node({"gate": rules}, place))
    return rules


def _last_drop(tree: Node, place: Place) -> Node:
    """Return the rules of the drop right before deduplication; made where there is none."""
    stages = stages_of(tree)
    before = next((at for at, s in enumerate(stages) if "dedup" in s.map), len(stages))
    return _drop_before(stages, before, place)


def _final_drop(tree: Node, place: Place) -> Node:
    """Return the rules of the last drop after deduplication; made where there is none."""
    stages = stages_of(tree)
    at = next((at for at, stage in enumerate(stages) if "dedup" in stage.map), None)
    if at is None:
        fact = "the recipe has no dedup, so no rule can come after it."
        refuse(place, fact, f"Add the rule as others are: {_FORMS['add']}")
    behind = at + 1
    while behind < len(stages) and "drop" in stages[behind].map:
        behind += 1
    return _drop_before(stages, behind, place)


def _drop_before(stages: list[Node], at: int, place: Place) -> Node:
    if at and "drop" in stages[at - 1].map:
        return stages[at - 1].map["drop"]
    rules = Node({}, place)
    stages.insert(at, Node({"drop": rules}, place))
    return rules
