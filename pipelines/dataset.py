"""The published shards: FineWeb's columns, each host's pages together.

Rows are range-partitioned by host over a dump, or over a dump's pages of one
language, with splitters computed from the sizes of all hosts, so that shards do
not depend on who wrote what when. A later release without some hosts then shares
most of its bytes with this one (content-defined chunking).

Many languages have little text, so a unit writes several shards of languages,
one after another, that have as much text together as one of a dump.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.layout import shard_name
from pipelines.ledger import FOLDER, dataset_schema, settled_schema
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

LANGUAGE_SHARDS = pa.schema([*SHARDS, pa.field("unit", pa.int64()), FOLDER])
"""Shards by language, and the unit of each dump that writes them."""

# The setting of `datasets` and datatrove: chunks of 256 KiB to 1 MiB.
CHUNKING = {"min_chunk_size": 256 * 1024, "max_chunk_size": 1024 * 1024, "norm_level": 0}
_SLICE_BYTES = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class PlanJob:
    """Sizes of all hosts, to be cut into shards."""

    hosts: tuple[Path, ...]
    shard_bytes: int
    by_language: bool = False


@dataclass(frozen=True, slots=True)
class ShardJob:
    """A range of hosts of one dump, or of its pages in one language."""

    dump: str
    shard: int
    first_host: str
    last_host: str
    sources: tuple[Path, ...]
    language: str = ""
    licence: bool = False
    """Whether rows say which licence their pages name."""

    @property
    def name(self) -> str:
        """Path of the shard below `data/` without its ending."""
        return shard_name(self.dump, self.shard, self.language)


@dataclass(frozen=True, slots=True)
class LanguagesJob:
    """Shards of several languages of one dump that follow each other."""

    shards: tuple[ShardJob, ...]


def plan_shards(attempt: Attempt, job: PlanJob) -> dict[str, Any]:
    """Cut the hosts of each dump, or language, in order into ranges of `shard_bytes` of text."""
    hosts = read_hosts(job.hosts, by_language=job.by_language).to_pylist()
    shards = _cut(hosts, job.shard_bytes)
    schema = LANGUAGE_SHARDS if job.by_language else SHARDS
    with TableWriter(attempt, "stages/plan/shards.parquet", schema) as writer:
        for shard in _in_units(shards, job.shard_bytes) if job.by_language else shards:
            writer.add({name: shard[name] for name in schema.names})
    return {"shards": writer.rows}


def _cut(hosts: list[dict[str, Any]], shard_bytes: int) -> list[dict[str, Any]]:
    """Return shards; a host is never split, so one host may exceed a shard's size."""
    shards: list[dict[str, Any]] = []
    of: tuple[str, str] | None = None
    for host in hosts:
        same = of == (host["dump"], host.get("folder", ""))
        if not same or shards[-1]["bytes"] >= shard_bytes:
            number = shards[-1]["shard"] + 1 if same else 0
            of = host["dump"], host.get("folder", "")
            first = {"dump": of[0], "folder": of[1], "shard": number, "first_host": host["host"]}
            shards.append({**first, "rows": 0, "bytes": 0})
        shards[-1]["last_host"] = host["host"]
        shards[-1]["rows"] += host["rows_sum"]
        shards[-1]["bytes"] += host["bytes_sum"]
    return shards


def _in_units(shards: Sequence[Mapping[str, Any]], unit_bytes: int) -> Iterator[Mapping[str, Any]]:
    """Yield the shards with the numbers of their units, of `unit_bytes` unless one alone has more.

    The units of a dump are numbered; languages follow each other in order.
    """
    dump, unit, size = None, 0, 0
    for shard in shards:
        if shard["dump"] != dump:
            dump, unit, size = shard["dump"], 0, 0
        elif size + shard["bytes"] > unit_bytes:
            unit, size = unit + 1, 0
        size += shard["bytes"]
        yield {**shard, "unit": unit}


def read_plan(path: Path) -> list[dict[str, Any]]:
    """Return the planned shards: dump, shard, first and last host, rows.

    Of a dataset by language also the unit, and the folder of the language.
    """
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
    empty = settled_schema(licence=job.licence).empty_table()
    parts = [_with_large_text(empty), *_gather(job.sources, [wanted])]
    return {"rows": _write(attempt, job, pa.concat_tables(parts))}


def write_languages(attempt: Attempt, job: LanguagesJob) -> dict[str, Any]:
    """Write the shards of several languages, reading once what belongs to any of them.

    No more is in memory than for one shard of a dump; one file is open at a time. No file for a
    shard all of whose pages were taken down since it was planned.
    """
    first, last = job.shards[0], job.shards[-1]
    folders = _by_folder(_gather(first.sources, _between(first, last)))
    rows = 0
    for shard in job.shards:
        empty = settled_schema(by_language=True, licence=shard.licence).empty_table()
        table = pa.concat_tables([_with_large_text(empty), *folders.get(shard.language, ())])
        hosts = pc.field("host")
        its = table.filter((hosts >= shard.first_host) & (hosts <= shard.last_host))
        rows += _write(attempt, shard, its)
    return {"rows": rows}


def _by_folder(parts: Iterable[pa.Table]) -> dict[str, list[pa.Table]]:
    """Return the rows of each folder, as slices of tables in which they lie together."""
    found: dict[str, list[pa.Table]] = {}
    for part in parts:
        runs = pc.run_end_encode(part[FOLDER.name].combine_chunks())
        bounds = pairwise([0, *runs.run_ends.to_pylist()])
        for name, (start, end) in zip(runs.values.to_pylist(), bounds, strict=True):
            found.setdefault(name, []).append(part.slice(start, end - start))
    return found


def _between(first: ShardJob, last: ShardJob) -> list[list[tuple[str, str, str]]]:
    """Return filters for all that lies, by folder and host, from one shard to another."""
    dump, begin = ("dump", "=", first.dump), ("host", ">=", first.first_host)
    end = ("host", "<=", last.last_host)
    if first.language == last.language:
        return [[dump, ("folder", "=", first.language), begin, end]]
    return [
        [dump, ("folder", "=", first.language), begin],
        [dump, ("folder", ">", first.language), ("folder", "<", last.language)],
        [dump, ("folder", "=", last.language), end],
    ]


def _gather(
    sources: Sequence[Path], wanted: list[list[tuple[str, str, str]]]
) -> Iterator[pa.Table]:
    """Yield those rows of each settled file that fulfil all conditions of any list of them."""
    # One host may have more text than the offsets of a plain string column can count.
    return (_with_large_text(pq.read_table(opened(path), filters=wanted)) for path in sources)


def _write(attempt: Attempt, job: ShardJob, table: pa.Table) -> int:
    """Write one shard, sorted; return its rows. No file for no rows."""
    if not table.num_rows:
        return 0
    keys = ["host", "url", "file_path", "record"]
    order = pc.sort_indices(table.select(keys), sort_keys=[(key, "ascending") for key in keys])
    options: dict[str, Any] = {"use_content_defined_chunking": CHUNKING}
    final = f"dataset/data/{job.name}.parquet"
    schema = dataset_schema(licence=job.licence)
    with TableWriter(attempt, final, schema, **options) as writer:
        for rows in _slices(table, order):
            writer.add_table(rows)
    return int(table.num_rows)


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
