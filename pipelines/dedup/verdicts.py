"""What a kind of deduplication found of a group's pages, as files of `VERDICTS` say it.

Where the first page of a cluster stays, the labels of clustering are all that there is to
say: whoever is not the cluster's smallest document has left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.dedup.numbers import Flags, Numbers, document_number
from pipelines.tables import read_table

VERDICTS = pa.schema(
    [
        pa.field("doc", pa.int64(), nullable=False),
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("removed", pa.bool_(), nullable=False),
    ]
)
"""Members of clusters: the cluster's smallest document number, its size, and who left."""


@dataclass(frozen=True, slots=True)
class Members:
    """Pages of a group that are in clusters of two and more, ascending; arrays of one length."""

    docs: Numbers
    clusters: Numbers
    sizes: Numbers
    removed: Flags


def read_members(path: Path) -> Members:
    """Read a kind's verdicts on a group, or the labels that stand for them."""
    table = read_table(path)
    docs, clusters, sizes = (table[name].to_numpy() for name in ("doc", "cluster", "size"))
    if "removed" in table.column_names:
        removed = np.asarray(table["removed"].to_numpy(zero_copy_only=False), dtype=bool)
    else:
        removed = clusters != docs
    return Members(docs, clusters, sizes, removed)


def removed_by(paths: Iterable[Path]) -> Numbers:
    """Return the documents that some kind has removed, ascending."""
    found = [members.docs[members.removed] for members in map(read_members, paths)]
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *found]))


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of one file's pages in deduplication, by record."""

    kinds: dict[int, str]
    """The kind that removed a page."""
    clusters: dict[int, tuple[int, int]]
    """Cluster and its size by the kind that removed the page, or by that which stays with it."""

    def of(self, ordinal: int, record: int) -> tuple[int, int]:
        """Return the cluster and its size; the page's own number and 1 where it is alone."""
        return self.clusters.get(record, (document_number(ordinal, record), 1))


def read_fates(
    ordinal: int, records: range, verdicts: Sequence[tuple[str, Path]], shown: str
) -> Fates:
    """Read what became of a file's records, or of those of a part of it.

    `shown` is the kind whose clusters the pages that stay are said to be in.
    """
    low, high = (document_number(ordinal, end) for end in (records.start, records.stop))
    fates = Fates({}, {})
    for kind, path in verdicts:
        members = read_members(path)
        start, stop = np.searchsorted(members.docs, [low, high])
        rows = zip(
            (members.docs[start:stop] - document_number(ordinal, 0)).tolist(),
            members.clusters[start:stop].tolist(),
            members.sizes[start:stop].tolist(),
            members.removed[start:stop].tolist(),
            strict=True,
        )
        for record, cluster, size, removed in rows:
            if removed:
                fates.kinds[record] = kind
            if removed or kind == shown:
                fates.clusters[record] = (cluster, size)
    return fates
