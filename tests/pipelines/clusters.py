"""Clustering without a crawl: a bare run, made-up keys, labels as one array."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pipelines.dedup.exchange import read_numbers
from pipelines.dedup.forest import components, sizes_of
from pipelines.dedup.numbers import Keys, Numbers
from pipelines.dedup.parts import Source
from pipelines.events import Event, UnitDone
from pipelines.execute import InlineEngine
from pipelines.stages.clustering import Clusters
from pipelines.stages.context import RunContext


class Heard:
    """An observer that remembers how many units of which stage were done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, UnitDone):
            self.done.append(event.commit.stage)


def bare_run(root: Path, engine: Any = None) -> RunContext:
    """Return a run for stages that look at nothing but keys."""
    root.mkdir(parents=True, exist_ok=True)
    recipe: Any = SimpleNamespace(max_failed_units=0)
    return RunContext(recipe, root, [], {}, None, engine or InlineEngine(), Heard())


def given_keys(
    rows: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> Iterator[tuple[Keys, Numbers]]:
    """Yield keys and documents as they are: a key function."""
    for keys, docs in rows:
        yield np.array(keys, dtype=np.uint64), np.array(docs, dtype=np.int64)


def source(number: int, *rows: tuple[Any, Any]) -> Source:
    """Return a source of keys that are given, with the documents that have them."""
    plain = [[np.asarray(column).tolist() for column in pair] for pair in rows]
    return Source(f"{number:05d}", rows, plain)


def labels_of(found: Clusters) -> Numbers:
    """Return document, cluster and size of every member, shape (members, 3)."""
    parts = [
        np.stack(columns, axis=1)
        for part in found.labels.values()
        for columns in read_numbers([part.path])
    ]
    return np.concatenate([np.empty((0, 3), dtype=np.int64), *parts])


def label_components(edges: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return documents, their clusters' smallest document and the clusters' sizes.

    `edges` has the shape (n, 2). Only documents that some edge names are returned,
    in ascending order.
    """
    docs, roots = components(lambda: [(edges[:, 0], edges[:, 1])])
    return docs, docs[roots], sizes_of(roots)
