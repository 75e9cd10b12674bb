"""Union-find over arrays: connected documents get the smallest number among them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from pipelines.dedup.exchange import EDGES, Columns, NumbersWriter, in_batches, read_numbers
from pipelines.dedup.numbers import Numbers, distinct, number_densely
from pipelines.dedup.parts import Budget
from pipelines.storage import Attempt

Reread: TypeAlias = Callable[[], Iterable[Columns]]
"""Gives the same edges every time, some at a time."""


def hook(parent: Numbers, low: Numbers, high: Numbers) -> None:
    """Join the trees of both ends of each edge, in place, until no edge joins two trees.

    `parent` maps a node to a smaller node of its tree, a root to itself; afterwards every
    node that an edge names maps to its root. Each round hooks every root that has a smaller
    neighbour to the smallest of them, and then shortens all paths to one step (min-label
    hooking with pointer jumping, after Shiloach and Vishkin 1982).

    No cycle can arise, since a parent is always smaller. A root without a smaller neighbour
    either takes one of its neighbours in, or each of them goes to a still smaller root, which
    makes it hook in the following round. So after two rounds every root that has neighbours
    has been joined with another: the number of rounds is at most 2 log2 of the number of nodes.
    """
    low, high = _find(parent, low), _find(parent, high)
    while True:
        apart = low != high
        low, high = low[apart], high[apart]
        if not len(low):
            return
        smaller, larger = np.minimum(low, high), np.maximum(low, high)
        np.minimum.at(parent, larger, smaller)
        low, high = _find(parent, smaller), _find(parent, larger)


def _find(parent: Numbers, nodes: Numbers) -> Numbers:
    """Return the nodes' roots, and let the nodes point to them."""
    roots = parent[nodes]
    while True:
        above = parent[roots]
        if np.array_equal(above, roots):
            parent[nodes] = roots
            return roots
        # Each node skips half of its way, for all who come after it too.
        parent[nodes] = above
        roots = parent[above]


def roots_of(parent: Numbers) -> Numbers:
    """Return every node's root."""
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            return parent
        parent = above


def spanning_stars(low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Return the edges from each component's smallest document to its other ones.

    They join what the given edges join, and are fewer than the documents that these name.
    """
    docs, roots = _joined(low, high)
    others = np.flatnonzero(roots != np.arange(len(docs)))
    return docs[roots[others]], docs[others]


def components(edges: Reread) -> tuple[Numbers, Numbers]:
    """Return the documents that edges name, ascending, and for each the place of its root.

    The root is the smallest document that it is connected with. What is held is an entry per
    document: edges that do not come all at once are read twice.
    """
    parts = iter(edges())
    first, second = next(parts, None), next(parts, None)
    if first is not None and second is None:
        return _joined(*first)
    docs = _distinct(edges())
    parent = np.arange(len(docs))
    for low, high in edges():
        named, place = number_densely(np.concatenate([low, high]))
        at = np.searchsorted(docs, named)[place]
        hook(parent, at[: len(low)], at[len(low) :])
    return docs, roots_of(parent)


def _joined(low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Return documents and the places of their roots from all edges at once."""
    docs, place = number_densely(np.concatenate([low, high]))
    parent = np.arange(len(docs))
    hook(parent, place[: len(low)], place[len(low) :])
    return docs, roots_of(parent)


def _distinct(parts: Iterable[Columns]) -> Numbers:
    """Return the distinct numbers of all columns, ascending."""
    found = np.empty(0, dtype=np.int64)
    waiting: list[Numbers] = []
    for part in parts:
        waiting.append(distinct(*part))
        if sum(map(len, waiting)) > len(found):  # so that all in all it is sorted a few times
            found = distinct(found, *waiting)
            waiting = []
    return distinct(found, *waiting)


def sizes_of(roots: Numbers) -> Numbers:
    """Return for each document how many have its root."""
    return np.bincount(roots, minlength=len(roots))[roots]


@dataclass(frozen=True, slots=True)
class ForestJob:
    """Edge files that become one forest."""

    unit: str
    folder: str
    edges: tuple[Path, ...]
    budget: Budget


def write_forest(attempt: Attempt, job: ForestJob) -> dict[str, Any]:
    """Write a spanning forest of the edges: fewer of them than documents that they name."""
    docs, roots = components(reread(job.edges, job.budget))
    others = np.flatnonzero(roots != np.arange(len(docs)))
    with NumbersWriter(attempt, f"{job.folder}/{job.unit}.parquet", EDGES) as writer:
        for at in range(0, len(others), job.budget.rows_at_once):
            some = others[at : at + job.budget.rows_at_once]
            writer.write(docs[roots[some]], docs[some])
    return {"documents": len(docs)}


def reread(paths: tuple[Path, ...], budget: Budget) -> Reread:
    """Return what reads all edges of some files, a bounded number at a time."""

    def read() -> Iterator[Columns]:
        return in_batches(read_numbers(paths), budget.rows_at_once)

    return read
