"""The kinds of stages that a recipe holds, in plain frozen data, and where dedup parts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from filters.datatrove_block import BlockStage
from filters.judge import DropStage, EditStage
from filters.rule import Rule
from pipelines.recipe.kinds import DedupStage
from pipelines.recipe.plain import plain_options, plain_rules


@dataclass(frozen=True, slots=True)
class GateStage:
    """Rules on the URL or the language: what they drop is not measured further."""

    rules: tuple[Rule, ...]


Stage: TypeAlias = GateStage | DropStage | EditStage | BlockStage | DedupStage


def around_dedup(stages: Sequence[Stage]) -> tuple[Sequence[Stage], Sequence[Stage]]:
    """Return the stages before deduplication, all of them where there is none, and after it."""
    found = (at for at, stage in enumerate(stages) if isinstance(stage, DedupStage))
    at = next(found, len(stages))
    return stages[:at], stages[at + 1 :]


def plain_stage(stage: Stage) -> dict[str, Any]:
    """Return a stage as a recipe writes it."""
    match stage:
        case GateStage(rules):
            return {"gate": plain_rules(rules)}
        case DropStage(rules):
            return {"drop": plain_rules(rules)}
        case EditStage(name, options):
            return {"edit": {name: plain_options(options)}}
        case BlockStage(name, arguments):
            return {"datatrove": {name: plain_options(arguments)}}
        case DedupStage():
            return {"dedup": stage.plain()}
