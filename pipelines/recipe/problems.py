"""What is wrong with a recipe, collected, and the checks that every part of it shares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from filters.errors import RecipeError, nearest
from pipelines.recipe.options import Option
from pipelines.recipe.source import Node, Place, message

_SHOWN = 60
"""Characters of a wrong value that a message shows."""


@dataclass(slots=True)
class Problems:
    """What is wrong with a recipe, in the order in which it was found."""

    found: list[tuple[Place, str]] = field(default_factory=list)
    what: str = "recipe"
    """What the file is called in a message."""

    def add(self, place: Place, fact: str, hint: str = "") -> None:
        """Note a problem; the hint is the way out, in one line."""
        self.found.append((place, message(place, fact, hint)))

    def raise_first(self) -> None:
        """Raise RecipeError for the first problem by file and line, if there is any."""
        if not self.found:
            return
        _, text = min(self.found, key=lambda problem: problem[0])
        others = len(self.found) - 1
        if others:
            noun = "problem" if others == 1 else "problems"
            text += f"\n  {others} more {noun} in this {self.what}."
        raise RecipeError(text)


def known_entries(
    node: Node, names: Iterable[str], fact: str, listing: str, problems: Problems
) -> dict[str, Node]:
    """Return the entries of a map whose keys are known; note the others."""
    names = list(names)
    for key, entry in node.map.items():
        if key not in names:
            close = nearest(key, names)
            hint = f"Did you mean '{close}'?  " if close else ""
            problems.add(entry.place, f"{fact} '{key}'.", f"{hint}List all: {listing}")
    return {key: entry for key, entry in node.map.items() if key in names}


def checked(name: str, node: Node, option: Option, problems: Problems) -> Any:
    """Return an option's value, or its default after noting what is wrong."""
    value = node.plain()
    if not option.accepts(value):
        close = nearest(value, option.choices) if isinstance(value, str) else None
        hint = f"Did you mean '{close}'?  " if close else ""
        fact = f"{name} must be {option.wants}, not {shown(value)}."
        problems.add(node.place, fact, f"{hint}The default is {shown(option.default)}.")
        return option.default
    if isinstance(value, list):
        return tuple(value)
    return float(value) if isinstance(option.default, float) else value


def checked_options(
    owner: str, node: Node, options: Mapping[str, Option], problems: Problems
) -> dict[str, Any]:
    """Return all options of an extractor, edit or method: what is written, else the default."""
    if not isinstance(node.value, dict):
        if node.value is not None:
            fact = f"{owner} must be a map of options, not {shown(node.plain())}."
            problems.add(node.place, fact, f"Options: {', '.join(options)}.")
        return {name: option.default for name, option in options.items()}
    given: dict[str, Any] = {}
    for key, entry in node.map.items():
        if key in options:
            given[key] = checked(f"{owner}.{key}", entry, options[key], problems)
            continue
        close = nearest(key, options)
        hint = f"Did you mean '{close}'?  " if close else ""
        names = ", ".join(options)
        problems.add(entry.place, f"{owner} has no option '{key}'.", f"{hint}Options: {names}.")
    return {name: given.get(name, option.default) for name, option in options.items()}


def one_of(
    what: str, node: Node, names: Iterable[str], problems: Problems
) -> tuple[str, Node] | None:
    """Return the only entry of a map that must name exactly one of several things."""
    names = list(names)
    listing = ", ".join(names)
    if not isinstance(node.value, dict) or len(node.value) != 1:
        value = shown(node.plain())
        problems.add(node.place, f"{what} must name exactly one of: {listing}.", f"It is {value}.")
        return None
    name, entry = next(iter(node.value.items()))
    if name in names:
        return name, entry
    close = nearest(name, names)
    hint = f"Did you mean '{close}'?" if close else f"Known: {listing}."
    problems.add(entry.place, f"{what} has nothing called '{name}'.", hint)
    return None


def shown(value: Any) -> str:
    """Return a value as a message shows it: as YAML would write it, and short."""
    if isinstance(value, str):
        text = f"'{value}'"
    elif value is None or isinstance(value, bool):
        text = {None: "nothing", True: "true", False: "false"}[value]
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(str(item) for item in value)}]"
    elif isinstance(value, dict):
        text = f"{{{', '.join(f'{key}: …' for key in value)}}}"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
