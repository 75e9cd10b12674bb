"""JSON Schema of a recipe (draft 2020-12), from which editors complete and underline.

It says what keys, options and names there are. What spans several lines (the order of stages,
revisions that are made later, names that are taken) only the check itself can say.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from filters.catalog import EDITS, GATE_SIGNALS, text_signals
from filters.contamination import SIZES
from filters.datatrove_block import known_blocks
from filters.edit import Edit
from filters.redpajama_lists import AMONG
from pipelines.benchmarks import DEFAULT_GRAMS
from pipelines.benchmarks import OPTIONS as BENCHMARK
from pipelines.recipe import options as known
from pipelines.recipe.blocks import accepted_arguments
from pipelines.recipe.changes import AFTER_DEDUP
from pipelines.recipe.extractors import EXTRACTORS
from pipelines.recipe.layers import shipped_recipes
from pipelines.recipe.layouts import AUTO, LAYOUTS
from pipelines.recipe.options import Option
from pipelines.recipe.schema_patterns import any_of, drop_pattern, gate_pattern
from pipelines.word_lists import OPTIONS as WORD_LIST

_OWN = ("signals", "classifiers", "perplexity", "benchmarks", "word_lists")
"""Keys by which a recipe has signals of its own."""

_STOP_WORDS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "pattern": r"^\S+( \S+)*$"},
}


def json_schema() -> dict[str, Any]:
    """Return the schema of a recipe's file as plain data."""
    keys = known.RECIPE_KEYS
    properties = {key: {"description": keys[key], **_key(key)} for key in keys}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cuvée recipe",
        "description": "From a web crawl to a published pretraining dataset.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "anyOf": [{"required": ["recipe", "stages"]}, {"required": ["extends"]}],
        # What measures of one's own are called no schema knows; so may a recipe extended have some.
        "if": {"anyOf": [{"required": [key]} for key in _OWN] + [_extends_another()]},
        "then": _with_drops(drop_pattern(known.RULE_NAME.pattern)),
        "else": _with_drops(drop_pattern(any_of(text_signals()))),
    }


def _key(key: str) -> dict[str, Any]:
    if key in known.SCALARS:
        return _option(known.SCALARS[key])
    text = {"type": "string", "minLength": 1}
    name = {"type": "string", "pattern": f"^{known.NAME.pattern}$"}
    kinds: dict[str, dict[str, Any]] = {
        "recipe": name,
        "extends": text,
        "set": _some({}),
        "drop": {"type": "array", "minItems": 1, "items": text},
        "add": {**_some(text), "properties": {AFTER_DEDUP: _some(text)}},
        "input": {"oneOf": [text, {"type": "array", "items": text}]},
        "input_format": {"oneOf": [{"enum": list(LAYOUTS)}, _formats()], "default": AUTO},
        "dump": {"oneOf": [name, {"type": "null"}]},
        "columns": {**_map(_columns()), "type": ["object", "null"]},
        "language": _map({"model": {**text, "default": "lid.176.ftz"}}),
        "extract": _one_of({name: _options(its) for name, its in EXTRACTORS.items()}),
        "cascade": {
            "oneOf": [
                {"type": "boolean"},
                {"enum": ["on", "off"]},
                _options(known.CASCADE),
            ],
            "default": False,
        },
        "accelerate": {"enum": [True, False, "verify"], "default": True},
        "opt_outs": {"oneOf": [text, {"type": "array", "items": text}]},
        "benchmarks": {"type": "object", "additionalProperties": _benchmark()},
        "word_lists": {"type": "object", "additionalProperties": _word_list()},
        "words": {"type": "string", "pattern": f"^{known.LANGUAGE.pattern}$", "default": "en"},
        "stop_words": _STOP_WORDS,
        "languages": _some(_language()),
        "signals": {"oneOf": [{"type": "array", "items": text}, _signal_digests()]},
        "classifiers": {"type": "object", "additionalProperties": _classifier()},
        "perplexity": {"type": "object", "additionalProperties": _perplexity()},
        "stages": {"type": "array", "minItems": 1, "items": _stage()},
        "tokenizer": {
            "oneOf": [
                text,
                _one_of({"train": _options(known.TRAINED), "tiktoken": _options(known.TIKTOKEN)}),
            ]
        },
        "tokens": _options(known.TOKENS),
        "dataset": _options(known.DATASET),
        "limits": {"oneOf": [{"enum": [True, False, "on", "off"]}, _options(known.LIMITS)]},
        "memory_per_worker": {
            "oneOf": [
                {"type": "string", "pattern": f"^{known.MEMORY.pattern}$"},
                {"type": "integer", "minimum": known.LEAST_MEMORY, "maximum": known.MOST_MEMORY},
                {"type": "null"},
            ]
        },
    }
    return kinds[key]


def _classifier() -> dict[str, Any]:
    """Return the schema of a model: its options, or only what it is called."""
    return {"oneOf": [{"type": "string", "minLength": 1}, _options(known.CLASSIFIER)]}


def _perplexity() -> dict[str, Any]:
    """Return the schema of a model, or of one for each language."""
    text = {"type": "string", "minLength": 1}
    files = {"oneOf": [text, _options(known.PERPLEXITY_FILES)]}
    whole = _options(known.PERPLEXITY)
    whole["properties"]["languages"] = {
        "type": "object",
        "minProperties": 1,
        "description": "A model for each language, by its label.",
        "additionalProperties": files,
    }
    return {"oneOf": [text, whole]}


def _benchmark() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    size = {"type": "integer", "minimum": SIZES[0], "maximum": SIZES[1]}
    kinds: dict[str, dict[str, Any]] = {
        "items": text,
        "fields": {"oneOf": [text, {"type": "array", "minItems": 1, "items": text}]},
        "ngrams": {
            "oneOf": [size, {"type": "array", "minItems": 1, "items": size}],
            "default": list(DEFAULT_GRAMS),
        },
        "sha256": {"type": "string"},
    }
    options = {key: {"description": BENCHMARK[key], **kinds[key]} for key in kinds}
    return {**_map(options), "required": ["items", "fields"]}


def _word_list() -> dict[str, Any]:
    """Return the schema of a list of words: its options, or only what its file is called."""
    text = {"type": "string", "minLength": 1}
    kinds: dict[str, dict[str, Any]] = {
        "file": text,
        "anywhere": {"type": "boolean", "default": False},
        "among": {"enum": [*AMONG]},
        "sha256": {"type": "string"},
    }
    options = {key: {"description": WORD_LIST[key], **kinds[key]} for key in kinds}
    return {"oneOf": [text, {**_map(options), "required": ["file"]}]}


def _language() -> dict[str, Any]:
    """Return the schema of one of several languages."""
    text = {"type": "string", "minLength": 1}
    layer = {
        "words": {"type": "string", "pattern": f"^{known.LANGUAGE.pattern}$"},
        "stop_words": _STOP_WORDS,
        "set": _some({"type": ["number", "string"]}),
        "drop": {"type": "array", "items": text},
        "from": text,
    }
    return {**_map(layer), "type": ["object", "null"]}


def _formats() -> dict[str, Any]:
    """Return the schema of a format with its options."""
    formats = {name: _options(known.INPUT_FORMATS.get(name, {})) for name in LAYOUTS}
    return _one_of(
        {name: {"description": LAYOUTS[name].summary, **formats[name]} for name in LAYOUTS}
    )


def _some(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a map of any names."""
    return {"type": "object", "minProperties": 1, "additionalProperties": dict(value)}


def _columns() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    kinds = {name: [text, {"type": "null"}] for name in known.COLUMNS}
    for name in known.COLUMNS.keys() - {"text"}:
        kinds[name].append({"const": False})
    return {
        name: {"description": summary, "oneOf": kinds[name]}
        for name, summary in known.COLUMNS.items()
    }


def _stage() -> dict[str, Any]:
    bodies = {
        "gate": _rules(GATE_SIGNALS, {"pattern": gate_pattern()}),
        "drop": _rules(text_signals(), {}),
        "edit": _one_of({name: _edit(edit) for name, edit in sorted(EDITS.items())}),
        "datatrove": _blocks(),
        "dedup": _some_of({kind: _kind(kind) for kind in known.KINDS}),
    }
    for kind, summary in known.STAGE_KINDS.items():
        bodies[kind] = {"description": summary, **bodies[kind]}
    return _one_of(bodies)


def _rules(names: Iterable[str], pattern: Mapping[str, str]) -> dict[str, Any]:
    listing = ", ".join(sorted(names))
    edits = ", ".join(f"{edit}.*" for edit in sorted(EDITS))
    more = "" if "." in listing else f" After an edit also {edits}."
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{known.RULE_NAME.pattern}$"},
        "additionalProperties": {
            "type": "string",
            **pattern,
            "description": f"signal [/ signal] < number. Signals: {listing}.{more}",
        },
    }


def _blocks() -> dict[str, Any]:
    """Return the schema of a step of datatrove: its blocks with their arguments, or any class."""
    blocks = {
        name: {
            "type": ["object", "null"],
            "properties": {argument: {} for argument in accepted_arguments(block)},
            "additionalProperties": False,
        }
        for name, block in sorted(known_blocks().items())
    }
    dotted = {r"^\w+(\.\w+)+$": {"type": ["object", "null"]}}
    return {**_one_of(blocks), "patternProperties": dotted}


def _signal_digests() -> dict[str, Any]:
    digest = {"type": ["string", "null"]}
    return {"type": "object", "additionalProperties": digest}


def _extends_another() -> dict[str, Any]:
    shipped = [f"{name}{suffix}" for name in shipped_recipes() for suffix in ("", ".yaml")]
    return {"required": ["extends"], "properties": {"extends": {"not": {"enum": shipped}}}}


def _with_drops(pattern: str) -> dict[str, Any]:
    """Return the schema of a recipe whose drops' rules fit a pattern."""
    rules = {"drop": {"additionalProperties": {"pattern": pattern}}}
    return {"properties": {"stages": {"items": {"properties": rules}}}}


def _edit(edit: Edit) -> dict[str, Any]:
    options = _options(known.edit_options(edit))
    return {"description": edit.summary, **options}


def _options(options: Mapping[str, Option]) -> dict[str, Any]:
    """Return the schema of a map of options; nothing written means every default."""
    properties = {
        name: {"description": option.summary, **_option(option)} for name, option in options.items()
    }
    return {**_map(properties), "type": ["object", "null"]}


def _option(option: Option) -> dict[str, Any]:
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
    return {"oneOf": [{"enum": list(known.POLICIES)}, _survivor()], "default": option.default}


def _word(option: Option) -> dict[str, Any]:
    return {"type": ["string", "null"], "minLength": 1, "default": option.default}


def _folders(_: Option) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "minLength": 1}, "default": []}


def _map(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _kind(kind: str) -> dict[str, Any]:
    return {"description": known.KIND_MEANINGS[kind], **_options(known.KINDS[kind])}


def _size(option: Option) -> dict[str, Any]:
    size = {"type": "string", "pattern": f"^{known.MEMORY.pattern}$"}
    bounds = {"minimum": option.least, "maximum": option.most}
    return {"oneOf": [size, {"type": "integer", **bounds}], "default": option.default}


def _survivor() -> dict[str, Any]:
    highest = {"type": "string", "description": "A number that a gate or drop reads."}
    return _one_of({"highest": highest})


def _some_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {**_map(properties), "minProperties": 1}


def _one_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {**_some_of(properties), "maxProperties": 1}


_OF_OWN_KIND: Mapping[type[Option], Callable[[Option], dict[str, Any]]] = {
    known.Size: _size,
    known.Survivor: _survivors,
    known.Word: _word,
    known.Folders: _folders,
}
