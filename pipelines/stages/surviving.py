"""The stages that say which page of each cluster stays (`pipelines.dedup.survivors`)."""

from collections.abc import Sequence
from typing import Any

from pipelines.dedup.pages import Group
from pipelines.dedup.parts import Part
from pipelines.dedup.survivors import (
    SurvivorsJob,
    ValuesJob,
    VerdictsJob,
    find_survivors,
    write_values,
    write_verdicts,
)
from pipelines.execute import Task, Work
from pipelines.recipe.kinds import Keep
from pipelines.stages.clustering import Clusters
from pipelines.stages.context import RunContext

_PARTITION_MEMBERS = 5_000_000  # members of clusters whose survivors one task chooses
_READ = {"longest": ("candidates",), "newest": ("ledger",), "highest": ("ledger",)}


def verdicts(
    run: RunContext, kind: str, keep: Keep, groups: Sequence[Group], clusters: Clusters
) -> list[Part]:
    """Return for each group the members of clusters with who has left.

    Where the first page stays, the labels say it already.
    """
    labels = clusters.labels
    if keep.policy == "first":
        return [labels[group.unit] for group in groups]
    bits = (clusters.documents // _PARTITION_MEMBERS).bit_length()
    tasks = []
    for group in groups:
        job = ValuesJob(group, kind, labels[group.unit].path, keep, bits)
        facts: list[Any] = [keep.plain(), bits, labels[group.unit].content]
        read = group.content(*_READ[keep.policy])
        tasks.append(_task(run, "values", kind, group.unit, [read, facts], write_values, job))
    run.do(f"values_{kind}", tasks)
    _find_survivors(run, kind, 1 << bits)
    survivors = run.paths(f"survivors_{kind}", f"stages/survivors_{kind}")
    content = run.contents(f"survivors_{kind}")
    tasks = []
    for group in groups:
        mine = labels[group.unit]
        chosen = VerdictsJob(group.unit, kind, mine.path, survivors)
        facts = [mine.content, content]
        tasks.append(_task(run, "verdicts", kind, group.unit, facts, write_verdicts, chosen))
    done = run.do(f"verdicts_{kind}", tasks)
    return [run.part(done[group.unit], f"stages/verdicts_{kind}") for group in groups]


def _find_survivors(run: RunContext, kind: str, partitions: int) -> None:
    stage = f"values_{kind}"
    values, content = run.paths(stage, f"stages/{stage}"), run.contents(stage)
    tasks = []
    for partition in range(partitions):
        job = SurvivorsJob(f"{partition:05d}", kind, partition, values)
        facts = [content, partition]
        tasks.append(_task(run, "survivors", kind, job.unit, facts, find_survivors, job))
    run.do(f"survivors_{kind}", tasks)


def _task(
    run: RunContext, base: str, kind: str, unit: str, facts: list[Any], work: Work, job: Any
) -> Task:
    stage = f"{base}_{kind}"
    return Task(stage, unit, run.fingerprint(stage, *facts), work, job)
