"""What two runs were made with: what differs in recipe, versions, models and measurements."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import pyarrow as pa

from filters.catalog import TEXT
from filters.rule import LANGUAGE, Rule
from pipelines.audit.ledger import Ledger
from pipelines.manifest import read_manifest
from pipelines.recipe.source import Node

Kind: TypeAlias = Literal["rule", "recipe", "measurement", "package", "model", "code", "input"]

_SHOWN_DIGEST = 12
"""Characters of a sha256 that tell it from another."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; None where a run has no such thing."""

    kind: Kind
    name: str
    a: str | None
    b: str | None


def made_differently(a: Ledger, b: Ledger) -> list[Difference]:
    """Return what differs between the ways in which two runs were made: rules first."""
    ours, theirs = read_manifest(a.root), read_manifest(b.root)
    pairs: list[tuple[Kind, Mapping[str, str], Mapping[str, str]]] = [
        ("rule", _rules(a), _rules(b)),
        ("recipe", _settings(a.recipe), _settings(b.recipe)),
        ("measurement", *_measurements(a, b)),
    ]
    if ours and theirs:
        pairs += [
            ("package", _of(ours, "packages"), _of(theirs, "packages")),
            ("model", _short(_of(ours, "assets_sha256")), _short(_of(theirs, "assets_sha256"))),
            ("code", _short(_of(ours, "code")), _short(_of(theirs, "code"))),
            ("input", _short(_of(ours, "inputs")), _short(_of(theirs, "inputs"))),
        ]
    found = [item for kind, one, other in pairs for item in _differing(kind, one, other)]
    return [*found, *_other_order(a, b)]


def _differing(kind: Kind, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            yield Difference(kind, name, a.get(name), b.get(name))


def _other_order(a: Ledger, b: Ledger) -> Iterator[Difference]:
    """Yield the first rule of both that stands behind another one than before."""
    names = [name for name in a.plan.names() if b.plan.step(name)]
    others = [name for name in b.plan.names() if a.plan.step(name)]
    first = next((pair for pair in zip(names, others, strict=True) if pair[0] != pair[1]), None)
    if first:
        yield Difference("rule", "(order of the rules)", f"{first[0]} first", f"{first[1]} first")


def _rules(ledger: Ledger) -> dict[str, str]:
    return {step.rule.name: written(step.rule) for step in ledger.plan.steps}


def written(rule: Rule) -> str:
    """Return a rule as recipes have it: what is measured on the extracted text has a bare name."""
    names = [name.removeprefix(f"{TEXT}.") for name in rule.reads]
    return str(replace(rule, numerator=names[0], denominator=names[1] if names[1:] else None))


def written_for(rule: Rule, language: str | None) -> str:
    """Return the same as pages in a language meet it: with its constant alone."""
    if rule.reads == (LANGUAGE,) and language not in dict(rule.others):
        return rule.brief  # which languages pass
    own = rule.of(language or "")
    return f"not asked of pages in {language}" if own is None else written(own)


def _settings(recipe: Node) -> dict[str, str]:
    """Return all that a recipe says besides its rules, by dotted path."""
    found: dict[str, str] = {}
    for key, node in recipe.map.items():
        if key not in ("stages", "input"):
            found |= dict(_leaves(key, node))
    order = []
    for stage in recipe.map["stages"].items if "stages" in recipe.map else []:
        for kind, body in stage.map.items():
            is_rules = kind in ("gate", "drop")
            found |= {} if is_rules else dict(_leaves(kind, body))
            order.append(kind if is_rules else f"{kind} {', '.join(body.map)}")
    return {**found, "(order of the stages)": " → ".join(order)}


def _leaves(path: str, node: Node) -> Iterator[tuple[str, str]]:
    if node.map:
        for name, inner in node.map.items():
            yield from _leaves(f"{path}.{name}", inner)
    else:
        yield path, str(node.plain())


def _measurements(a: Ledger, b: Ledger) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fingerprint of each column's measurement; of unfinished runs, of common ones."""
    found = [dict(_fingerprints(ledger.schema)) for ledger in (a, b)]
    if not (a.finished and b.finished):  # the last edits are not done yet
        common = found[0].keys() & found[1].keys()
        found = [{name: one[name] for name in one if name in common} for one in found]
    return found[0], found[1]


def _fingerprints(schema: pa.Schema) -> Iterator[tuple[str, str]]:
    for field in schema:
        fingerprint = (field.metadata or {}).get(b"fingerprint")
        if fingerprint:
            yield field.name, fingerprint.decode()


def _of(manifest: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = manifest.get(part, {})
    return found


def _short(digests: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:_SHOWN_DIGEST] for name, value in digests.items()}
