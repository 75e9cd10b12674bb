"""Star rounds: connected components without anything that must hold all documents.

Kiveris, Lattanzi, Mirrokni, Rastogi and Vassilvitskii 2014, "Connected Components in
MapReduce and Beyond": large-star and small-star operations alternate until neither changes
an edge. Then every component is a star around its smallest document. The paper proves that
O(log^2 n) rounds are enough; a handful are where forests come in.

An edge is a row (node, neighbour) in the partition of its node. Two numbers for each node of a
partition are held, and some rows at a time: a document with a thousand million neighbours needs
no more memory than another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.dedup.exchange import (
    LABELS,
    Columns,
    Router,
    in_batches,
    partition_of,
    read_numbers,
)
from pipelines.dedup.labels import ClusterCount, route_members
from pipelines.dedup.numbers import Numbers, number_densely
from pipelines.dedup.parts import Budget
from pipelines.storage import Attempt

NEIGHBOURS = pa.schema(
    [pa.field(name, pa.int64(), nullable=False) for name in ("node", "neighbour")]
)


@dataclass(frozen=True, slots=True)
class StarJob:
    """One partition of nodes in one step of a round."""

    unit: str
    folder: str
    partition: int
    bits: int
    """There are 2 ** bits partitions."""
    rows: tuple[Path, ...]
    """What the step before has written."""
    budget: Budget
    starts: tuple[int, ...] = ()
    """The first document of each group; only for the members."""

    def read(self) -> Iterator[Columns]:
        """Yield the partition's rows, a bounded number at a time."""
        found = read_numbers(self.rows, low=self.partition, high=self.partition)
        return in_batches(found, self.budget.rows_at_once)

    def router(self, attempt: Attempt, schema: pa.Schema) -> Router:
        """Return what takes the rows for the next step."""
        final = f"{self.folder}/{self.unit}.parquet"
        return Router(attempt, final, schema, self.budget.rows_at_once)


@dataclass(frozen=True, slots=True)
class SpreadJob:
    """An edge file whose edges go to the partitions of both ends."""

    unit: str
    folder: str
    bits: int
    edges: Path
    budget: Budget


def spread(attempt: Attempt, job: SpreadJob) -> dict[str, Any]:
    """Send every edge to the partitions of both its documents."""
    final = f"{job.folder}/{job.unit}.parquet"
    with Router(attempt, final, NEIGHBOURS, job.budget.rows_at_once) as router:
        for low, high in in_batches(read_numbers([job.edges]), job.budget.rows_at_once):
            _both_ways(router, job.bits, low, high)
    return {}


def large_star(attempt: Attempt, job: StarJob) -> dict[str, Any]:
    """Connect each node's larger neighbours to the smallest of it and its neighbours.

    Rows go to the partition of the larger end, which is where small-star needs them.
    """
    nodes, least = _least_neighbours(job.read())
    least = np.minimum(nodes, least)
    changed = 0
    with job.router(attempt, NEIGHBOURS) as router:
        for node, neighbour in job.read():
            upward = neighbour > node
            smaller, larger = node[upward], neighbour[upward]
            smallest = least[np.searchsorted(nodes, smaller)]
            changed += int(np.count_nonzero(smallest != smaller))
            router.add(partition_of(larger, job.bits), larger, smallest)
    return {"changed": changed}


def small_star(attempt: Attempt, job: StarJob) -> dict[str, Any]:
    """Connect each node and its smaller neighbours to the smallest of them.

    Every row here is one of a larger node to a smaller one. Each edge goes both ways.
    """
    nodes, least = _least_neighbours(job.read())
    changed = 0
    with job.router(attempt, NEIGHBOURS) as router:
        for node, neighbour in job.read():
            smallest = least[np.searchsorted(nodes, node)]
            others = neighbour != smallest
            changed += int(np.count_nonzero(others))
            _both_ways(router, job.bits, smallest[others], neighbour[others])
        for at in range(0, len(nodes), job.budget.rows_at_once):
            part = slice(at, at + job.budget.rows_at_once)
            _both_ways(router, job.bits, least[part], nodes[part])
    return {"changed": changed}


def write_members(attempt: Attempt, job: StarJob) -> dict[str, Any]:
    """Write the members of the stars whose centre is in the partition, by group.

    Once no step changes an edge, a node that has a larger neighbour is a centre, and each of
    its rows is another member.
    """
    centres, sizes = _degrees(job.read())
    sizes += 1
    count = ClusterCount()
    count.add(centres, sizes)
    with job.router(attempt, LABELS) as router:
        for node, neighbour in job.read():
            outward = neighbour > node
            centre, member = node[outward], neighbour[outward]
            size = sizes[np.searchsorted(centres, centre)]
            route_members(router, job.starts, member, centre, size)
        route_members(router, job.starts, centres, centres, sizes)
    return count.facts()


def _both_ways(router: Router, bits: int, low: Numbers, high: Numbers) -> None:
    router.add(partition_of(low, bits), low, high)
    router.add(partition_of(high, bits), high, low)


def _least_neighbours(parts: Iterable[Columns]) -> tuple[Numbers, Numbers]:
    """Return the distinct nodes, ascending, and the smallest neighbour of each."""
    return _by_node(parts, np.minimum, np.iinfo(np.int64).max)


def _degrees(parts: Iterable[Columns]) -> tuple[Numbers, Numbers]:
    """Return the nodes that have larger neighbours, ascending, and how many."""
    outward = ((node[neighbour > node],) for node, neighbour in parts)
    ones = ((node, np.ones(len(node), dtype=np.int64)) for (node,) in outward)
    return _by_node(ones, np.add, 0)


def _by_node(parts: Iterable[Columns], combine: np.ufunc, neutral: int) -> tuple[Numbers, Numbers]:
    """Return the distinct nodes, ascending, and what all values of each combine to."""
    found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
    for node, value in parts:
        found.append(_combined(node, value, combine, neutral))
        if sum(len(nodes) for nodes, _ in found[1:]) > len(found[0][0]):
            found = [_together(found, combine, neutral)]
    return _together(found, combine, neutral)


def _together(
    found: list[tuple[Numbers, Numbers]], combine: np.ufunc, neutral: int
) -> tuple[Numbers, Numbers]:
    nodes, values = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return _combined(nodes, values, combine, neutral)


def _combined(
    nodes: Numbers, values: Numbers, combine: np.ufunc, neutral: int
) -> tuple[Numbers, Numbers]:
    distinct, place = number_densely(nodes)
    combined = np.full(len(distinct), neutral, dtype=np.int64)
    combine.at(combined, place, values)
    return distinct, combined
