"""One measurement in a process of its own: `python -m tests.bench.scale.sides JOB.json`.

Timed is what lies between curation's files and labels: here runs, edges, forests, components
and labels; there the bucket stage for each bucket and the cluster stage, without cluster ids.
Their files are of signatures, ours of band keys: what it takes to make those of signatures is
timed where they are written. Making up signatures, writing files and starting are not timed.
"""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from pipelines.dedup.kinds import KeyMaker, KeysOfGroup, keys_of_group
from pipelines.dedup.numbers import document_number
from pipelines.dedup.pages import Group, Pages
from pipelines.dedup.parts import Part, Source
from pipelines.events import silent
from pipelines.execute import InlineEngine, open_engine
from pipelines.recipe.model import Recipe
from pipelines.stages.clustering import Clustering, Clusters, cluster, parts_of
from pipelines.stages.context import RunContext
from pipelines.storage import Commit, digest
from pipelines.tables import read_table
from pipelines.timing import peak_memory
from tests.bench.scale.signatures import HASHER, write_ours, write_theirs

_GROUP_FILES = 10
_DUMPS = 10
_WARM_DOCUMENTS = 20_000


@dataclass(frozen=True, slots=True)
class Job:
    """What one process is to do."""

    side: Literal["cuvee", "datatrove", "make cuvee", "make datatrove"]
    folder: str
    """Where the files of band keys or signatures are, or shall be."""
    scratch: str
    documents: int
    way: Literal["auto", "memory", "rounds"] = "auto"
    memory: int = 2 << 30
    workers: int | None = None
    """Ray workers; None is this process."""
    adds: bool = False
    """Whether only the last tenth of the documents is clustered, against the others' run."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a side needed."""

    documents: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """The largest of all tasks' peaks."""
    written_bytes: int = 0
    shuffled_bytes: int = 0
    """What one stage writes and another reads."""
    clusters: int = 0
    members: int = 0
    """Documents in clusters of two and more."""
    largest: int = 0
    labels: str = ""
    """Digest of every document's cluster; equal where the clusters are."""
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    """By stage: units, CPU seconds, largest peak, rows and bytes written."""


def sources(folder: Path) -> list[Source]:
    """Return groups of files of band keys, as deduplication gets them from curation."""
    maker = KeyMaker("minhash", HASHER)
    paths = sorted(folder.glob("*.parquet"))
    groups = []
    for number, start in enumerate(range(0, len(paths), _GROUP_FILES)):
        pages = tuple(
            Pages(path.stem, int(path.stem), "local", path, path, path)
            for path in paths[start : start + _GROUP_FILES]
        )
        group = Group(f"{number:05d}", pages, {"bands": f"{folder} {number}"})
        groups.append(Source(group.unit, KeysOfGroup(group, maker), maker.content(group)))
    return groups


def measure_ours(job: Job) -> Measured:
    """Cluster the files with Cuvée's stages."""
    scratch = Path(job.scratch)
    write_ours(scratch / "warm", _WARM_DOCUMENTS)
    with ExitStack() as stack:
        engine: Any = InlineEngine()
        if job.workers:
            engine = stack.enter_context(
                open_engine("ray", workers=job.workers, address=None, memory=None)
            )
        options = Clustering(keys_of_group, way=job.way, memory=job.memory)
        _timed(scratch / "first", engine, sources(scratch / "warm"), options)
        groups = sources(Path(job.folder))
        if job.adds:
            new = max(len(groups) // _DUMPS, 1)
            options = replace(options, earlier=_earlier(scratch, engine, groups[:-new], options))
            groups = groups[-new:]
        run, found, wall, cpu = _timed(scratch / "timed", engine, groups, options)
    stages = {stage: list(units.values()) for stage, units in run.commits.items()}
    commits = [commit for units in stages.values() for commit in units]
    if job.workers:  # what the driver spent, and every unit in its worker
        cpu += sum(commit.cpu_seconds for commit in commits)
    written = {stage: _bytes(units) for stage, units in stages.items()}
    labels = [_labels(part.path) for part in found.labels.values()]
    return Measured(
        documents=job.documents,
        wall_seconds=wall,
        cpu_seconds=cpu,
        peak_bytes=max(commit.peak_bytes for commit in commits),
        written_bytes=sum(written.values()),
        shuffled_bytes=sum(written.values()) - written["labels_minhash"],
        clusters=found.clusters,
        members=found.documents,
        largest=found.largest[1],
        labels=_digest(np.concatenate(labels)),
        stages={stage: _facts(units) for stage, units in stages.items()},
    )


def _timed(
    root: Path, engine: Any, groups: Sequence[Source], options: Clustering
) -> tuple[RunContext, Clusters, float, float]:
    """Cluster in a new folder; return wall and CPU seconds of this process too."""
    root.mkdir()
    # Clustering looks at no recipe but for how many units may fail: none here.
    run = RunContext(cast("Recipe", None), root, [], {}, None, engine, silent)
    wall, cpu = time.perf_counter(), time.process_time()
    found = cluster(run, "minhash", groups, options=options)
    return run, found, time.perf_counter() - wall, time.process_time() - cpu


def _earlier(
    scratch: Path, engine: Any, groups: Sequence[Source], options: Clustering
) -> list[Part]:
    """Return the keys of an earlier run, its documents before all others."""
    run, *_ = _timed(scratch / "earlier", engine, groups, options)
    keys = parts_of(run, "runs_minhash", "keys")
    return [replace(part, shift=-(1 << 63)) for part in keys]


def _bytes(units: list[Commit]) -> int:
    return sum(item.bytes for commit in units for item in commit.files)


def _facts(units: list[Commit]) -> dict[str, float]:
    return {
        "units": len(units),
        "cpu_seconds": sum(commit.cpu_seconds for commit in units),
        "peak_bytes": max(commit.peak_bytes for commit in units),
        "rows": sum(item.rows for commit in units for item in commit.files),
        "bytes": _bytes(units),
    }


def _labels(path: Path) -> npt.NDArray[np.int64]:
    table = read_table(path, ["doc", "cluster"])
    return np.stack([table["doc"].to_numpy(), table["cluster"].to_numpy()], axis=1)


def _digest(labels: npt.NDArray[np.int64]) -> str:
    return digest(labels[np.argsort(labels[:, 0])].tobytes().hex())


def measure_theirs(job: Job) -> Measured:
    """Cluster the files with datatrove's stages; then once more, untimed, with cluster ids."""
    from datatrove.pipeline.dedup import MinhashDedupCluster
    from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets
    from datatrove.utils.logging import logger

    from tests.bench.theirs import minhash_config

    logger.remove()
    config, scratch = minhash_config(), Path(job.scratch)
    wall, cpu = time.perf_counter(), time.process_time()
    for rank in range(HASHER.bands):
        MinhashDedupBuckets(job.folder, str(scratch / "buckets"), config=config).run(
            None, rank, HASHER.bands
        )
    buckets = {"buckets": {"cpu_seconds": time.process_time() - cpu}}
    MinhashDedupCluster(str(scratch / "buckets"), str(scratch / "remove"), config).run(None, 0, 1)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_memory()
    written = sum(path.stat().st_size for path in scratch.rglob("*") if path.is_file())
    MinhashDedupCluster(
        str(scratch / "buckets"), str(scratch / "ids"), config, save_cluster_id=True
    ).run(None, 0, 1)
    labels = _their_labels(scratch / "ids")
    _, sizes = np.unique(labels[:, 1], return_counts=True)
    return Measured(
        job.documents, wall, cpu, peak, written, clusters=len(sizes), members=len(labels),
        largest=int(sizes.max()), labels=_digest(labels), stages=buckets,
    )  # fmt: skip


def _their_labels(folder: Path) -> npt.NDArray[np.int64]:
    """Return every document with the smallest of its cluster, shape (n, 2)."""
    parts = []
    for path in sorted(folder.glob("*.clusters")):
        rows = np.fromfile(path, dtype="<u4").reshape(-1, 2).astype(np.int64)
        docs = document_number(int(path.stem), rows[:, 0])
        parts.append(np.stack([docs, rows[:, 1]], axis=1))
    labels = np.concatenate(parts)
    labels = labels[np.argsort(labels[:, 0])]
    _, first, cluster_of = np.unique(labels[:, 1], return_index=True, return_inverse=True)
    labels[:, 1] = labels[first[cluster_of], 0]
    return labels


def main() -> None:
    """Do what the file of a job says; leave the result beside it."""
    path = Path(sys.argv[1])
    job = Job(**json.loads(path.read_text()))
    if job.side == "make cuvee":
        seconds = write_ours(Path(job.folder), job.documents)
        path.with_suffix(".out").write_text(json.dumps(seconds))
    elif job.side == "make datatrove":
        write_theirs(Path(job.folder), job.documents)
    else:
        measure = measure_ours if job.side == "cuvee" else measure_theirs
        path.with_suffix(".out").write_text(json.dumps(asdict(measure(job))))


if __name__ == "__main__":
    main()
