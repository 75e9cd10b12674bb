"""A run's dataset as JSON lines with the fields of other datasets.

One file (of each kind) a shard, written whole or not at all; what was done is in commit records
until all is, so the same call goes on where another was interrupted. The same dataset gives the
same bytes: lines in the shards' order, packed by one thread, without names and times in the heads.
"""

import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import pyarrow.parquet as pq
import zstandard

from filters.errors import UsageError, nearest
from pipelines.bucket.path import S3Path
from pipelines.driver import Driver
from pipelines.events import Observer
from pipelines.execute import Engine, InlineEngine, Task
from pipelines.export.record import RECORD, finished
from pipelines.export.styles import STYLES, Origin
from pipelines.files import empty_work, plain_errors, remove_unnamed, write_whole
from pipelines.hold import held
from pipelines.leftovers import remove_temporaries
from pipelines.manifest import load_manifest, run_files
from pipelines.storage import Attempt, CommittedFile, digest
from pipelines.tables import opened

_STAGE = "export"
_VERSION = 1
"""Grows whenever another version may write other bytes for the same rows."""
_SHARDS = "dataset/data/"
_BATCH_ROWS = 64
_BUFFER = 8 << 20  # of each column, instead of a row group's whole column
_GZIP_LEVEL, _ZSTD_LEVEL = 6, 3


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds."""

    style: str
    files: tuple[CommittedFile, ...]
    """Every file, relative to the output folder."""
    rows: int
    """Documents."""
    bytes: int
    did_work: bool
    """False when all of it was there before."""


@dataclass(frozen=True, slots=True)
class _ShardJob:
    """One shard to be written."""

    shard: Path
    style: str
    source: str
    file: str
    number: int
    count: int


def export_lines(
    run: Path,
    output: Path,
    style: str,
    *,
    source: str | None = None,
    engine: Engine | None = None,
    observer: Observer = lambda _: None,
) -> Exported:
    """Write a finished run's dataset into the folder `output`, a folder or on S3.

    `style` is one of `STYLES`: pile, dolma, redpajama2, c4; `cuvee export --format` takes the same
    names. `source` is what The Pile and Dolma call where a document comes from; by default
    the recipe's name. Every file is listed in `export.json`, which comes last. In memory are a few
    rows at a time, never more than a row group of a shard (about 100 MB). `engine` works on
    several shards at a time; without one they are written one after another, here.

    Raises UsageError for another style, a run that has not finished, and an output folder that
    holds something else; WorkError where it cannot be written.
    """
    if style not in STYLES:
        close = nearest(style, STYLES)
        hint = f"Did you mean '{close}'?  " if close else ""
        raise UsageError(f"there is no format '{style}'.\n  {hint}Known: {', '.join(STYLES)}.")
    manifest = load_manifest(run)
    shards = [item for item in run_files(run, manifest) if item["path"].startswith(_SHARDS)]
    source = source or str(manifest["recipe"]["name"])
    content = [[item["path"], item["sha256"]] for item in shards]
    fingerprint = digest([_VERSION, style, source, content])
    with plain_errors(output):
        record = finished(output, fingerprint, f"commits/{_STAGE}")
        if record is not None:
            return _exported(style, record, did_work=False)
        output.mkdir(parents=True, exist_ok=True)
        with held(output) as still_ours:
            jobs = _jobs(run, shards, style, source)
            files = _write(output, jobs, fingerprint, engine or InlineEngine(), observer)
            still_ours()
            record = _record(fingerprint, style, source, files)
            write_whole(output / RECORD, json.dumps(record, indent=1).encode())
            _remove_traces(output)
    return _exported(style, record, did_work=True)


def _remove_traces(output: Path) -> None:
    """Leave nothing beside the files and their record: what reads a folder reads all in it."""
    for name in ("commits", "work"):
        remove_unnamed(output, (name,), set())
        if not isinstance(output, S3Path) and (output / name).is_dir():
            (output / name).rmdir()


def _jobs(
    run: Path, shards: Sequence[Mapping[str, Any]], style: str, source: str
) -> list[tuple[str, _ShardJob]]:
    """Return each shard's sha256 and job, in the shards' order."""
    return [
        (
            item["sha256"],
            _ShardJob(
                shard=run / item["path"],
                style=style,
                source=source,
                file=item["path"].removeprefix(_SHARDS).removesuffix(".parquet"),
                number=number,
                count=len(shards),
            ),
        )
        for number, item in enumerate(shards)
    ]


def _write(
    output: Path,
    jobs: Sequence[tuple[str, _ShardJob]],
    fingerprint: str,
    engine: Engine,
    observer: Observer,
) -> list[CommittedFile]:
    """Write what is not there yet; return all files in order, those of each kind together."""
    empty_work(output)
    remove_temporaries(output)
    tasks = [
        Task(
            _STAGE,
            f"{job.number:06d}",
            digest([fingerprint, sha256, job.file]),
            write_shard,
            job,
            label=job.file,
        )
        for sha256, job in jobs
    ]
    done = Driver(output, engine, observer).run(_STAGE, tasks)
    files = [item for commit in done.values() for item in commit.files]
    kinds = len(STYLES[jobs[0][1].style].kinds) if jobs else 1
    return [item for kind in range(kinds) for item in files[kind::kinds]]


def write_shard(attempt: Attempt, job: _ShardJob) -> dict[str, Any]:
    """Write the files of one shard (the unit of this stage); returns its rows."""
    style = STYLES[job.style]
    names = [
        kind.name.format(file=job.file, number=job.number, count=job.count) for kind in style.kinds
    ]
    rows = 0
    with ExitStack() as stack:
        streams = [
            stack.enter_context(_Packed(attempt.path(name), style.packing)) for name in names
        ]
        for row in _rows(job.shard):
            origin = Origin(job.source, job.file, rows)
            for kind, stream in zip(style.kinds, streams, strict=True):
                line = json.dumps(kind.line(row, origin), ensure_ascii=False, allow_nan=False)
                stream.write(line.encode() + b"\n")
            rows += 1
    for name in names:
        attempt.add(name, rows)
    return {"rows": rows}


def _rows(shard: Path) -> Iterator[dict[str, Any]]:
    file = pq.ParquetFile(opened(shard), buffer_size=_BUFFER, pre_buffer=False)
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
        yield from batch.to_pylist()


class _Packed(ExitStack):
    """A file under way, packed; the same bytes give the same file."""

    def __init__(self, path: Path, packing: Literal["gz", "zst"]) -> None:
        super().__init__()
        raw = self.enter_context(path.open("wb"))
        packer: Any
        if packing == "gz":
            packer = gzip.GzipFile("", "wb", _GZIP_LEVEL, cast("BinaryIO", raw), mtime=0)
        else:
            packer = zstandard.ZstdCompressor(_ZSTD_LEVEL, write_checksum=True).stream_writer(
                raw, closefd=False
            )
        # Either packs small writes slowly.
        self._stream = self.enter_context(io.BufferedWriter(packer, 1 << 20))

    def write(self, data: bytes) -> None:
        """Add to the file."""
        self._stream.write(data)


def _record(
    fingerprint: str, style: str, source: str, files: Sequence[CommittedFile]
) -> dict[str, Any]:
    kinds = len(STYLES[style].kinds)
    return {
        "fingerprint": fingerprint,
        "format": style,
        "source": source,
        "documents": sum(item.rows for item in files) // kinds,
        "files": [asdict(item) for item in files],
    }


def _exported(style: str, record: Mapping[str, Any], *, did_work: bool) -> Exported:
    files = tuple(CommittedFile(**item) for item in record["files"])
    return Exported(
        style, files, int(record["documents"]), sum(item.bytes for item in files), did_work
    )
