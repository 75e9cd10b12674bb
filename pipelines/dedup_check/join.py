"""Texts through the deduplication of a run, from keys to clusters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from filters.jaccard import Numbers
from filters.minhash import MinHasher
from pipelines.crawl import CrawlFile
from pipelines.dedup.bands import BandsWriter
from pipelines.dedup.numbers import document_number
from pipelines.dedup.verdicts import read_members
from pipelines.dedup_check.documents import Settings
from pipelines.events import silent
from pipelines.execute import Task, open_engine
from pipelines.ledger import CANDIDATES
from pipelines.recipe.kinds import DedupStage, MinHashOptions
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import Extract
from pipelines.stages.context import RunContext
from pipelines.stages.deduplicating import deduplicate
from pipelines.storage import Attempt
from pipelines.tables import TableWriter

_LEDGER = pa.schema([pa.field("record", pa.int64())])


class Texts(Protocol):
    """Two lists of texts that are deduplicated together, and with nothing else."""

    @property
    def originals(self) -> Sequence[str]:
        """They come first, from one crawl file."""

    @property
    def copies(self) -> Sequence[str]:
        """They come later, from another one."""


@dataclass(frozen=True, slots=True)
class _File:
    """What a curated file is made of."""

    unit: str
    texts: tuple[str, ...]
    hasher: MinHasher


def join(folder: Path, settings: Settings, trials: Sequence[Texts]) -> list[Numbers]:
    """Return for each trial the cluster of each of its texts, originals first.

    Every trial is a dump of its own, of two crawl files. The run that they make in `folder`
    has what a real one has before deduplication; from there on everything is the real thing.
    """
    parts = [tuple(trial.originals) for trial in trials] + [tuple(trial.copies) for trial in trials]
    files = [_crawl_file(number, number % len(trials)) for number in range(len(parts))]
    with open_engine("inline", workers=1, address=None) as engine:
        run = RunContext(_recipe(settings), folder, files, {}, None, engine, silent)
        run.do("curate", list(_curate_tasks(run, files, parts, settings.hasher)))
        groups = deduplicate(run)
    clusters = [document_number(number, np.arange(len(part))) for number, part in enumerate(parts)]
    for group in groups:
        for kind, path in group.verdicts:
            if kind == MinHashOptions.kind:
                _label(clusters, path)
    both = zip(clusters[: len(trials)], clusters[len(trials) :], strict=True)
    return [np.concatenate(one) for one in both]


def _recipe(settings: Settings) -> Recipe:
    hasher = settings.hasher
    minhash = MinHashOptions(
        ngram=hasher.ngram,
        bands=hasher.bands,
        rows=hasher.rows,
        seed=hasher.seed,
        verify=settings.verify,
    )
    stages = (DedupStage((minhash,)),)
    return Recipe("dedup-check", stages, Extract("trafilatura", {}), words=hasher.words)


def _crawl_file(number: int, trial: int) -> CrawlFile:
    name = f"{number}.warc"
    return CrawlFile(number, name, name, f"trial-{trial}", 0, "", "crawl")


def _curate_tasks(
    run: RunContext,
    files: Sequence[CrawlFile],
    parts: Sequence[tuple[str, ...]],
    hasher: MinHasher,
) -> Iterator[Task]:
    for file, texts in zip(files, parts, strict=True):
        job = _File(file.unit, texts, hasher)
        fingerprint = run.fingerprint("curate", texts)
        yield Task("curate", file.unit, fingerprint, _curate, job)


def _curate(attempt: Attempt, file: _File) -> dict[str, Any]:
    """Write what deduplication reads of a curated file whose pages are these texts."""
    numbers = range(len(file.texts))
    ids = [f"{file.unit}#{number}" for number in numbers]
    rows = {"record": numbers, "id": ids, "text": file.texts}
    for name, schema in {"candidates": CANDIDATES, "ledger": _LEDGER}.items():
        final = f"stages/curate/{name}/{file.unit}.parquet"
        with TableWriter(attempt, final, schema) as writer:
            for number in numbers:
                writer.add({column: rows[column][number] for column in schema.names})
    with BandsWriter(attempt, f"stages/curate/bands/{file.unit}.parquet", file.hasher) as bands:
        for number, text in enumerate(file.texts):
            signature = file.hasher.signature(text)
            if signature is not None:
                bands.add(number, signature)
    return {"kept": len(file.texts)}


def _label(clusters: list[Numbers], verdicts: Path) -> None:
    members = read_members(verdicts)
    starts = [document_number(number, 0) for number in range(len(clusters))]
    of = np.searchsorted(starts, members.docs, side="right") - 1
    for number in np.unique(of).tolist():
        own = of == number
        clusters[number][members.docs[own] - starts[number]] = members.clusters[own]
