"""The recipe's key `benchmarks`: items of which no page is to hold pieces."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from pipelines.benchmarks import HUB, Benchmark, items_file
from pipelines.files import sha256_of
from pipelines.recipe.named import (
    NamedKey,
    check_read,
    file_digest,
    is_file,
    is_free,
    place_of,
    read_entry,
    read_named,
)
from pipelines.recipe.named_options import BENCHMARK
from pipelines.recipe.problems import Problems
from pipelines.recipe.source import Node, Place

_KEY = NamedKey(
    key="benchmarks",
    noun="benchmark",
    options=BENCHMARK,
    required=("items", "fields"),
    example="For example: benchmarks: {mmlu: {items: mmlu.jsonl, fields: question, ngrams: 13}}",
)


def read_benchmarks(node: Node, problems: Problems) -> tuple[Benchmark, ...]:
    """Return the benchmarks that a recipe names, each with the sha256 of its file.

    A file that is not here can be meant only where the recipe says its sha256, as that of a
    finished run does: whoever looks at the run need not have it.
    """
    return read_named(_KEY, node, _benchmark, problems)


def _benchmark(name: str, body: Node, problems: Problems) -> Benchmark | None:
    """Return a benchmark whose file was looked at, or None after noting what is wrong."""
    written = recorded_benchmark(name, body, problems)
    if written is None or not is_free(_KEY, name, written.signals, body.place, problems):
        return None
    items, said = written.items, written.sha256
    if said and (items.startswith(HUB) or not is_file(items)):
        return written
    place = place_of(body, "items")
    return replace(
        written, sha256=file_digest(_KEY.owner(name), items, said, _digest, place, problems)
    )


def _digest(items: str) -> str:
    return sha256_of(items_file(items))


def recorded_benchmark(name: str, body: Node, problems: Problems) -> Benchmark | None:
    """Return a benchmark as it is written, or None after noting what is wrong with that."""
    options = read_entry(_KEY, name, body, problems)
    if options is None:
        return None
    fields, ngrams = (_several(options[option]) for option in ("fields", "ngrams"))
    sizes = tuple(sorted(set(ngrams), reverse=True))
    return Benchmark(
        name, options["items"], tuple(dict.fromkeys(fields)), sizes, options["sha256"] or ""
    )


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def check_benchmarks(
    benchmarks: Iterable[Benchmark], reads: Collection[str], place: Place, problems: Problems
) -> None:
    """Note a benchmark that no rule reads."""
    for each in benchmarks:
        check_read(_KEY, each.name, each.signals, reads, place, problems)
