"""Runs: the sorted keys of a group of files, a key once, and the pairs found on the way."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.dedup.exchange import EDGES, NumbersWriter, in_batches
from pipelines.dedup.forest import spanning_stars
from pipelines.dedup.numbers import Keys, Numbers, sort_keys
from pipelines.dedup.parts import Budget, KeysOf
from pipelines.storage import Attempt

RUN = pa.schema(
    [pa.field("key", pa.uint64(), nullable=False), pa.field("doc", pa.int64(), nullable=False)]
)
"""Rows sorted by key; the row groups are ranges of the keys' upper bits."""
_GROUP_ROWS = 8192
_MOST_GROUPS = 1024


@dataclass(frozen=True, slots=True)
class RunJob:
    """A group of files whose keys go into one run."""

    unit: str
    folder: str
    keys: KeysOf
    argument: Any
    budget: Budget


def write_run(attempt: Attempt, job: RunJob) -> dict[str, Any]:
    """Write the group's keys, each with the first document that has it, and the other pairs.

    However many documents share a key, the run has one row of it: so no key can make a
    partition large, and what is found within the group is not looked for again. The pairs
    are a spanning forest. A group whose keys exceed the budget is sorted in batches, and its
    run has a row of a key per batch.
    """
    first = last = None
    documents = 0
    with (
        NumbersWriter(attempt, f"{job.folder}/keys/{job.unit}.parquet", RUN) as run,
        NumbersWriter(attempt, f"{job.folder}/pairs/{job.unit}.parquet", EDGES) as pairs,
    ):
        for keys, docs in in_batches(job.keys(job.argument), job.budget.rows_at_once):
            documents += 1 + int(np.count_nonzero(docs[1:] != docs[:-1])) - int(docs[0] == last)
            first, last = docs[0] if first is None else first, docs[-1]
            kept_keys, kept_docs, low, high = combine(keys, docs)
            write_ranges(run, kept_keys, kept_docs)
            pairs.write(low, high)
    if first is None or last is None:
        return {"documents": 0, "first": None, "last": None}
    return {"documents": documents, "first": int(first), "last": int(last)}


def combine(keys: Keys, docs: Numbers) -> tuple[Keys, Numbers, Numbers, Numbers]:
    """Return the distinct keys, ascending, with their first documents, and pairs of documents.

    `docs` ascend. The pairs join all documents that share a key.
    """
    order, begins = sort_keys(keys)
    heads = order[begins]
    others = np.flatnonzero(~begins)
    group = np.cumsum(begins)[others] - 1
    low, high = docs[heads[group]], docs[order[others]]
    apart = low != high
    return keys[heads], docs[heads], *spanning_stars(low[apart], high[apart])


def write_ranges(run: NumbersWriter, keys: Keys, docs: Numbers) -> None:
    """Write sorted keys as row groups of equal ranges, a power of two of them."""
    ranges = min(max(len(keys) // _GROUP_ROWS, 1), _MOST_GROUPS)
    bits = ranges.bit_length() - 1
    starts = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits) if bits else [0]
    bounds = [*np.searchsorted(keys, np.array(starts, dtype=np.uint64)).tolist(), len(keys)]
    for at in range(1 << bits):
        part = slice(bounds[at], bounds[at + 1])
        run.write(keys[part], docs[part])
