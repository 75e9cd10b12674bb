"""Thresholds of published recipes, to mark on a rule's curve: those that come with cuvee."""

from collections.abc import Iterator
from dataclasses import dataclass

from filters.errors import CuveeError
from filters.rule import Rule
from pipelines.audit.steps import read_plan
from pipelines.recipe.layers import load_layers, shipped_recipes


@dataclass(frozen=True, slots=True)
class Published:
    """A threshold, who uses it, and where that is written."""

    who: str
    threshold: float
    source: str


def published_thresholds(rule: Rule) -> list[Published]:
    """Return what the shipped recipes compare the same with, in the same direction."""
    return list(_shipped(_key(rule)))


def _key(rule: Rule) -> str:
    return f"{' / '.join(rule.reads)} {rule.op.rstrip('=')}"


def _shipped(key: str) -> Iterator[Published]:
    for name in shipped_recipes():
        try:
            plan = read_plan(load_layers(name, ()))
        except CuveeError:  # a recipe in the making beside the shipped ones marks nothing
            continue
        for step in plan.steps:
            if _key(step.rule) == key and not isinstance(step.rule.constant, str):
                yield Published(name, float(step.rule.constant), f"configs/{name}.yaml")
