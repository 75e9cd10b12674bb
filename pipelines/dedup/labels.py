"""Labels: from components to the members of clusters, and to each group's own file."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.dedup.exchange import LABELS, NumbersWriter, Router, read_numbers
from pipelines.dedup.forest import components, reread, sizes_of
from pipelines.dedup.numbers import Numbers
from pipelines.dedup.parts import Budget
from pipelines.storage import Attempt


@dataclass(frozen=True, slots=True)
class ComponentsJob:
    """All edges, to be joined into clusters in memory."""

    folder: str
    edges: tuple[Path, ...]
    starts: tuple[int, ...]
    """The first document of each group."""
    budget: Budget


@dataclass(frozen=True, slots=True)
class LabelsJob:
    """The members of clusters, of which those of one group are wanted."""

    unit: str
    folder: str
    group: int
    members: tuple[Path, ...]


class ClusterCount:
    """Counts clusters by size."""

    def __init__(self) -> None:
        self._sizes: Counter[int] = Counter()
        self._largest = (0, 0)

    def add(self, clusters: Numbers, sizes: Numbers) -> None:
        """Count clusters, each once."""
        if not len(sizes):
            return
        # From 2, from 4, from 8 and so on; the size in binary tells.
        _, exponents = np.frexp(sizes)
        for exponent, count in enumerate(np.bincount(exponents).tolist()):
            self._sizes[1 << max(exponent - 1, 0)] += count
        size = int(sizes.max())
        self._largest = max(self._largest, (size, -int(clusters[sizes == size].min())))

    def facts(self) -> dict[str, Any]:
        """Return the histogram and the largest cluster, as plain data."""
        size, negative = self._largest
        histogram = {str(low): count for low, count in sorted(self._sizes.items()) if count}
        return {"histogram": histogram, "largest": [-negative, size]}


def add_counts(facts: list[Mapping[str, Any]]) -> tuple[dict[int, int], tuple[int, int]]:
    """Return the histogram and the largest cluster of all; the first of equal ones."""
    sizes: Counter[int] = Counter()
    for fact in facts:
        sizes.update({int(low): count for low, count in fact["histogram"].items()})
    largest = min((-size, doc) for doc, size in [(0, 0), *(fact["largest"] for fact in facts)])
    return dict(sorted(sizes.items())), (largest[1], -largest[0])


def join_components(attempt: Attempt, job: ComponentsJob) -> dict[str, Any]:
    """Join all edges into clusters by one union-find; write every member, by group."""
    docs, roots = components(reread(job.edges, job.budget))
    sizes = sizes_of(roots)
    count = ClusterCount()
    with Router(attempt, f"{job.folder}/all.parquet", LABELS, job.budget.rows_at_once) as router:
        for at in range(0, len(docs), job.budget.rows_at_once):
            part = slice(at, at + job.budget.rows_at_once)
            is_first = roots[part] == np.arange(len(docs))[part]
            count.add(docs[part][is_first], sizes[part][is_first])
            route_members(router, job.starts, docs[part], docs[roots[part]], sizes[part])
    return count.facts()


def route_members(
    router: Router, starts: tuple[int, ...], docs: Numbers, clusters: Numbers, sizes: Numbers
) -> None:
    """Send members to their groups; documents of an earlier release have none."""
    groups = np.searchsorted(np.array(starts, dtype=np.int64), docs, side="right") - 1
    ours = groups >= 0
    router.add(groups[ours], docs[ours], clusters[ours], sizes[ours])


def write_labels(attempt: Attempt, job: LabelsJob) -> dict[str, Any]:
    """Write the labels of one group's documents that are in a cluster, by document."""
    parts = list(read_numbers(job.members, low=job.group, high=job.group))
    with NumbersWriter(attempt, f"{job.folder}/{job.unit}.parquet", LABELS) as writer:
        if parts:
            columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
            order = np.argsort(columns[0])
            writer.write(*(column[order] for column in columns))
    return {}
