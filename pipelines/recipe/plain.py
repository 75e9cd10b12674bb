"""Parts of a recipe as plain data, as they are written down."""

from collections.abc import Mapping
from typing import Any

from filters.rule import Rule


def plain_rules(rules: tuple[Rule, ...]) -> dict[str, str]:
    """Return rules as a recipe has them, by name."""
    return {rule.name: str(rule) for rule in rules}


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON has them."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in options.items()
    }


def ordered(stage: dict[str, Any]) -> dict[str, Any]:
    """Make the order of rules and kinds, which a sorted map would lose, part of the digest."""
    return {
        kind: list(body.items()) if kind in ("gate", "drop", "dedup") else body
        for kind, body in stage.items()
    }
