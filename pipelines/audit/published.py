"""Thresholds that published recipes use, to mark on a rule's curve.

The shipped recipes speak for themselves; the table has the papers that agree on a signal and are
no shipped recipe.
"""

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


_GOPHER = "Rae et al. 2021 (arXiv 2112.11446), table A1 and section A1.1"
_C4 = "Raffel et al. 2020 (arXiv 1910.10683), section 2.2"
_TABLE: dict[str, tuple[Published, ...]] = {
    "text.dup_lines / text.line_runs >": (Published("MassiveWeb", 0.30, _GOPHER),),
    "text.dup_paragraphs / text.paragraphs >": (Published("MassiveWeb", 0.30, _GOPHER),),
    "text.dup_line_chars / text.chars >": (Published("MassiveWeb", 0.20, _GOPHER),),
    "text.dup_paragraph_chars / text.chars >": (Published("MassiveWeb", 0.20, _GOPHER),),
    "text.top_2gram_chars / text.chars >": (Published("MassiveWeb", 0.20, _GOPHER),),
    "text.top_3gram_chars / text.chars >": (Published("MassiveWeb", 0.18, _GOPHER),),
    "text.top_4gram_chars / text.chars >": (Published("MassiveWeb", 0.16, _GOPHER),),
    "text.lexical_words <": (Published("MassiveWeb", 50, _GOPHER),),
    "text.lexical_words >": (Published("MassiveWeb", 100_000, _GOPHER),),
    "text.bullet_lines / text.lines >": (Published("MassiveWeb", 0.90, _GOPHER),),
    "text.ellipsis_lines / text.lines >": (Published("MassiveWeb", 0.30, _GOPHER),),
    "text.alpha_words / text.words <": (Published("MassiveWeb", 0.80, _GOPHER),),
    "text.distinct_stop_words <": (Published("MassiveWeb", 2, _GOPHER),),
    "c4_lines.sentences <": (Published("C4", 5, _C4),),
}


def published_thresholds(rule: Rule) -> list[Published]:
    """Return what shipped recipes and papers compare the same with, in the same direction."""
    key = _key(rule)
    return [*_shipped(key), *_TABLE.get(key, ())]


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
