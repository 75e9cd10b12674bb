"""What all keys share that name models or lists whose signals rules read, such as `classifiers`.

Each is a map of names; an entry is a map of options, or only the one that says where it lies.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filters.errors import UsageError
from filters.signal import SIGNALS
from pipelines.recipe.options import RULE_NAME, Option
from pipelines.recipe.problems import Problems, checked_options, shown
from pipelines.recipe.source import Node, Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key of the recipe that names something."""

    key: str
    noun: str
    """What one of them is called in a message."""
    options: Mapping[str, Option]
    required: tuple[str, ...]
    """Options without which an entry says nothing; a bare text stands for the first."""
    example: str

    def owner(self, name: str) -> str:
        """Return what an entry is called in a message."""
        return f"{self.key}.{name}"


def read_named(
    key: NamedKey, node: Node, one: Callable[[str, Node, Problems], T | None], problems: Problems
) -> tuple[T, ...]:
    """Return what `one` makes of each entry, given its name; it notes what is wrong and gives None.

    What is no map is noted here.
    """
    if not isinstance(node.value, dict):
        fact = f"{key.key} must be a map of names, not {shown(node.plain())}."
        problems.add(node.place, fact, key.example)
    found = (one(name, body, problems) for name, body in node.map.items())
    return tuple(each for each in found if each is not None)


def read_entry(key: NamedKey, name: str, body: Node, problems: Problems) -> dict[str, Any] | None:
    """Return every option of an entry by name, or None after noting what is wrong with it."""
    if not is_name(key, name, body, problems):
        return None
    return read_options(key, key.owner(name), body, key.options, problems)


def is_name(key: NamedKey, name: str, body: Node, problems: Problems) -> bool:
    """Return whether rules can read what is called so, after noting that they cannot."""
    if RULE_NAME.fullmatch(name):
        return True
    fact = f"{key.key}: '{name}' is no name for a {key.noun}."
    problems.add(body.place, fact, "Letters, digits and _, not beginning with a digit.")
    return False


def read_options(
    key: NamedKey, owner: str, body: Node, options: Mapping[str, Option], problems: Problems
) -> dict[str, Any] | None:
    """Return these options of an entry or of a part of it, which messages call `owner`.

    None after noting what is wrong.
    """
    before = len(problems.found)
    short = isinstance(body.value, str) and bool(body.value)
    given = Node({key.required[0]: body}, body.place) if short else body
    values = checked_options(owner, given, options, problems)
    if len(problems.found) == before:  # else a slip of the key is what is wrong
        for missing in (name for name in key.required if values[name] is None):
            problems.add(body.place, f"{owner} names no {missing}.", key.example)
    return None if len(problems.found) > before else values


def is_free(
    key: NamedKey, name: str, signals: Collection[str], place: Place, problems: Problems
) -> bool:
    """Return whether no signal is called as those of an entry, after noting one that is."""
    taken = [signal for signal in signals if signal in SIGNALS]
    for signal in taken:
        source = SIGNALS[signal].source
        fact = f"{key.owner(name)}: '{signal}' is a signal already ({source})."
        problems.add(place, fact, "Give it another name.")
    return not taken


def place_of(body: Node, option: str) -> Place:
    """Return where an option of an entry is written, of one left out where the entry is."""
    return body.map.get(option, body).place


def file_digest(
    owner: str, file: str, said: str, digest: Callable[[str], str], place: Place, problems: Problems
) -> str:
    """Return the sha256 of an entry's file, as `digest` takes it, or "" after noting why not.

    Where it is not the one that the recipe has `said`, that is noted. `digest` raises UsageError.
    """
    try:
        found = digest(file)
    except UsageError as error:
        fact, _, hint = str(error).partition("\n")
        problems.add(place, fact, hint.strip())
        return ""
    if said not in ("", found):
        fact = f"{owner}: {file} has changed: sha256 {found[:16]}…"
        problems.add(place, fact, f"The recipe asks for {shown(said)}: mend either.")
    return found


def is_file(file: str) -> bool:
    """Return whether a file lies on this machine."""
    return Path(file).is_file()


def check_read(
    key: NamedKey, name: str, signals: Collection[str], reads: Collection[str], place: Place,
    problems: Problems,
) -> None:  # fmt: skip
    """Note an entry of whose signals rules read none; `reads` are the bare names that they read."""
    if not set(signals).intersection(reads):
        first = next(iter(signals))
        fact = f"{key.key} names '{name}', which no rule reads."
        problems.add(place, fact, f"Add to a drop: {name}: {first} > 0")


def check_distinct(
    groups: Mapping[str, Collection[str]], places: Mapping[str, Place], problems: Problems
) -> None:
    """Note a name that signals of two keys have; `groups` are their signals by key."""
    owner: dict[str, str] = {}
    for key, signals in groups.items():
        for signal in signals:
            if signal in owner:
                fact = f"{key}: '{signal}' is a signal already ({owner[signal]})."
                problems.add(places[key], fact, "Give it another name.")
            owner.setdefault(signal, key)
