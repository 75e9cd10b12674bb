"""JSON Schema of a recipe (draft 2020-12), from which editors complete and underline.

It says what keys, options and names there are. What spans several lines (the order of stages,
revisions that are made later, names that are taken) only the check itself can say.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from filters.catalog import EDITS, GATE_SIGNALS, text_signals
from filters.datatrove_block import known_blocks
from filters.edit import Edit
from pipelines.recipe.blocks import accepted_arguments
from pipelines.recipe.changes import AFTER_DEDUP
from pipelines.recipe.extractors import EXTRACTORS
from pipelines.recipe.keys import (
    CASCADE,
    COLUMNS,
    DATASET,
    INPUT_FORMATS,
    LIMITS,
    RECIPE_KEYS,
    SCALARS,
    TIKTOKEN,
    TOKENS,
    TRAINED,
)
from pipelines.recipe.layers import shipped_recipes
from pipelines.recipe.layouts import AUTO, LAYOUTS
from pipelines.recipe.named_options import (
    BENCHMARK,
    CLASSIFIER,
    PERPLEXITY,
    PERPLEXITY_FILES,
    WORD_LIST,
)
from pipelines.recipe.options import (
    LANGUAGE,
    LEAST_MEMORY,
    MEMORY,
    MOST_MEMORY,
    NAME,
    RULE_NAME,
    Option,
    edit_options,
)
from pipelines.recipe.schema_options import map_of, one_of, option_schema, options_schema, some_of
from pipelines.recipe.schema_patterns import any_of, drop_pattern, gate_pattern
from pipelines.recipe.stage_options import KIND_MEANINGS, KINDS, STAGE_KINDS

_OWN = ("signals", "classifiers", "perplexity", "benchmarks", "word_lists")
"""Keys by which a recipe has signals of its own."""

_STOP_WORDS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "pattern": r"^\S+( \S+)*$"},
}


def json_schema() -> dict[str, Any]:
    """Return the schema of a recipe's file as plain data."""
    keys = RECIPE_KEYS
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
        "then": _with_drops(drop_pattern(RULE_NAME.pattern)),
        "else": _with_drops(drop_pattern(any_of(text_signals()))),
    }


def _key(key: str) -> dict[str, Any]:
    if key in SCALARS:
        return option_schema(SCALARS[key])
    text = {"type": "string", "minLength": 1}
    name = {"type": "string", "pattern": f"^{NAME.pattern}$"}
    kinds: dict[str, dict[str, Any]] = {
        "recipe": name,
        "extends": text,
        "set": _some({}),
        "drop": {"type": "array", "minItems": 1, "items": text},
        "add": {**_some(text), "properties": {AFTER_DEDUP: _some(text)}},
        "input": {"oneOf": [text, {"type": "array", "items": text}]},
        "input_format": {"oneOf": [{"enum": list(LAYOUTS)}, _formats()], "default": AUTO},
        "dump": {"oneOf": [name, {"type": "null"}]},
        "columns": {**map_of(_columns()), "type": ["object", "null"]},
        "language": map_of({"model": {**text, "default": "lid.176.ftz"}}),
        "extract": one_of({name: options_schema(its) for name, its in EXTRACTORS.items()}),
        "cascade": {
            "oneOf": [
                {"type": "boolean"},
                {"enum": ["on", "off"]},
                options_schema(CASCADE),
            ],
            "default": False,
        },
        "accelerate": {"enum": [True, False, "verify"], "default": True},
        "opt_outs": {"oneOf": [text, {"type": "array", "items": text}]},
        "benchmarks": _benchmarks(),
        "word_lists": _named(WORD_LIST, "file"),
        "words": {"type": "string", "pattern": f"^{LANGUAGE.pattern}$", "default": "en"},
        "stop_words": _STOP_WORDS,
        "languages": _some(_language()),
        "signals": {"oneOf": [{"type": "array", "items": text}, _signal_digests()]},
        "classifiers": _named(CLASSIFIER, "model"),
        "perplexity": {"type": "object", "additionalProperties": _perplexity()},
        "stages": {"type": "array", "minItems": 1, "items": _stage()},
        "tokenizer": {
            "oneOf": [
                text,
                one_of({"train": options_schema(TRAINED), "tiktoken": options_schema(TIKTOKEN)}),
            ]
        },
        "tokens": options_schema(TOKENS),
        "dataset": options_schema(DATASET),
        "limits": {"oneOf": [{"enum": [True, False, "on", "off"]}, options_schema(LIMITS)]},
        "memory_per_worker": {
            "oneOf": [
                {"type": "string", "pattern": f"^{MEMORY.pattern}$"},
                {"type": "integer", "minimum": LEAST_MEMORY, "maximum": MOST_MEMORY},
                {"type": "null"},
            ]
        },
    }
    return kinds[key]


def _named(options: Mapping[str, Option], required: str) -> dict[str, Any]:
    """Return the schema of a map of names: of each its options, or only the one that it needs."""
    entry = {
        "oneOf": [
            {"type": "string", "minLength": 1},
            {**options_schema(options), "required": [required], "type": "object"},
        ]
    }
    return {"type": "object", "additionalProperties": entry}


def _perplexity() -> dict[str, Any]:
    """Return the schema of a model, or of one for each language."""
    text = {"type": "string", "minLength": 1}
    files = {"oneOf": [text, options_schema(PERPLEXITY_FILES)]}
    whole = options_schema(PERPLEXITY)
    whole["properties"]["languages"] = {
        "type": "object",
        "minProperties": 1,
        "description": "A model for each language, by its label.",
        "additionalProperties": files,
    }
    return {"oneOf": [text, whole]}


def _benchmarks() -> dict[str, Any]:
    entry = {**options_schema(BENCHMARK), "required": ["items", "fields"], "type": "object"}
    return {"type": "object", "additionalProperties": entry}


def _language() -> dict[str, Any]:
    """Return the schema of one of several languages."""
    text = {"type": "string", "minLength": 1}
    layer = {
        "words": {"type": "string", "pattern": f"^{LANGUAGE.pattern}$"},
        "stop_words": _STOP_WORDS,
        "set": _some({"type": ["number", "string"]}),
        "drop": {"type": "array", "items": text},
        "from": text,
    }
    return {**map_of(layer), "type": ["object", "null"]}


def _formats() -> dict[str, Any]:
    """Return the schema of a format with its options."""
    formats = {name: options_schema(INPUT_FORMATS.get(name, {})) for name in LAYOUTS}
    return one_of(
        {name: {"description": LAYOUTS[name].summary, **formats[name]} for name in LAYOUTS}
    )


def _some(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a map of any names."""
    return {"type": "object", "minProperties": 1, "additionalProperties": dict(value)}


def _columns() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    kinds = {name: [text, {"type": "null"}] for name in COLUMNS}
    for name in COLUMNS.keys() - {"text"}:
        kinds[name].append({"const": False})
    return {
        name: {"description": summary, "oneOf": kinds[name]} for name, summary in COLUMNS.items()
    }


def _stage() -> dict[str, Any]:
    bodies = {
        "gate": _rules(GATE_SIGNALS, {"pattern": gate_pattern()}),
        "drop": _rules(text_signals(), {}),
        "edit": one_of({name: _edit(edit) for name, edit in sorted(EDITS.items())}),
        "datatrove": _blocks(),
        "dedup": some_of({kind: _kind(kind) for kind in KINDS}),
    }
    for kind, summary in STAGE_KINDS.items():
        bodies[kind] = {"description": summary, **bodies[kind]}
    return one_of(bodies)


def _rules(names: Iterable[str], pattern: Mapping[str, str]) -> dict[str, Any]:
    listing = ", ".join(sorted(names))
    edits = ", ".join(f"{edit}.*" for edit in sorted(EDITS))
    more = "" if "." in listing else f" After an edit also {edits}."
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{RULE_NAME.pattern}$"},
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
    return {**one_of(blocks), "patternProperties": dotted}


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
    options = options_schema(edit_options(edit))
    return {"description": edit.summary, **options}


def _kind(kind: str) -> dict[str, Any]:
    return {"description": KIND_MEANINGS[kind], **options_schema(KINDS[kind])}
