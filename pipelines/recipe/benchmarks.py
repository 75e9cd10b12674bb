"""The recipe's key `benchmarks`: items of which no page is to hold pieces."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from filters.catalog import text_signals
from filters.contamination import SIZES
from filters.errors import UsageError
from pipelines.benchmarks import DEFAULT_GRAMS, HUB, OPTIONS, Benchmark, items_file
from pipelines.files import sha256_of
from pipelines.recipe.model import Recipe
from pipelines.recipe.options import RULE_NAME
from pipelines.recipe.problems import Problems, known_entries, shown
from pipelines.recipe.source import Node, Place

_EXAMPLE = "For example: benchmarks: {mmlu: {items: mmlu.jsonl, fields: question, ngrams: 13}}"


def read_benchmarks(node: Node, problems: Problems) -> tuple[Benchmark, ...]:
    """Return the benchmarks that a recipe names, each with the sha256 of its file.

    A file that is not here can be meant only where the recipe says its sha256, as that of a
    finished run does: whoever looks at the run need not have it.
    """
    if not isinstance(node.value, dict):
        fact = f"benchmarks must be a map of names, not {shown(node.plain())}."
        problems.add(node.place, fact, _EXAMPLE)
        return ()
    found = [_benchmark(name, body, problems) for name, body in node.map.items()]
    return tuple(benchmark for benchmark in found if benchmark is not None)


def _benchmark(name: str, body: Node, problems: Problems) -> Benchmark | None:
    """Return a benchmark whose file was looked at, or None after noting what is wrong."""
    written = recorded_benchmark(name, body, problems)
    if written is None:
        return None
    benchmark = replace(written, sha256=_digest(written, body.map["items"].place, problems))
    for taken in benchmark.signals.keys() & text_signals().keys():
        problems.add(body.place, f"benchmarks.{name}: '{taken}' is a signal already.", "Rename it.")
    return benchmark


def recorded_benchmark(name: str, body: Node, problems: Problems) -> Benchmark | None:
    """Return a benchmark as it is written, or None after noting what is wrong with that."""
    before = len(problems.found)
    if not RULE_NAME.fullmatch(name):
        fact = f"benchmarks: '{name}' is no name for a benchmark."
        problems.add(body.place, fact, "Letters, digits and _, not beginning with a digit.")
    if not isinstance(body.value, dict):
        fact = f"benchmarks.{name} must be a map, not {shown(body.plain())}."
        problems.add(body.place, fact, _EXAMPLE)
        return None
    fact = f"benchmarks.{name} has no option"
    entries = known_entries(body, OPTIONS, fact, ", ".join(OPTIONS), problems)
    items = _texts(f"benchmarks.{name}.items", entries.get("items", body), problems)
    fields = _texts(f"benchmarks.{name}.fields", entries.get("fields", body), problems)
    ngrams = _sizes(f"benchmarks.{name}.ngrams", entries.get("ngrams"), problems)
    said = entries["sha256"].plain() if "sha256" in entries else ""
    if not isinstance(said, str):
        fact = f"benchmarks.{name}.sha256 must be a text, not {shown(said)}."
        problems.add(entries["sha256"].place, fact, "Leave it out: it is taken of the file.")
    if len(problems.found) > before:
        return None
    return Benchmark(name, items[0], fields, ngrams, said)


def _texts(what: str, node: Node, problems: Problems) -> tuple[str, ...]:
    """Return one text or several; of a map, which is the option's owner, the option is missing."""
    values = node.plain() if isinstance(node.value, list) else [node.plain()]
    are_texts = bool(values) and all(isinstance(value, str) and value for value in values)
    if are_texts and (what.endswith(".fields") or len(values) == 1):
        return tuple(dict.fromkeys(values))
    is_missing = isinstance(node.value, dict)
    wrong = "is missing" if is_missing else f"must be a text, not {shown(node.plain())}"
    problems.add(node.place, f"{what} {wrong}.", _EXAMPLE)
    return ()


def _sizes(what: str, node: Node | None, problems: Problems) -> tuple[int, ...]:
    if node is None:
        return DEFAULT_GRAMS
    values: list[Any] = node.plain() if isinstance(node.value, list) else [node.plain()]
    least, most = SIZES
    if values and all(type(value) is int and least <= value <= most for value in values):
        return tuple(sorted(set(values), reverse=True))
    fact = f"{what} must be whole numbers from {least} to {most}, not {shown(node.plain())}."
    problems.add(node.place, fact, "GPT-3 takes 13, PaLM 8; several: [13, 8].")
    return DEFAULT_GRAMS


def _digest(benchmark: Benchmark, place: Place, problems: Problems) -> str:
    """Return the sha256 of a benchmark's file, or the one that the recipe says of one elsewhere."""
    items, said = benchmark.items, benchmark.sha256
    if said and (items.startswith(HUB) or not Path(items).is_file()):
        return said
    try:
        found = sha256_of(items_file(items))
    except UsageError as error:
        fact, _, hint = str(error).partition("\n")
        problems.add(place, fact, hint.strip())
        return ""
    if said not in ("", found):
        fact = f"benchmarks.{benchmark.name}: {items} has changed: sha256 {found[:16]}…"
        problems.add(place, fact, f"The recipe asks for {shown(said)}: mend either.")
    return found


def check_benchmarks(recipe: Recipe, place: Place, problems: Problems) -> None:
    """Note a benchmark that no rule reads."""
    read = {name.rpartition(".")[2] for _, rule in recipe.rules() for name in rule.reads}
    for benchmark in recipe.benchmarks:
        if not read & benchmark.signals.keys():
            first = next(iter(benchmark.signals))
            fact = f"benchmarks names '{benchmark.name}', which no rule reads."
            problems.add(place, fact, f"Add to a drop: contaminated: {first} > 0")
