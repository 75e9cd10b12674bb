"""The schema of an option's value, of each kind, and of maps of options."""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.recipe.options import (
    MEMORY,
    POLICIES,
    Digest,
    Folders,
    Numbers,
    Option,
    Size,
    Survivor,
    Texts,
    Word,
    WordOrFlag,
)


def options_schema(options: Mapping[str, Option]) -> dict[str, Any]:
    """Return the schema of a map of options; nothing written means every default."""
    properties = {
        name: {"description": option.summary, **option_schema(option)}
        for name, option in options.items()
    }
    return {**map_of(properties), "type": ["object", "null"]}


def option_schema(option: Option) -> dict[str, Any]:
    """Return the schema of an option's value."""
    own = _OF_OWN_KIND.get(type(option))
    if own is not None:
        return own(option)
    if isinstance(option.default, tuple):
        words = {"enum": list(option.choices)}
        array = {"type": "array", "minItems": 1, "uniqueItems": True, "items": words}
        return {**array, "default": list(option.default)}
    if option.choices:
        return {"enum": list(option.choices), "default": option.default}
    kind = {bool: "boolean", int: "integer"}.get(type(option.default), "number")
    bounds = {} if kind == "boolean" else {"minimum": option.least, "maximum": option.most}
    return {"type": kind, **bounds, "default": option.default}


def _survivors(option: Option) -> dict[str, Any]:
    return {"oneOf": [{"enum": list(POLICIES)}, _survivor()], "default": option.default}


def _survivor() -> dict[str, Any]:
    highest = {"type": "string", "description": "A number that a gate or drop reads."}
    return one_of({"highest": highest})


def _word(option: Option) -> dict[str, Any]:
    return {"type": ["string", "null"], "minLength": 1, "default": option.default}


def _word_or_flag(option: Option) -> dict[str, Any]:
    return {"enum": [True, False, *option.choices], "default": option.default}


def _folders(_: Option) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "minLength": 1}, "default": []}


def _texts(_: Option) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return _one_or_several(text)


def _numbers(option: Option) -> dict[str, Any]:
    number = {"type": "integer", "minimum": option.least, "maximum": option.most}
    default = option.default if isinstance(option.default, tuple) else ()
    return {**_one_or_several(number), "default": list(default)}


def _one_or_several(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"oneOf": [dict(item), {"type": "array", "minItems": 1, "items": dict(item)}]}


def _digest(_: Option) -> dict[str, Any]:
    return {"type": ["string", "null"], "pattern": f"^{Digest.pattern.pattern}$", "default": None}


def _size(option: Option) -> dict[str, Any]:
    size = {"type": "string", "pattern": f"^{MEMORY.pattern}$"}
    bounds = {"minimum": option.least, "maximum": option.most}
    return {"oneOf": [size, {"type": "integer", **bounds}], "default": option.default}


def map_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a map that has these keys and no others."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def some_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a map that has at least one of these keys."""
    return {**map_of(properties), "minProperties": 1}


def one_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a map that has exactly one of these keys."""
    return {**some_of(properties), "maxProperties": 1}


_OF_OWN_KIND: Mapping[type[Option], Callable[[Option], dict[str, Any]]] = {
    Size: _size,
    Survivor: _survivors,
    Word: _word,
    WordOrFlag: _word_or_flag,
    Folders: _folders,
    Texts: _texts,
    Numbers: _numbers,
    Digest: _digest,
}
