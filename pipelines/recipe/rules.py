"""Stages and rules of a recipe: their order, and that each rule reads what is measured there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from filters.catalog import EDITS, GATE_SIGNALS, TEXT
from filters.datatrove_block import is_filter
from filters.imported import FAMILIES
from filters.judge import DropStage, EditStage
from filters.rule import Rule, parse_rule
from filters.signal import Signal
from pipelines.recipe.blocks import check_block, revision_in
from pipelines.recipe.dedup import column_of, read_dedup
from pipelines.recipe.keys import RECIPE_KEYS
from pipelines.recipe.layouts import InputFormat
from pipelines.recipe.options import RULE_NAME, edit_options
from pipelines.recipe.problems import Problems, checked_options, one_of, shown
from pipelines.recipe.reads import check_reads
from pipelines.recipe.rule_stages import ledger_stage
from pipelines.recipe.source import Node, Place
from pipelines.recipe.stage import GateStage, Stage
from pipelines.recipe.stage_options import STAGE_KINDS


@dataclass(slots=True)
class _Seen:
    """What the stages so far have said."""

    problems: Problems
    input_format: InputFormat
    own: Mapping[str, Signal]
    """Signals of the recipe's own, by bare name."""
    names: dict[str, Place] = field(default_factory=dict)
    edits: dict[str, Place] = field(default_factory=dict)
    kinds: dict[str, Place] = field(default_factory=dict)
    later: dict[str, Place] = field(default_factory=dict)
    """Every edit and block of the recipe, also those that come later."""
    last: set[str] = field(default_factory=set)
    """Those of them that come after dedup."""
    measured: dict[str, None] = field(default_factory=dict)
    """Numbers that every page has which comes to dedup: columns of the ledger."""
    final_edits: dict[str, Place] = field(default_factory=dict)
    """Edits and blocks after dedup, whose texts no rule reads."""
    language_gate: Rule | None = None

    def name(self, what: str, name: str, place: Place) -> None:
        """Note a name of a rule, edit or kind; one name means one thing, for --set and ledger."""
        if name in self.names:
            fact = f"{what} '{name}' has a name that is taken; first in {self.names[name]}."
            self.problems.add(place, fact, "Names are for --set and the ledger: give it another.")
        elif name in RECIPE_KEYS:
            fact = f"{what} '{name}' has the name of a recipe's key."
            self.problems.add(place, fact, "Give it another name.")
        self.names.setdefault(name, place)

    def makes(self, name: str, place: Place) -> None:
        """Note the revision of the text that an edit or block makes."""
        if "dedup" in self.kinds:
            self.final_edits[name] = place
        self.edits[name] = place


def check_stages(
    node: Node,
    problems: Problems,
    input_format: InputFormat,
    own: Mapping[str, Signal] = MappingProxyType({}),
) -> tuple[Stage, ...]:
    """Return the stages of a recipe: gates, drops with edits and blocks, dedup, drops, edits."""
    if not isinstance(node.value, list) or not node.value:
        fact = f"stages must be a list, not {shown(node.plain())}."
        problems.add(node.place, fact, f"Each item is one of: {', '.join(STAGE_KINDS)}.")
        return ()
    seen = _Seen(problems, input_format, own)
    _look_ahead(node, seen)
    stages: dict[int, Stage | None] = {}
    dedup: list[tuple[int, Node]] = []
    for at, item in enumerate(node.items):
        chosen = one_of("a stage", item, STAGE_KINDS, problems)
        if chosen is not None:
            kind, body = chosen
            _check_order(kind, body.place, seen)
            seen.kinds.setdefault(kind, body.place)
            if kind == "dedup":  # what it may choose pages by, drops after it say as well
                dedup.append((at, body))
            else:
                stages[at] = _STAGES[kind](body, seen)
    stages |= {at: _dedup(body, seen) for at, body in dedup}
    return tuple(stage for _, stage in sorted(stages.items()) if stage)


def _look_ahead(node: Node, seen: _Seen) -> None:
    """Note every edit and block, so that a rule before them can be told where they are."""
    behind = False
    for item in node.items:
        behind = behind or "dedup" in item.map
        made = item.map["edit"].map if "edit" in item.map else {}
        if "datatrove" in item.map:
            made = revision_in(item.map["datatrove"])
        seen.later.update({name: each.place for name, each in made.items()})
        seen.last.update(made if behind else ())


def _check_order(kind: str, place: Place, seen: _Seen) -> None:
    for earlier, since in seen.kinds.items():
        if kind == "gate" and earlier != "gate":
            fact = f"a gate cannot come after {earlier} ({since})."
            seen.problems.add(place, fact, "Move it up: a gate saves measuring what it drops.")
            return
        if kind == "dedup" and earlier == "dedup":
            seen.problems.add(place, f"dedup comes twice; first in {since}.", "Remove one.")
    if kind == "drop" and seen.final_edits:
        name, since = next(iter(seen.final_edits.items()))
        fact = f"a drop after dedup cannot come after '{name}' ({since})."
        hint = "Move it right behind dedup: it reads what was measured before that."
        seen.problems.add(place, fact, hint)


def _gate(body: Node, seen: _Seen) -> Stage:
    return GateStage(_rules("gate", body, seen))


def _drop(body: Node, seen: _Seen) -> Stage:
    return DropStage(_rules("drop", body, seen))


def _edit(body: Node, seen: _Seen) -> Stage | None:
    chosen = one_of("edit", body, EDITS, seen.problems)
    if chosen is None:
        return None
    name, entry = chosen
    if name in seen.edits:
        fact = f"edit '{name}' is used twice; first in {seen.edits[name]}."
        seen.problems.add(entry.place, fact, "Remove one.")
        return None
    seen.name("edit", name, entry.place)
    seen.makes(name, entry.place)
    if name not in seen.final_edits:
        seen.measured.update(dict.fromkeys(f"{name}.{own}" for own in EDITS[name].signals))
    return EditStage(name, checked_options(name, entry, edit_options(EDITS[name]), seen.problems))


def _datatrove(body: Node, seen: _Seen) -> Stage | None:
    checked = check_block(body, seen.problems)
    if checked is None:
        return None
    block, found = checked
    name, place = block.revision, body.map[block.name].place
    families = {signal.partition(".")[0] for signal in GATE_SIGNALS}
    if name in {TEXT, *EDITS, *families, *FAMILIES} or not RULE_NAME.fullmatch(name):
        fact = f"the block '{name}' cannot have its text named after it."
        seen.problems.add(place, fact, "Give the class another name.")
        return None
    if "dedup" in seen.kinds and is_filter(found):
        fact = f"the filter '{name}' cannot come after dedup ({seen.kinds['dedup']})."
        hint = "Move it before dedup: only rules drop after it, by what was measured before."
        seen.problems.add(place, fact, hint)
    seen.name("block", name, place)
    seen.makes(name, place)
    return block


def _dedup(body: Node, seen: _Seen) -> Stage | None:
    for kind, node in body.map.items():
        if kind != "url":  # FineWeb's gate has a rule of that name; the ledger's stage tells
            seen.name("kind", kind, node.place)
    return read_dedup(body, seen.measured, seen.problems)


_EARLY = {
    "url": ("the URL", "the URL is"),
    "optout": ("opt-outs", "they are"),
    "licence": ("licences", "they are"),
}
"""What rules on early stages are about, for messages."""
_STAGES: Mapping[str, Callable[[Node, _Seen], Stage | None]] = {
    "gate": _gate,
    "drop": _drop,
    "edit": _edit,
    "datatrove": _datatrove,
}


def _rules(kind: str, body: Node, seen: _Seen) -> tuple[Rule, ...]:
    if not isinstance(body.value, dict) or not body.value:
        fact = f"{kind} must be a map of rules, not {shown(body.plain())}."
        seen.problems.add(body.place, fact, "For example: too_short: words < 50")
        return ()
    rules = []
    for name, node in body.map.items():
        seen.name("rule", name, node.place)
        rule = _rule(name, node, kind, seen)
        rules += [rule] if rule else []
    return tuple(rules)


def _rule(name: str, node: Node, kind: str, seen: _Seen) -> Rule | None:
    if not RULE_NAME.fullmatch(name):
        fact = f"'{name}' is no name for a rule."
        seen.problems.add(node.place, fact, "Letters, digits and _, not beginning with a digit.")
    if not isinstance(node.value, str):
        fact = f"rule '{name}' must be an expression, not {shown(node.plain())}."
        seen.problems.add(node.place, fact, f"For example: {name}: words < 50")
        return None
    try:
        rule = parse_rule(name, node.value)
    except ValueError as error:
        fact = f"rule '{name}' {error}."
        seen.problems.add(node.place, fact, f"It says: {shown(node.value)}")
        return None
    rule = check_reads(
        rule,
        kind,
        place=node.place,
        made=seen.edits,
        edits=seen.later,
        last=seen.last,
        input_format=seen.input_format,
        own=seen.own,
        problems=seen.problems,
    )
    if not isinstance(rule.constant, str):
        seen.measured.update(dict.fromkeys(map(column_of, rule.reads)))
    if kind == "gate":
        _check_gate_order(rule, node.place, seen)
    return rule


def _check_gate_order(rule: Rule, place: Place, seen: _Seen) -> None:
    """URL and opt-outs are judged before a page is extracted, so their rules are written first."""
    stage = ledger_stage(rule)
    if stage == "language":
        seen.language_gate = seen.language_gate or rule
    elif seen.language_gate is not None:
        what, is_judged = _EARLY[stage]
        fact = f"rule '{rule.name}' on {what} comes after '{seen.language_gate.name}'."
        hint = f"Move it up: {is_judged} judged before the page is read."
        seen.problems.add(place, fact, hint)
