"""The stages that join documents which share a key into clusters (`pipelines.dedup`).

`cluster` goes from keys to labels. `join` is its second half, for pairs that come from
elsewhere. Where all documents of clusters fit the memory of one task, a union-find joins them;
else star rounds do. The labels are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pipelines.dedup.edges import EdgesJob, find_edges
from pipelines.dedup.forest import ForestJob, write_forest
from pipelines.dedup.labels import (
    ComponentsJob,
    LabelsJob,
    add_counts,
    join_components,
    write_labels,
)
from pipelines.dedup.parts import Budget, KeysOf, Part, Source
from pipelines.dedup.runs import RunJob, write_run
from pipelines.execute import Task
from pipelines.stages.context import RunContext
from pipelines.stages.rounds import members_by_rounds
from pipelines.storage import Commit

MEMORY = 2 << 30
"""Bytes for a task where a recipe says nothing."""
Way: TypeAlias = Literal["auto", "memory", "rounds"]

_FAN_IN = 16
"""Files of edges that one task makes a forest of: enough to shrink, few enough to share out."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """How to cluster; only `keys`, `facts` and `earlier` change what comes out."""

    keys: KeysOf
    facts: Any = None
    """Plain data that the keys depend on besides the sources: the kind's settings and versions."""
    way: Way = "auto"
    memory: int = MEMORY
    """Bytes that a task may need."""
    earlier: Sequence[Part] = ()
    """Run files of earlier releases, shifted so that their documents come first."""


@dataclass(frozen=True, slots=True)
class Group:
    """A source whose keys have been read."""

    unit: str
    documents: int
    """Those that have a key."""
    first: int | None
    """The first of them; None without any."""
    run: Part


@dataclass(frozen=True, slots=True)
class Clusters:
    """What was found."""

    groups: Sequence[Group]
    labels: Mapping[str, Part]
    """By source: LABELS of its documents that are in a cluster of two and more, ascending."""
    clusters: int
    documents: int
    """Documents in clusters of two and more."""
    largest: tuple[int, int]
    """Smallest document of the largest cluster and its size; (0, 0) without clusters."""
    histogram: Mapping[int, int]
    """Clusters by size: of that size or more, and fewer than twice as much; 2, 4, 8, …"""


def cluster(
    run: RunContext, kind: str, sources: Sequence[Source], *, options: Clustering
) -> Clusters:
    """Join the documents of all sources that share a key, directly or through others.

    `kind` ends the names of the stages. WorkError as of `RunContext.do`.
    """
    budget = Budget(options.memory)
    groups = _write_runs(run, kind, sources, options)
    edges = _find_edges(run, kind, groups, options, budget)
    pairs = parts_of(run, f"runs_{kind}", "pairs")
    return join(run, kind, [*pairs, *edges], groups, way=options.way, memory=options.memory)


def join(
    run: RunContext,
    kind: str,
    pairs: Sequence[Part],
    groups: Sequence[Group],
    *,
    way: Way = "auto",
    memory: int = MEMORY,
) -> Clusters:
    """Join documents that are connected by pairs (EDGES), and write labels by group."""
    budget = Budget(memory)
    starts = tuple(group.first for group in groups if group.first is not None)
    forests = _merge(run, kind, pairs, way, budget)
    if _fits(forests, way, budget):
        members = _join_in_memory(run, kind, forests, starts, budget)
    else:
        members = members_by_rounds(run, kind, forests, starts, budget, _documents(forests))
    labels = _write_labels(run, kind, groups, members)
    histogram, largest = add_counts([commit.facts for commit in members.values()])
    documents = sum(part.rows for part in labels.values())
    return Clusters(groups, labels, sum(histogram.values()), documents, largest, histogram)


def parts_of(run: RunContext, stage: str, folder: str = "") -> list[Part]:
    """Return the files of a stage that have rows; those in one of its folders, if it has some."""
    within = f"stages/{stage}/{folder}"
    return [
        Part(run.root / item.path, item.sha256, item.rows)
        for commit in run.commits[stage].values()
        for item in commit.files
        if item.path.startswith(within) and item.rows
    ]


def _write_runs(
    run: RunContext, kind: str, sources: Sequence[Source], options: Clustering
) -> list[Group]:
    stage = f"runs_{kind}"
    budget = Budget(options.memory)
    tasks = []
    for source in sources:
        job = RunJob(source.unit, f"stages/{stage}", options.keys, source.argument, budget)
        # How a run is cut into batches is the budget's, what it says is not.
        fingerprint = run.fingerprint(stage, source.content, options.facts)
        tasks.append(Task(stage, source.unit, fingerprint, write_run, job))
    done = run.do(stage, tasks)
    return [_group(run, stage, source.unit, done[source.unit]) for source in sources]


def _group(run: RunContext, stage: str, unit: str, commit: Commit) -> Group:
    keys = commit.file(f"stages/{stage}/keys")
    part = Part(run.root / keys.path, keys.sha256, keys.rows)
    return Group(unit, commit.facts["documents"], commit.facts["first"], part)


def _find_edges(
    run: RunContext, kind: str, groups: Sequence[Group], options: Clustering, budget: Budget
) -> list[Part]:
    """Find pairs by key; each task takes an equal range of keys."""
    stage = f"edges_{kind}"
    runs = [group.run for group in groups if group.run.rows]
    rows = sum(part.rows for part in runs)
    bits = max(-(-rows // budget.rows) - 1, 0).bit_length()
    content = [[part.content, part.shift] for part in (*runs, *options.earlier)]
    tasks = []
    for partition in range(1 << bits):
        job = EdgesJob(
            unit=f"{partition:05d}",
            folder=f"stages/{stage}",
            partition=partition,
            bits=bits,
            runs=tuple(part.path for part in runs),
            earlier=tuple(options.earlier),
            budget=budget,
        )
        fingerprint = run.fingerprint(stage, content, partition, bits)
        tasks.append(Task(stage, job.unit, fingerprint, find_edges, job))
    run.do(stage, tasks)
    return parts_of(run, stage)


def _documents(parts: Sequence[Part]) -> int:
    """Return how many documents the edges name at most: a forest has two for each edge."""
    return 2 * sum(part.rows for part in parts)


def _fits(parts: Sequence[Part], way: Way, budget: Budget) -> bool:
    """Return whether one union-find is to join what these files name."""
    return way == "memory" or (way == "auto" and _documents(parts) <= budget.nodes)


def _merge(
    run: RunContext, kind: str, parts: Sequence[Part], way: Way, budget: Budget
) -> list[Part]:
    """Merge edge files into forests, level by level: until one union-find can do the rest.

    Many files are merged once all the same, as that is shared out among tasks, and most pairs
    are in several files. A further level would only do what the union-find does once more.
    """
    forests = list(parts)
    most = None if way == "memory" else budget.nodes
    level = 0
    while not (_fits(forests, way, budget) and (level or len(forests) <= _FAN_IN)):
        batches = _batches(forests, most)
        if len(batches) == len(forests):
            break
        level += 1
        stage = f"forests_{kind}_{level}"
        tasks = []
        for number, batch in enumerate(batches):
            paths = tuple(part.path for part in batch)
            job = ForestJob(f"{number:05d}", f"stages/{stage}", paths, budget)
            fingerprint = run.fingerprint(stage, [part.content for part in batch])
            tasks.append(Task(stage, job.unit, fingerprint, write_forest, job))
        run.do(stage, tasks)
        forests = parts_of(run, stage)
    return forests


def _batches(parts: Sequence[Part], most: int | None) -> list[list[Part]]:
    """Put files together, in order, of which all documents fit."""
    batches: list[list[Part]] = []
    for part in parts:
        last = batches[-1] if batches else []
        fits = most is None or _documents([*last, part]) <= most
        if last and len(last) < _FAN_IN and fits:
            last.append(part)
        else:
            batches.append([part])
    return batches


def _join_in_memory(
    run: RunContext, kind: str, forests: Sequence[Part], starts: tuple[int, ...], budget: Budget
) -> Mapping[str, Commit]:
    stage = f"components_{kind}"
    paths = tuple(part.path for part in forests)
    job = ComponentsJob(f"stages/{stage}", paths, starts, budget)
    fingerprint = run.fingerprint(stage, [part.content for part in forests], starts)
    return run.do(stage, [Task(stage, "all", fingerprint, join_components, job)])


def _write_labels(
    run: RunContext, kind: str, groups: Sequence[Group], members: Mapping[str, Commit]
) -> dict[str, Part]:
    """Give every group the labels of its own documents."""
    stage = f"labels_{kind}"
    content = [commit.content for commit in members.values()]
    paths = tuple(run.root / item.path for commit in members.values() for item in commit.files)
    filled = [group.unit for group in groups if group.first is not None]
    tasks = []
    for group in groups:
        number = filled.index(group.unit) if group.first is not None else len(filled)
        job = LabelsJob(group.unit, f"stages/{stage}", number, paths)
        fingerprint = run.fingerprint(stage, content, number)
        tasks.append(Task(stage, group.unit, fingerprint, write_labels, job))
    done = run.do(stage, tasks)
    return {
        unit: Part(run.root / item.path, item.sha256, item.rows)
        for unit, commit in done.items()
        for item in commit.files
    }
