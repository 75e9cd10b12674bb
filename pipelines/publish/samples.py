"""Samples of a run's dataset, such as `sample-10MT`: ten million tokens, for a first look.

A document belongs to a sample by the hash of its id, so samples are nested: each is part
of every larger one, and the same document is in it wherever it is drawn.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from filters.errors import UsageError
from pipelines.dataset import CHUNKING, SHARD_BYTES
from pipelines.files import plain_errors
from pipelines.hold import held
from pipelines.ledger import LICENCE, dataset_schema
from pipelines.publish.content import Item, read_shards
from pipelines.storage import Attempt, Commit, CommitLog, CommittedFile, digest
from pipelines.tables import TableWriter, opened, read_table

STAGE = "samples"
_VERSION = 1
_SIZE = re.compile(r"(\d+)([KMBT])T?")
_UNITS = {"K": 1_000, "M": 1_000_000, "B": 1_000_000_000, "T": 1_000_000_000_000}
_BUCKETS = 1 << 20


def sample_name(size: str) -> tuple[str, int]:
    """Return name and tokens of a sample by its size, such as 10MT or 10M; UsageError else."""
    match = _SIZE.fullmatch(size.upper())
    if match is None or not int(match[1]):
        raise UsageError(
            f"--sample {size}: is no number of tokens.\n  For example: --sample 10MT, --sample 1BT"
        )
    return f"{int(match[1])}{match[2]}T", int(match[1]) * _UNITS[match[2]]


def draw_samples(root: Path, sizes: Sequence[str]) -> None:
    """Write the samples of these sizes beside the dataset, and those anew that are out of date.

    UsageError for a size that is none, that is not smaller than the dataset or that no
    document fits into. What is there and still holds stays as it is.
    """
    asked = dict(map(sample_name, sizes))
    log = CommitLog(root)
    wanted = {**dict(map(sample_name, log.commits(STAGE))), **asked}
    if not wanted:
        return
    with held(root), plain_errors(root):
        shards = read_shards(root)
        total = sum(item.tokens for item in shards)
        content = _content(shards)
        stale: dict[str, int] = {}
        for name, tokens in wanted.items():
            if tokens >= total:
                _give_up(log, name, total, asked)
            elif not _holds(log, log.get(STAGE, name), _fingerprint(content, name)):
                stale[name] = tokens
        for name, cutoff in (_cutoffs(shards, stale) if stale else {}).items():
            _write(root, name, shards, cutoff, _fingerprint(content, name))


def _give_up(log: CommitLog, name: str, total: int, asked: Mapping[str, int]) -> None:
    """Refuse a sample that the dataset is too small for; forget one that was drawn earlier."""
    if name in asked:
        raise UsageError(
            f"--sample {name}: the dataset itself has {total:,} tokens.\n  Choose a smaller sample."
        )
    if (commit := log.get(STAGE, name)) is not None:
        log.retract(commit)


def held_fingerprint(shards: Iterable[CommittedFile], name: str) -> str:
    """Return the fingerprint of a sample that holds for a run's shards, as records name them."""
    in_order = sorted(shards, key=lambda item: item.path)
    items = [Item(item.path.removeprefix("dataset/"), b"", 0, item.sha256) for item in in_order]
    return _fingerprint(_content(items), name)


def _content(shards: Iterable[Item]) -> str:
    return digest([[item.path, item.sha256] for item in shards])


def _fingerprint(content: str, name: str) -> str:
    return digest([_VERSION, content, name])


def _holds(log: CommitLog, commit: Commit | None, fingerprint: str) -> bool:
    return commit is not None and commit.fingerprint == fingerprint and log.is_whole(commit)


def _cutoffs(shards: Sequence[Item], wanted: Mapping[str, int]) -> dict[str, int]:
    """Return for each sample the bucket of hashes before which its documents have its tokens."""
    tokens = np.zeros(_BUCKETS, np.int64)
    for item in shards:
        table = read_table(_path(item), ["id", "token_count"])
        np.add.at(tokens, _buckets(table["id"]), table["token_count"].to_numpy())
    sums = np.cumsum(tokens)
    cutoffs = {}
    for name, size in wanted.items():
        cutoffs[name] = int(np.searchsorted(sums, size, side="right"))
        if not tokens[: cutoffs[name]].any():
            raise UsageError(
                f"--sample {name}: the first document has more tokens than that.\n"
                "  Choose a larger sample."
            )
    return cutoffs


def _buckets(ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the leading bits of the hash of each id."""
    points = (
        int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"sample").digest(), "big")
        for name in ids.to_pylist()
    )
    return np.fromiter((point * _BUCKETS >> 64 for point in points), np.int64, len(ids))


def _path(item: Item) -> Path:
    assert isinstance(item.source, Path)  # noqa: S101  shards are files
    return item.source


def _write(root: Path, name: str, shards: Sequence[Item], cutoff: int, fingerprint: str) -> None:
    log = CommitLog(root)
    if (stale := log.get(STAGE, name)) is not None:
        log.retract(stale)
    attempt = Attempt(root, STAGE, name)
    try:
        counts = []
        schema = _schema_of(shards)
        for number, tables in _in_shards(_rows(shards, cutoff)):
            final = f"dataset/sample/{name}/000_{number:05d}.parquet"
            counts.append(_write_shard(attempt, final, schema, tables))
        files = attempt.seal()
        attempt.place()
        log.publish(Commit(STAGE, name, fingerprint, files, {"tokens": counts}))
    finally:
        attempt.close()


def _rows(shards: Sequence[Item], cutoff: int) -> Iterator[pa.Table]:
    """Yield a sample's rows in the dataset's order, a row group's at a time."""
    for item in shards:
        file = pq.ParquetFile(opened(_path(item)))
        for group in range(file.num_row_groups):
            chosen = _buckets(file.read_row_group(group, columns=["id"])["id"]) < cutoff
            if chosen.any():
                yield file.read_row_group(group).filter(pa.array(chosen))


def _in_shards(tables: Iterator[pa.Table]) -> Iterator[tuple[int, Iterator[pa.Table]]]:
    """Yield numbers of shards, each with its tables as they are read."""
    for number, group in groupby(_numbered(tables), key=itemgetter(0)):
        yield number, (table for _, table in group)


def _numbered(tables: Iterator[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    size = 0
    for table in tables:
        yield size // SHARD_BYTES, table
        size += table.nbytes


def _schema_of(shards: Sequence[Item]) -> pa.Schema:
    """Return the columns of a dataset, which all of its shards have."""
    names = pq.read_schema(opened(_path(shards[0]))).names if shards else []
    return dataset_schema(licence=LICENCE.name in names)


def _write_shard(
    attempt: Attempt, final: str, schema: pa.Schema, tables: Iterator[pa.Table]
) -> int:
    """Write one shard; return its tokens."""
    tokens = 0
    options: dict[str, Any] = {"use_content_defined_chunking": CHUNKING}
    with TableWriter(attempt, final, schema, **options) as writer:
        for table in tables:
            writer.add_table(table)
            tokens += int(table["token_count"].to_numpy().sum())
    return tokens
