"""Which shards of a run hold pages: by the ranges of hosts that they were planned with."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dataset import read_plan
from pipelines.layout import shard_name
from pipelines.storage import CommitLog
from pipelines.takedown.find import Found
from pipelines.takedown.rewrite import among, rows_of


@dataclass(frozen=True, slots=True)
class Hit:
    """A shard that holds pages."""

    unit: str
    """That has written it, perhaps with shards of other languages."""
    path: str
    bytes: int
    """Of the file, as it is."""
    rows: int
    sizes: Mapping[str, int]
    """Bytes of text of the pages, by their id."""


def hit_shards(log: CommitLog, found: Found) -> Iterator[Hit]:
    """Yield the shards that hold pages; of the others that may, only the column of ids is read."""
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    for page in found.pages():
        hosts[page.row["dump"]].add(page.row["host"] or "")
    in_order = {dump: sorted(names) for dump, names in hosts.items()}
    ranges = _ranges(log)
    ids = found.ids()
    for unit, commit in log.commits("dataset").items():
        names = in_order.get(unit.partition("/")[0], [])
        if not names or not _may_hold(names, ranges.get(unit)):
            continue
        for item in commit.files:
            sizes = _sizes(log.root / item.path, ids)
            if sizes:
                yield Hit(unit, item.path, item.bytes, item.rows, sizes)


def _ranges(log: CommitLog) -> dict[str, list[tuple[str, str]]]:
    """Return first and last host of each shard of a unit; nothing where the plan is not there."""
    commit = log.get("plan", "all")
    if commit is None or not log.is_whole(commit):
        return {}
    found: dict[str, list[tuple[str, str]]] = {}
    for row in read_plan(log.root / commit.files[0].path):
        unit = shard_name(row["dump"], row.get("unit", row["shard"]))
        found.setdefault(unit, []).append((row["first_host"], row["last_host"]))
    return found


def _may_hold(names: list[str], ranges: Iterable[tuple[str, str]] | None) -> bool:
    if ranges is None:
        return True
    found = ((bisect_left(names, first), last) for first, last in ranges)
    return any(at < len(names) and names[at] <= last for at, last in found)


def _sizes(path: Path, ids: pa.Array) -> dict[str, int]:
    """Return the bytes of text of those pages that a shard holds, by their id."""
    gone = among("id", ids)
    if not rows_of(path, gone, ["id"]).num_rows:
        return {}
    rows = rows_of(path, gone, ["id", "text"])
    sizes = pc.binary_length(rows["text"]).to_pylist()
    return dict(zip(rows["id"].to_pylist(), sizes, strict=True))
