"""A recipe's `datatrove` step: that the block exists, is one, and takes these arguments."""

import hashlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from filters.datatrove_block import BlockStage, find_class, is_block, known_blocks
from filters.errors import nearest
from pipelines.recipe.problems import Problems, shown
from pipelines.recipe.source import Node

_OBJECTS = ("exclusion_writer", "filter_function")
"""Arguments of datatrove's blocks that only Python can give."""
_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("true or false", (bool,)),
    ("a number", (int, float)),
    ("text", (str,)),
)


def check_block(node: Node, problems: Problems) -> tuple[BlockStage, type] | None:
    """Return a block with its class, or None after noting what is wrong with it."""
    if len(node.map) != 1:
        fact = f"datatrove must name exactly one block, not {shown(node.plain())}."
        problems.add(node.place, fact, "For example: datatrove: {GopherQualityFilter: {}}")
        return None
    name, body = next(iter(node.map.items()))
    block = _class(name, body, problems)
    if block is None or not _is_complete(block, name, body, problems):
        return None
    given = _arguments(block, name, body, problems)
    return BlockStage(name, given, source_of(block)), block


def revision_in(node: Node) -> dict[str, Node]:
    """Return the revision that a step will make, as it is written: it may still be wrong."""
    return {name.rpartition(".")[2]: entry for name, entry in node.map.items()}


def accepted_arguments(block: type) -> dict[str, inspect.Parameter]:
    """Return the arguments of a block that a recipe can give, by name."""
    return {
        name: parameter for name, parameter in _parameters(block).items() if name not in _OBJECTS
    }


def _parameters(block: type) -> dict[str, inspect.Parameter]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(block).parameters.values()
    return {parameter.name: parameter for parameter in parameters if parameter.kind in named}


def _class(name: str, body: Node, problems: Problems) -> type | None:
    try:
        found = find_class(name)
    except LookupError as error:
        known = known_blocks()
        close = nearest(name.rpartition(".")[2], known)
        fact = f"datatrove has no filter or formatter '{name}'."
        if "." in name:
            fact = f"there is no block '{name}': {error.args[0]}."
        hint = f"Did you mean '{close}'?" if close else f"Known: {', '.join(sorted(known))}."
        problems.add(body.place, fact, hint)
        return None
    except Exception as error:  # noqa: BLE001  a module that is imported may raise anything
        fact = f"'{name}' cannot be imported: {type(error).__name__}: {error}."
        problems.add(body.place, fact, "Install its package where cuvee runs; dots name a module.")
        return None
    if not is_block(found):
        fact = f"'{name}' is no subclass of datatrove's BaseFilter or BaseFormatter."
        problems.add(body.place, fact, "Only filters and formatters can be steps of a recipe.")
        return None
    return found if isinstance(found, type) else None


def _is_complete(block: Any, name: str, body: Node, problems: Problems) -> bool:
    """Note what keeps a class from being used at all: methods, `run` of its own, packages."""
    lacking = sorted(getattr(block, "__abstractmethods__", ()))
    own_run = not block.run.__module__.startswith("datatrove.")
    if lacking or own_run:
        why = f"leaves out '{lacking[0]}'" if lacking else "has a 'run' of its own"
        hint = "A recipe calls filter or format, with one document at a time."
        problems.add(body.place, f"'{name}' {why}.", hint)
        return False
    for package, to_install in _needed(block):
        if importlib.util.find_spec(package) is None:
            fact = f"{name} needs the package '{package}', which is not installed."
            problems.add(body.place, fact, f"Install it: pip install {to_install}")
            return False
    return True


def _needed(block: type) -> list[tuple[str, str]]:
    """Return the packages that a block says it needs: the module, and what to install."""
    said = [item for base in block.mro() for item in getattr(base, "_requires_dependencies", ())]
    return [item if isinstance(item, tuple) else (item, item) for item in said]


def _arguments(block: type, name: str, body: Node, problems: Problems) -> dict[str, Any]:
    takes, offered = _parameters(block), list(accepted_arguments(block))
    if body.value is not None and not isinstance(body.value, dict):
        fact = f"{name} must be a map of arguments, not {shown(body.plain())}."
        problems.add(body.place, fact, f"Arguments: {', '.join(offered)}.")
        return {}
    for argument, node in body.map.items():
        if argument in takes and argument not in _OBJECTS:
            continue
        close = nearest(argument, offered)
        hint = f"Did you mean '{close}'?  " if close else ""
        why = f"{name} has no argument '{argument}'."
        if argument in _OBJECTS:
            why = f"{name}: '{argument}' is a Python object, which a recipe cannot hold."
            hint = "Leave it out: the ledger keeps what was dropped.  "
        problems.add(node.place, why, f"{hint}Arguments: {', '.join(offered) or 'none'}.")
    if body.map.keys() <= takes.keys():  # else one of them may be what is missing
        for parameter in (its for argument, its in takes.items() if argument not in body.map):
            _check_left_out(name, parameter, body, problems)
    hints = _hints(block)
    return {
        argument: _checked(f"{name}.{argument}", node, hints.get(argument), problems)
        for argument, node in body.map.items()
        if argument in offered
    }


def _check_left_out(
    name: str, parameter: inspect.Parameter, body: Node, problems: Problems
) -> None:
    needed = parameter.default is parameter.empty
    if needed and parameter.name in _OBJECTS:
        fact = f"{name} needs '{parameter.name}', a Python object, which a recipe cannot hold."
        problems.add(body.place, fact, "Write a filter of your own: datatrove: {module.Class: {}}")
    elif needed:
        fact = f"{name} needs the argument '{parameter.name}'."
        problems.add(body.place, fact, f"For example: {{{name}: {{{parameter.name}: …}}}}")
    elif parameter.name == "seed" and parameter.default is None:
        fact = f"{name} chooses at random; without a seed no run is like another."
        problems.add(body.place, fact, f"For example: {{{name}: {{seed: 1}}}}")


def _hints(block: Any) -> Mapping[str, Any]:
    try:
        return get_type_hints(block.__init__)
    except (NameError, TypeError):  # hints that only a type checker can read: nothing to check
        return {}


def _checked(name: str, node: Node, hint: Any, problems: Problems) -> Any:
    """Return an argument; lists become tuples where the block is written for tuples."""
    value = node.plain()
    if _has_infinity(value):
        fact = f"{name} must be finite, not {shown(value)}."
        problems.add(node.place, fact, "Leave it out, or write a large number.")
    kinds = set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}
    if isinstance(value, list) and any(_origin(kind) is tuple for kind in kinds):
        return value if any(_origin(kind) is list for kind in kinds) else tuple(value)
    wanted = [words for words, types in _KINDS if kinds & set(types)]
    simple = {NoneType, *(kind for _, types in _KINDS for kind in types)}
    if wanted and kinds <= simple and not _fits(value, kinds):
        fact = f"{name} must be {' or '.join(wanted)}, not {shown(value)}."
        problems.add(node.place, fact, "The block's own documentation says what it means.")
    return value


def _origin(kind: Any) -> Any:
    return get_origin(kind) or kind


def _fits(value: Any, kinds: set[Any]) -> bool:
    if value is None:
        return NoneType in kinds
    return any(type(value) in types and kinds & set(types) for _, types in _KINDS)


def _has_infinity(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_infinity, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not math.isfinite(value)


@cache
def source_of(block: type) -> str:
    """Return what tells a block's code from other code: datatrove's version, or a sha256.

    Taken once in a process, as the class itself is.
    """
    module = block.__module__
    if module.partition(".")[0] == "datatrove":
        return f"datatrove {version('datatrove')}"
    path = getattr(sys.modules[module], "__file__", None)
    code = Path(path).read_bytes() if path else module.encode()
    return f"{module} sha256:{hashlib.sha256(code).hexdigest()}"
