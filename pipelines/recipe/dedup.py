"""A recipe's dedup stage: its kinds and their options, checked."""

from collections.abc import Collection
from typing import Any

from filters.catalog import TEXT
from filters.errors import nearest
from pipelines.recipe.kinds import OPTIONS, DedupStage, Keep, KindOptions
from pipelines.recipe.problems import Problems, checked_options, known_entries, shown
from pipelines.recipe.source import Node
from pipelines.recipe.stage_options import KINDS

_EXAMPLE = "For example: dedup: {exact: {}, minhash: {}}"


def read_dedup(body: Node, measured: Collection[str], problems: Problems) -> DedupStage | None:
    """Return the dedup stage, or None after noting what is wrong with it as a whole.

    `measured` are the ledger's columns that every page has by then: numbers that rules before
    it or after it read, by which a page can be chosen.
    """
    if not isinstance(body.value, dict) or not body.value:
        listing = ", ".join(KINDS)
        fact = f"dedup must name one or several of: {listing}."
        problems.add(body.place, fact, f"It is {shown(body.plain())}. {_EXAMPLE}")
        return None
    entries = known_entries(body, KINDS, "dedup has nothing called", ", ".join(KINDS), problems)
    return DedupStage(tuple(_kind(*entry, measured, problems) for entry in entries.items()))


def _kind(kind: str, node: Node, measured: Collection[str], problems: Problems) -> KindOptions:
    values = checked_options(kind, node, KINDS[kind], problems)
    if values.get("verify") and values["against"]:
        fact = f"{kind}.verify needs texts, and of an earlier run only keys are read."
        problems.add(node.map["verify"].place, fact, "Leave out verify, or against.")
    if "keep" in values:
        values["keep"] = _keep(kind, node, values["keep"], measured, problems)
    return OPTIONS[kind](**values)


def _keep(kind: str, node: Node, plain: Any, measured: Collection[str], problems: Problems) -> Keep:
    if not isinstance(plain, dict):
        return Keep(plain)
    written = str(plain["highest"])
    name = column_of(written)
    if name not in measured:
        close = nearest(written, [*measured, *(bare.removeprefix(f"{TEXT}.") for bare in measured)])
        hint = f"Did you mean '{close}'?  " if close else ""
        fact = f"{kind}.keep is the highest '{written}', which nothing measures of every page."
        place = node.map["keep"].place
        problems.add(place, fact, f"{hint}It must be a number that a gate or drop reads.")
    return Keep("highest", name)


def column_of(name: str) -> str:
    """Return the ledger's column of what a recipe calls by this name."""
    if name == "language.score":
        return "language_score"
    return name if "." in name or name == "language_score" else f"{TEXT}.{name}"
