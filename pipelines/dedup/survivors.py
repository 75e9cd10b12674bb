"""Which page of a cluster stays, where that is not simply the first one.

The members' values lie with their pages, but a cluster's members lie in many groups: so each
group writes its members' values by cluster, a task per partition of clusters names the
survivors, and each group reads which of them are its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.exchange import NumbersWriter, Router, partition_of, read_numbers
from pipelines.dedup.numbers import Flags, Numbers
from pipelines.dedup.pages import Group, Pages, among
from pipelines.dedup.verdicts import VERDICTS, read_members
from pipelines.recipe.kinds import Keep
from pipelines.storage import Attempt
from pipelines.tables import TableWriter

Values: TypeAlias = npt.NDArray[np.float64]
"""What a page is worth; a page without a value has minus infinity."""

VALUES = pa.schema(
    [
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("doc", pa.int64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
SURVIVORS = pa.schema([pa.field("doc", pa.int64(), nullable=False)])
_ROWS_TOGETHER = 1 << 16
_MOST_ROWS = 1 << 21


@dataclass(frozen=True, slots=True)
class ValuesJob:
    """A group whose members of clusters get a value."""

    group: Group
    kind: str
    labels: Path
    keep: Keep
    bits: int
    """Of the number of partitions of clusters, a power of two."""


@dataclass(frozen=True, slots=True)
class SurvivorsJob:
    """One partition of the clusters, with all values of their members."""

    unit: str
    kind: str
    partition: int
    values: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class VerdictsJob:
    """A group's labels, and the survivors of all clusters."""

    unit: str
    kind: str
    labels: Path
    survivors: tuple[Path, ...]


def write_values(attempt: Attempt, job: ValuesJob) -> dict[str, Any]:
    """Write what the group's members of clusters are worth, by partition of clusters.

    Members of a cluster with a page of an earlier run are left out: none of them can stay.
    """
    members = read_members(job.labels)
    is_open = members.clusters >= 0
    docs, clusters = members.docs[is_open], members.clusters[is_open]
    values = np.concatenate(
        [np.empty(0), *(_values(pages, docs, job.keep) for pages in job.group.pages)]
    )
    final = f"stages/values_{job.kind}/{job.group.unit}.parquet"
    with Router(attempt, final, VALUES, _MOST_ROWS) as router:
        router.add(partition_of(clusters, job.bits), clusters, docs, values)
    return {}


def _values(pages: Pages, members: Numbers, keep: Keep) -> Values:
    """Return what those of a file's pages are worth that are members, in their order."""
    docs = pages.documents()
    docs = docs[among(docs, members)]
    found = _POLICIES[keep.policy](pages, docs, keep.signal or "")
    return np.array([-np.inf if value is None else value for value in found], dtype=np.float64)


def _lengths(pages: Pages, docs: Numbers, _: str) -> list[float | None]:
    lengths = {doc: float(len(text)) for doc, text in pages.texts()} if len(docs) else {}
    return [lengths[doc] for doc in docs.tolist()]


def _dates(pages: Pages, docs: Numbers, _: str) -> list[float | None]:
    return [_seconds(date) for date in pages.ledger_column("date", docs)]


def _seconds(written: str | None) -> float | None:
    """Return a date of ISO 8601 in seconds since 1970; None for what is no such date."""
    try:
        date = datetime.fromisoformat(written or "")
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _signals(pages: Pages, docs: Numbers, signal: str) -> list[float | None]:
    return pages.ledger_column(signal, docs)


_POLICIES: Mapping[str, Callable[[Pages, Numbers, str], list[float | None]]] = {
    "longest": _lengths,
    "newest": _dates,
    "highest": _signals,
}


def find_survivors(attempt: Attempt, job: SurvivorsJob) -> dict[str, Any]:
    """Write the survivor of each of the partition's clusters, ascending."""
    parts = list(read_numbers(job.values, low=job.partition, high=job.partition))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    survivors = choose(*columns) if columns else np.empty(0, dtype=np.int64)
    final = f"stages/survivors_{job.kind}/{job.unit}.parquet"
    with NumbersWriter(attempt, final, SURVIVORS) as writer:
        for start in range(0, len(survivors), _ROWS_TOGETHER):
            writer.write(survivors[start : start + _ROWS_TOGETHER])
    return {"survivors": len(survivors)}


def choose(clusters: Numbers, docs: Numbers, values: Values) -> Numbers:
    """Return the document of the highest value in each cluster, ascending.

    Three arrays of one length; of equal values the smallest document stays.
    """
    order = np.lexsort((docs, -values, clusters))
    clusters = clusters[order]
    is_best: Flags = np.ones(len(order), dtype=bool)
    is_best[1:] = clusters[1:] != clusters[:-1]
    return np.sort(docs[order[is_best]])


def write_verdicts(attempt: Attempt, job: VerdictsJob) -> dict[str, Any]:
    """Write the group's members of clusters, all but the survivors as removed."""
    members = read_members(job.labels)
    survivors = np.empty(0, dtype=np.int64)
    if len(members.docs):
        first, last = int(members.docs[0]), int(members.docs[-1])
        parts = [doc for (doc,) in read_numbers(job.survivors, low=first, high=last)]
        survivors = np.sort(np.concatenate([survivors, *parts]))
    removed = ~among(members.docs, survivors)
    columns = [members.docs, members.clusters, members.sizes, removed]
    with TableWriter(attempt, f"stages/verdicts_{job.kind}/{job.unit}.parquet", VERDICTS) as writer:
        writer.add_table(pa.table(columns, schema=VERDICTS))
    return {}
