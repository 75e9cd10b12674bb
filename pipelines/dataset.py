"""The published shards: FineWeb's columns, each host's pages together.

Rows are range-partitioned by host over a dump, with splitters computed from
the sizes of all hosts, so that shards do not depend on who wrote what when. A
later release without some hosts then shares most of its bytes with this one
(content-defined chunking).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.ledger import DATASET, SETTLED
from pipelines.settle import read_hosts
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, opened, read_table

SHARD_BYTES = 3 * 1024**3 // 2
"""Text bytes of a shard, uncompressed; about 0.6 GB as a file."""

SHARDS = pa.schema(
    [
        pa.field("dump", pa.string()),
        pa.field("shard", pa.int64()),
        pa.field("first_host", pa.string()),
        pa.field("last_host", pa.string()),
        pa.field("rows", pa.int64()),
    ]
)

# The setting of `datasets` and datatrove: chunks of 256 KiB to 1 MiB.
CHUNKING = {"min_chunk_size": 256 * 1024, "max_chunk_size": 1024 * 1024, "norm_level": 0}
_SLICE_BYTES = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class PlanJob:
    """Sizes of all hosts, to be cut into shards."""

    hosts: tuple[Path, ...]
    shard_bytes: int


def shard_name(dump: str, shard: int) -> str:
    """Return the path of a shard below `data/` and `tokens/` without its ending."""
    return f"{dump}/000_{shard:05d}"


@dataclass(frozen=True, slots=True)
class ShardJob:
    """A range of hosts of one dump."""

    dump: str
    shard: int
    first_host: str
    last_host: str
    sources: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Path of the shard below `data/` without its ending."""
        return shard_name(self.dump, self.shard)


def plan_shards(attempt: Attempt, job: PlanJob) -> dict[str, Any]:
    """Cut each dump's hosts, in order, into ranges of about `shard_bytes` of text."""
    hosts = read_hosts(job.hosts).to_pylist()
    with TableWriter(attempt, "stages/plan/shards.parquet", SHARDS) as writer:
        for shard in _cut(hosts, job.shard_bytes):
            writer.add(shard)
    return {"shards": writer.rows}


def _cut(hosts: list[dict[str, Any]], shard_bytes: int) -> list[dict[str, Any]]:
    """Return shards; a host is never split, so one host may exceed a shard's size."""
    shards: list[dict[str, Any]] = []
    size = 0
    for host in hosts:
        same_dump = bool(shards) and shards[-1]["dump"] == host["dump"]
        if not same_dump or size >= shard_bytes:
            number = shards[-1]["shard"] + 1 if same_dump else 0
            first = {"dump": host["dump"], "shard": number, "first_host": host["host"], "rows": 0}
            shards.append(first)
            size = 0
        shards[-1]["last_host"] = host["host"]
        shards[-1]["rows"] += host["rows_sum"]
        size += host["bytes_sum"]
    return shards


def read_plan(path: Path) -> list[dict[str, Any]]:
    """Return the planned shards: dump, shard, first and last host, rows."""
    rows: list[dict[str, Any]] = read_table(path).to_pylist()
    return rows


def write_shard(attempt: Attempt, job: ShardJob) -> dict[str, Any]:
    """Gather the hosts of one shard from all settled files, sorted by host, then URL.

    No file, where all of its pages were taken down since it was planned.
    """
    wanted = [
        ("dump", "=", job.dump),
        ("host", ">=", job.first_host),
        ("host", "<=", job.last_host),
    ]
    # One host may have more text than the offsets of a plain string column can count.
    parts = (_with_large_text(pq.read_table(opened(path), filters=wanted)) for path in job.sources)
    table = pa.concat_tables([_with_large_text(SETTLED.empty_table()), *parts])
    if not table.num_rows:
        return {"rows": 0}
    keys = ["host", "url", "file_path", "record"]
    order = pc.sort_indices(table.select(keys), sort_keys=[(key, "ascending") for key in keys])
    options: dict[str, Any] = {"use_content_defined_chunking": CHUNKING}
    final = f"dataset/data/{job.name}.parquet"
    with TableWriter(attempt, final, DATASET, **options) as writer:
        for rows in _slices(table, order):
            writer.add_table(rows)
    return {"rows": table.num_rows}


def _with_large_text(table: pa.Table) -> pa.Table:
    index = table.schema.get_field_index("text")
    return table.set_column(index, "text", table["text"].cast(pa.large_string()))


def _slices(table: pa.Table, order: pa.Array) -> Iterator[pa.Table]:
    """Yield the rows in order, about `_SLICE_BYTES` of text at a time."""
    sizes = pc.binary_length(table["text"]).combine_chunks().take(order).to_numpy()
    ends = np.flatnonzero(np.diff(np.cumsum(sizes) // _SLICE_BYTES)) + 1
    bounds = [0, *ends.tolist(), table.num_rows]
    for start, end in pairwise(bounds):
        yield table.take(order.slice(start, end - start))
