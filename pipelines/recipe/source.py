"""A recipe's text as a tree in which every value knows the file and line it came from.

YAML is read by PyYAML's safe composer, narrowed: no anchors, aliases or tags (so nothing
can refer to itself or grow), no key written twice, a bounded size and depth. Plain scalars
are read as YAML 1.2's core schema reads them, so `no` is Norwegian and 010 is ten.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import yaml

from filters.errors import RecipeError

MAX_BYTES = 262_144
"""A recipe is a page of text; a larger file is something else."""
MAX_DEPTH = 16
MAX_LINE = 400
"""Characters of a line of a message."""

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", "+.inf", ".Inf", "+.Inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a value is written. Sorts as a person looks: own file, what it extends, --set."""

    layer: int
    line: int
    column: int
    file: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(slots=True)
class Node:
    """A value of a recipe: a scalar, a map of nodes by key or a list of nodes.

    The place of a value in a map is that of its key.
    """

    value: "Scalar | dict[str, Node] | list[Node]"
    place: Place

    @property
    def map(self) -> "dict[str, Node]":
        """The entries of a map; empty when the value is something else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The items of a list; empty when the value is something else."""
        return self.value if isinstance(self.value, list) else []

    def plain(self) -> Any:
        """Return the value as plain data, without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def refuse(place: Place | str, fact: str, hint: str = "") -> NoReturn:
    """Raise RecipeError that names the place, the fact and, on a second line, the way out."""
    raise RecipeError(message(place, fact, hint))


def message(place: Place | str, fact: str, hint: str = "") -> str:
    """Return `place: fact`, and the hint on a line of its own, whatever a recipe put into them."""
    return _one_line(f"{place}: {fact}") + (f"\n  {_one_line(hint)}" if hint else "")


def _one_line(text: str) -> str:
    """Keep line ends and terminal codes that come from a file out of a message, and bound it."""
    safe = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:MAX_LINE])
    return safe if len(text) <= MAX_LINE else f"{safe}…"


def read_file(
    path: Path,
    shown: str,
    layer: int,
    *,
    what: str = "recipe",
    start: str = "Start from a shipped one: cuvee recipes",
) -> Node:
    """Read a recipe file into a tree; RecipeError when it is no map of keys.

    `shown` is the file's name in messages, `layer` its distance from the person's own file.
    Another file in the same form is called `what`, and `start` says how one is begun.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        refuse(shown, f"cannot be read: {error.strerror}.")
    if len(raw) > MAX_BYTES:
        refuse(shown, f"is larger than {MAX_BYTES:,} bytes, so it is no {what}.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        refuse(Place(layer, line, 0, shown), "is not UTF-8 text.", "Save it as UTF-8.")
    node = read_text(text, Place(layer, 1, 0, shown))
    if not isinstance(node.value, dict):
        refuse(node.place, f"a {what} is a map of keys.", start)
    return node


def read_text(text: str, start: Place) -> Node:
    """Read YAML into a tree; `start` gives the file's name and layer. Line 0: a command's value."""
    composer = _Composer(text, start) if _printable(text, start) else None
    try:
        tree = composer.get_single_node() if composer else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = _place(start, mark) if mark else start
        problem = str(error.problem or error.context).strip()
        refuse(where, f"is not YAML: {problem}.", "Quote text that holds ': ', '#', '{' or '['.")
    finally:
        if composer:
            composer.dispose()
    if tree is None:
        return Node(None, start)
    return _node(tree, start)


class _Composer(yaml.SafeLoader):
    """PyYAML's safe loader that refuses whatever could make a small file large or strange."""

    def __init__(self, text: str, start: Place) -> None:
        super().__init__(text)
        self._start = start
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it out
        where = _place(self._start, event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            refuse(where, "anchors and aliases (& and *) are not allowed.", "Write the value out.")
        if getattr(event, "tag", None):
            refuse(where, "tags (!) are not allowed.", "Put quotes around text that starts with !.")
        if self._depth >= MAX_DEPTH:
            refuse(where, f"is nested more than {MAX_DEPTH} deep.")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _printable(text: str, start: Place) -> bool:
    """Refuse characters that YAML forbids, with their line (PyYAML gives only an offset)."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        where = Place(start.layer, line if start.line else 0, 0, start.file)
        refuse(where, f"holds the character U+{ord(found.group()):04X}, which YAML does not allow.")
    return True


def _place(start: Place, mark: Any) -> Place:
    if not start.line:
        return start
    return Place(start.layer, mark.line + 1, mark.column + 1, start.file)


def _node(tree: yaml.Node, start: Place, place: Place | None = None) -> Node:
    place = place or _place(start, tree.start_mark)
    if isinstance(tree, yaml.MappingNode):
        return Node(dict(_entries(tree, start)), place)
    if isinstance(tree, yaml.SequenceNode):
        return Node([_node(item, start) for item in tree.value], place)
    if isinstance(tree, yaml.ScalarNode) and tree.style is None:
        return Node(read_scalar(tree.value, place), place)
    return Node(str(tree.value), place)


def _entries(tree: yaml.MappingNode, start: Place) -> Iterator[tuple[str, Node]]:
    seen: dict[str, Place] = {}
    for key, value in tree.value:
        place = _place(start, key.start_mark)
        name = _node(key, start).plain()
        if not isinstance(name, str):
            refuse(place, f"the key {name!r} is not text.", "Put it in quotes.")
        if name in seen:
            refuse(place, f"'{name}' is written twice; first in {seen[name]}.", "Remove one.")
        seen[name] = place
        yield name, _node(value, start, place)


def read_scalar(text: str, place: Place | None = None) -> Scalar:
    """Return what an unquoted word means: null, a boolean, a number, else itself."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    try:
        if _INTEGER.fullmatch(text):
            return int(text.replace("_", ""))
    except ValueError:  # Python refuses integers of more than 4,300 digits
        refuse(place or "recipe", f"the number {text[:12]}… has too many digits.")
    return float(text.replace("_", "")) if _FLOAT.fullmatch(text) else text
