"""One crawl file curated for several recipes: read once, written into the run of each."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.bucket.path import run_folder
from pipelines.compare.pages import PagesTogether, curators_for
from pipelines.crawl import Traffic
from pipelines.curate import CurateJob, Outputs, pages_of
from pipelines.execute import Task, commit_unit
from pipelines.files import sha256_of
from pipelines.storage import Attempt, CommitLog


@dataclass(frozen=True, slots=True)
class Share:
    """A recipe's part of a unit: where its run is, and its own unit of the stage."""

    root: str
    task: Task

    @property
    def job(self) -> CurateJob:
        """What the recipe's own unit would be told."""
        job: CurateJob = self.task.argument
        return job


def curate_together(attempt: Attempt, shares: Sequence[Share]) -> dict[str, Any]:
    """Curate a file for every recipe whose run has not done it; return what was shared.

    Each recipe's run gets the files and the commit record that its own unit would have written.
    A run that has the unit from before goes on by itself, from stored text where it can.
    """
    open_shares = [share for share in shares if _is_open(share)]
    if not open_shares:
        return {}
    since = (time.monotonic(), time.process_time())
    memo, curators = curators_for([share.job.recipe for share in open_shares])
    for curator in curators:
        curator.judges.restart()
    job = open_shares[0].job
    imported = list(
        dict.fromkeys(name for share in open_shares for name in share.job.recipe.imported)
    )
    others: Counter[str] = Counter()
    traffic = Traffic()
    work = PagesTogether(
        curators,
        memo,
        job.file,
        lambda: pages_of(job, Counter(), Traffic(), imported),
        _shared_places([share.job.tokenizer for share in open_shares]),
    )
    attempts: list[Attempt] = []
    try:
        with ExitStack() as stack:
            outputs = []
            for share, curator in zip(open_shares, curators, strict=True):
                attempts.append(Attempt(run_folder(share.root), "curate", share.task.unit))
                outputs.append(Outputs(attempts[-1], share.job, curator, stack))
            for found in work.each(pages_of(job, others, traffic, imported)):
                for output, curated in zip(outputs, found, strict=True):
                    output.add(curated)
        attempt.helped = work.used
        read = {"read": "crawl", **({"fetched": traffic.facts()} if traffic.requests else {})}
        for share, own, output in zip(open_shares, attempts, outputs, strict=True):
            facts = output.facts(others, covers=not work.lost_texts)
            commit_unit(own, share.task, {**facts, **read, **work.facts()}, since)
    finally:
        for own in attempts:
            own.close()
    return {"recipes": len(open_shares), **work.found}


def _shared_places(places: Sequence[str | None]) -> list[str | None]:
    """Return one place for tokenizers that are the same: each run has a copy of its own."""
    first: dict[str, str] = {}
    return [place and first.setdefault(_content(place), place) for place in places]


def _content(place: str) -> str:
    """Return the sha256 of a tokenizer, which its place has where it is on S3."""
    return place.rpartition("#")[2] if place.startswith("s3://") else sha256_of(Path(place))


def _is_open(share: Share) -> bool:
    return CommitLog(run_folder(share.root)).get("curate", share.task.unit) is None
