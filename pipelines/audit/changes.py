"""What a person would change in a run's recipe, and what of it a ledger cannot answer."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filters.catalog import EDITS, GATE_SIGNALS, TEXT, text_signals
from filters.errors import UsageError, nearest
from filters.imported import imported_signal
from filters.rule import parse_rule
from pipelines.audit.ledger import Ledger
from pipelines.audit.steps import COLUMNS, Plan, Step, read_plan
from pipelines.recipe.changes import AFTER_DEDUP, add_rule
from pipelines.recipe.dump import recipe_yaml
from pipelines.recipe.override import COMMAND_LAYER, apply_set, rule_maps, stages_of
from pipelines.recipe.source import Node, Place
from pipelines.recipe.stage_options import RULE_STAGES

_NO_DECISION = (
    "recipe", "input", "keep_text", "audit_fraction", "max_failed_pages", "max_failed_units",
    "memory_per_worker", "accelerate", "tokens",
)  # fmt: skip
"""Keys that decide on no page's text or fate."""
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of a recipe, as the commands take them."""

    sets: tuple[str, ...] = ()
    """`NAME=VALUE`, as `cuvee run --set` has it."""
    drops: tuple[str, ...] = ()
    """Names of rules that are left out."""
    adds: tuple[str, ...] = ()
    """`NAME: signal [/ signal] > constant`: rules behind all others before deduplication, or
    behind those after it where it is `after_dedup.NAME: …`."""

    def in_language(self, ledger: Ledger) -> "Changes":
        """Return what changes the whole recipe where these change that of a ledger's language.

        UsageError for rules that are added: a recipe has them in every language.
        """
        if not ledger.is_one_of_several:
            return self
        if self.adds:
            raise UsageError(
                f"--add cannot be for {ledger.language} alone: every language has the same rules.\n"
                f"  Without --language it is for all; then --set 'RULE[LANGUAGE]=off'."
            )
        sets = (text.partition("=") for text in self.sets)
        return Changes(
            (
                *(f"{name.strip()}[{ledger.language}]={value}" for name, _, value in sets),
                *(f"{name}[{ledger.language}]=off" for name in self.drops),
            )
        )


def changed_recipe(ledger: Ledger, changes: Changes) -> Node:
    """Return the run's recipe with the changes; UsageError for what has no place in it."""
    tree = copy.deepcopy(ledger.recipe)
    for text in changes.sets:
        apply_set(tree, text)
    for name in changes.drops:
        _drop(tree, name, ledger.plan)
    for text in changes.adds:
        _add(tree, text)
    return tree


def _drop(tree: Node, name: str, plan: Plan) -> None:
    for rules in rule_maps(tree):
        if rules.map.pop(name, None) is not None:
            return
    raise unknown_rule(name, plan)


def unknown_rule(name: str, plan: Plan) -> UsageError:
    """Return the error for a rule that the recipe does not have."""
    names = plan.names()
    close = nearest(name, names)
    some = ", ".join(names[:_SHOWN])
    hint = f"Did you mean '{close}'?" if close else f"Its rules: {some} …"
    return UsageError(f"the run's recipe has no rule '{name}'.\n  {hint}")


def _add(tree: Node, text: str) -> None:
    name, colon, expression = text.partition(":")
    late = name.strip().startswith(f"{AFTER_DEDUP}.")
    name = name.strip().removeprefix(f"{AFTER_DEDUP}.")
    if not colon or not name.isidentifier():
        raise UsageError(
            f"--add '{text}' is not of the form 'NAME: signal [/ signal] > number'.\n"
            "  For example: --add 'many_questions: question_lines / nonblank_lines > 0.1'"
        )
    if any(name in rules.map for rules in rule_maps(tree)):
        raise UsageError(
            f"--add '{text}': the recipe has a rule '{name}'.\n  Change it: --set '{name}=…'"
        )
    try:
        parse_rule(name, expression)
    except ValueError as error:
        raise UsageError(f"--add '{text}': {error}.") from None
    place = Place(COMMAND_LAYER, 0, 0, f"--add {text}")
    add_rule(tree, name, Node(expression.strip(), place), after_dedup=late)


def beyond_replay(old: Node, new: Node) -> list[str]:
    """Return what of a change a ledger cannot answer, a sentence each."""
    said = []
    for key in new.map.keys() | old.map.keys():
        if key in (*_NO_DECISION, "stages") or _plain(old, key) == _plain(new, key):
            continue
        said.append(_WHY.get(key, f"{key} changes what is measured: only a run can say."))
    then, now = ([_other(stage) for stage in stages_of(tree)] for tree in (old, new))
    said += [
        _WHY[kind]
        for kind in ("edit", "datatrove", "dedup")
        if [s[kind] for s in then if kind in s] != [s[kind] for s in now if kind in s]
    ]
    return sorted(said)


_WHY = {
    "tokenizer": "Another tokenizer counts other tokens: only a run can say how many.",
    "extract": "Another extraction gives other texts: only a run can say.",
    "cascade": "The cascade decides which pages are extracted at all: only a run can say.",
    "words": "Words split by another language's rules are measured anew: only a run can say.",
    "classifiers": "Another model gives other scores: only a run can say; it reads stored text, "
    "not the crawl.",
    "edit": "An edit with other options makes another text, on which signals are measured anew: "
    "only a run can say; it reads the stored text, not the crawl.",
    "datatrove": "A block of datatrove decides by itself: only a run can say.",
    "dedup": "Which pages repeat each other has to be found again: only a run can say.",
}


def _other(stage: Node) -> dict[str, object]:
    """Return a stage as plain data, without what replay can answer."""
    return {kind: body.plain() for kind, body in stage.map.items() if kind not in RULE_STAGES}


def _plain(tree: Node, key: str) -> object:
    return tree.map[key].plain() if key in tree.map else None


def check_measured(ledger: Ledger, steps: Sequence[Step]) -> None:
    """Raise UsageError for a rule that reads what this ledger has not, or measured otherwise."""
    for step in steps:
        for name, column in zip(step.rule.reads, step.columns, strict=True):
            if column not in ledger.schema.names:
                raise _unmeasured(ledger, step, name)
            _check_version(ledger, step, name)


def _unmeasured(ledger: Ledger, step: Step, name: str) -> UsageError:
    measured = [*COLUMNS, *ledger.signals]
    close = nearest(name, measured) or nearest(name.removeprefix(f"{TEXT}."), measured)
    hint = f"Did you mean '{close.removeprefix(f'{TEXT}.')}'?  " if close else ""
    shown = name.removeprefix(f"{TEXT}.")
    return UsageError(
        f"rule '{step.rule.name}' reads '{shown}', which this run has not measured.\n"
        f"  {hint}A run with the rule in its recipe measures it, from the stored text."
    )


def _check_version(ledger: Ledger, step: Step, name: str) -> None:
    revision, _, bare = name.rpartition(".")
    own = EDITS[revision].signals if revision in EDITS else {}
    ours = GATE_SIGNALS.get(name) or own.get(bare) or text_signals().get(bare)
    signal = imported_signal(name) or ours
    field = ledger.schema.field(COLUMNS.get(name, name))
    then = (field.metadata or {}).get(b"version", b"").decode()
    if signal is not None and then and then != str(signal.version):
        raise UsageError(
            f"rule '{step.rule.name}' reads '{name}', which was measured by version {then} of the "
            f"signal; this cuvee has version {signal.version}.\n"
            "  Run the recipe again on the same folder: it measures anew, from the stored text."
        )


def changed_steps(old: Plan, new: Plan) -> list[int]:
    """Return the ranks of new steps that are not in the old plan as they are."""
    before = {(step.rule.name, step.block): step for step in old.steps}
    return [r for r, s in enumerate(new.steps) if before.get((s.rule.name, s.block)) != s]


def touched_names(old: Plan, new: Plan) -> set[tuple[str, str]]:
    """Return ledger stage and name of old rules whose decisions no longer hold."""
    after = {(step.rule.name, step.block): step for step in new.steps}
    return {(s.stage, s.rule.name) for s in old.steps if after.get((s.rule.name, s.block)) != s}


def save_recipe(tree: Node, path: Path) -> None:
    """Write a changed recipe as a file that `cuvee run` takes; checked again when it is run.

    A gate or drop of which no rule is left is left out: until then it keeps its place.
    """
    from pipelines.files import write_whole

    plain = tree.plain()
    if "stages" in plain:
        plain["stages"] = [stage for stage in plain["stages"] if any(stage.values())]
    write_whole(path, recipe_yaml(plain).encode())


def new_plan(tree: Node) -> Plan:
    """Return the steps of a changed recipe."""
    return read_plan(tree)
