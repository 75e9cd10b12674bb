"""The stages that check candidate clusters by real similarity (`pipelines.dedup.verify`)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.dedup.kinds import KeyMaker
from pipelines.dedup.pages import Group
from pipelines.dedup.parts import Part
from pipelines.dedup.shingles import ShinglesJob, write_shingles
from pipelines.dedup.verify import VerifyJob, verify_edges
from pipelines.execute import Task
from pipelines.stages.clustering import Clusters, parts_of
from pipelines.stages.context import RunContext

_DOCUMENT_BYTES = 8 << 10
"""Shingles of a document, by which the number of partitions is chosen: those of a long page."""
_PARTITION_SHARE = 16
"""A partition is to take this part of a task's memory; what takes more is worked on in parts."""
_MOST_BITS = 10
"""Of the number of partitions: every task reads the list of partitions of every file."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks the clusters that keys alone make of these groups."""

    groups: Sequence[Group]
    maker: KeyMaker
    threshold: float
    """Least Jaccard similarity of a pair that is joined."""
    memory: int
    """Bytes that a task may need; no matter for what comes out."""

    def __call__(self, run: RunContext, kind: str, candidates: Clusters) -> list[Part]:
        """Return the pairs in candidate clusters that are really alike (EDGES)."""
        bytes_together = candidates.documents * _DOCUMENT_BYTES
        partitions = bytes_together * _PARTITION_SHARE // self.memory
        bits = min(partitions.bit_length(), _MOST_BITS)
        shingles, verify = f"shingles_{kind}", f"verify_{kind}"
        tasks = [self._shingles(run, shingles, candidates, group, bits) for group in self.groups]
        run.do(shingles, tasks)
        run.do(verify, [self._verify(run, verify, shingles, at) for at in range(1 << bits)])
        return parts_of(run, verify)

    def facts(self, run: RunContext, kind: str, candidates: Clusters) -> dict[str, Any]:
        """Return what was compared, for the manifest.

        `unplaced` are documents that share a key with more different ones than are compared.
        """
        counts: Counter[str] = Counter()
        for commit in run.commits[f"verify_{kind}"].values():
            counts.update(commit.facts)
        return {
            "verified": {
                "threshold": self.threshold,
                "candidates": candidates.documents,
                "compared_pairs": counts["compared"],
                "held_pairs": counts["edges"],
                "unplaced": counts["unplaced"],
            }
        }

    def _shingles(
        self, run: RunContext, stage: str, candidates: Clusters, group: Group, bits: int
    ) -> Task:
        hasher = self.maker.hasher
        assert hasher is not None  # noqa: S101  only near-duplicates are verified
        labels = candidates.labels[group.unit]
        job = ShinglesJob(f"stages/{stage}", group, labels.path, self.maker, hasher, bits)
        read = group.content("candidates", "bands")
        fingerprint = run.fingerprint(stage, read, labels.content, self.maker.identity, bits)
        return Task(stage, group.unit, fingerprint, write_shingles, job)

    def _verify(self, run: RunContext, stage: str, shingles: str, partition: int) -> Task:
        job = VerifyJob(
            unit=f"{partition:05d}",
            folder=f"stages/{stage}",
            partition=partition,
            shingles=run.paths(shingles, f"stages/{shingles}"),
            threshold=self.threshold,
            memory=self.memory,
        )
        fingerprint = run.fingerprint(stage, run.contents(shingles), self.threshold, partition)
        return Task(stage, job.unit, fingerprint, verify_edges, job)
