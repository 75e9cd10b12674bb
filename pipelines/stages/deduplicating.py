"""The stages of deduplication: runs, repeats, edges, components (`pipelines.dedup`)."""

from pathlib import Path

from pipelines import dedup
from pipelines.curator import curator_for
from pipelines.execute import Task, Work
from pipelines.stages.context import RunContext
from pipelines.storage import Commit

_GROUP = 50  # curated files whose keys go into one run file
_PARTITION_DOCUMENTS = 1_000_000
_CANDIDATES, _SIGNATURES = "stages/curate/candidates", "stages/curate/signatures"
_IDS, _BANDS = "stages/runs/ids", "stages/runs/bands"


def deduplicate(run: RunContext) -> None:
    """Find repeated records, and near-duplicates where the recipe asks for it."""
    documents = sum(commit.facts["kept"] for commit in run.commits["curate"].values())
    partitions = documents // _PARTITION_DOCUMENTS + 1
    run.do("runs", _run_tasks(run, partitions))
    run.do("repeats", _partition_tasks(run, "repeats", dedup.find_repeats, _IDS, partitions))
    if run.recipe.dedup is None:
        return
    repeats = run.paths("repeats", "stages/repeats")
    edges = _partition_tasks(run, "edges", dedup.find_edges, _BANDS, partitions, repeats)
    run.do("edges", edges)
    fingerprint = run.fingerprint("components", run.contents("edges"))
    job = dedup.ComponentsJob(run.paths("edges", "stages/edges"))
    run.do("components", [Task("components", "all", fingerprint, dedup.join_components, job)])


def labels(run: RunContext) -> list[str]:
    """Return the digests of what deduplication found."""
    return [*run.contents("repeats"), *run.contents("components")]


def _run_tasks(run: RunContext, partitions: int) -> list[Task]:
    hasher = curator_for(run.recipe).minhasher
    curated = run.commits["curate"]
    done = [(file.ordinal, curated[file.unit]) for file in run.files if file.unit in curated]

    def tables(group: list[tuple[int, Commit]], folder: str) -> tuple[tuple[int, Path], ...]:
        return tuple((ordinal, run.path(commit, folder)) for ordinal, commit in group)

    tasks = []
    for number, start in enumerate(range(0, len(done), _GROUP)):
        group = done[start : start + _GROUP]
        job = dedup.RunsJob(
            unit=f"{number:05d}",
            candidates=tables(group, _CANDIDATES),
            signatures=tables(group, _SIGNATURES) if hasher else (),
            hasher=hasher,
            partitions=partitions,
        )
        content = [
            [ordinal, commit.content_of(_CANDIDATES, _SIGNATURES)] for ordinal, commit in group
        ]
        fingerprint = run.fingerprint("runs", content, partitions)
        tasks.append(Task("runs", job.unit, fingerprint, dedup.write_runs, job))
    return tasks


def _partition_tasks(
    run: RunContext,
    stage: str,
    work: Work,
    keys: str,
    partitions: int,
    repeats: tuple[Path, ...] = (),
) -> list[Task]:
    """Return a task per partition; each reads its part of every run file, and all of `repeats`."""
    content = run.contents("runs", keys) + (run.contents("repeats") if repeats else [])
    tasks = []
    for partition in range(partitions):
        job = dedup.PartitionJob(f"{partition:05d}", partition, run.paths("runs", keys), repeats)
        fingerprint = run.fingerprint(stage, content, partition)
        tasks.append(Task(stage, job.unit, fingerprint, work, job))
    return tasks
