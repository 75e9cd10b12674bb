"""The recipe's key `limits`: what one page may use up."""

from typing import Any

from pipelines.recipe.keys import LIMITS
from pipelines.recipe.options import bytes_of
from pipelines.recipe.problems import Problems, checked_options, shown
from pipelines.recipe.source import Node
from pipelines.sandbox.limits import Limits


def read_limits(node: Node, problems: Problems) -> Limits | None:
    """Return the limits of a page; None where there is to be no sandbox."""
    plain = node.plain()
    if plain is False or plain == "off":
        return None
    if plain is None or plain is True or plain == "on":
        return Limits()
    if not isinstance(node.value, dict):
        fact = f"limits must be a map of options or false, not {shown(plain)}."
        problems.add(node.place, fact, "For example: limits: {cpu_seconds: 10, memory: 2GB}")
        return Limits()
    options: dict[str, Any] = checked_options("limits", node, LIMITS, problems)
    sizes = {name: bytes_of(options[name]) for name in ("memory", "page_bytes")}
    return Limits(
        cpu_seconds=options["cpu_seconds"],
        **{name: size for name, size in sizes.items() if size is not None},
    )
