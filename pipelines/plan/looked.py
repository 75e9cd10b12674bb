"""What a unit of the sample gave and cost, as totals of the whole unit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.errors import UsageError
from pipelines.crawl import CrawlFile
from pipelines.crawl.remote.address import scheme_of
from pipelines.crawl.remote.listing import find_remote
from pipelines.plan.probe import Probe, count_pages
from pipelines.stages import RunContext
from pipelines.storage import Commit, CommittedFile
from pipelines.tables import read_table
from pipelines.timing import is_dedup, step_name

CORE, DISK = "core/", "disk/"
JOIN = "join clusters"
"""The one task of deduplication that does not divide."""
_TOKENIZER = "tokenizer.json"
_OF_A_UNIT = ("curate", "settle")
_SHARED_BY = {
    **dict.fromkeys(("tokenizer", "plan", "dataset"), "text_bytes"),
    **dict.fromkeys(("tokens", "packed"), "tokens"),
}
"""What the work of stages that bring units together is shared out by."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One unit of the sample."""

    file: CrawlFile
    read: float
    """Which share of its pages was read, the first ones; from 0 to 1."""
    pages_read: int
    gave: Mapping[str, float]
    """Totals of the whole unit: pages, failed, candidates, kept, tokens, text_bytes, cpu
    (seconds), `core/` and a step (seconds of an occupied core), `disk/` and a folder (bytes)."""


@dataclass(frozen=True, slots=True)
class _Booked:
    """What a unit gave as far as it was read, and what it gives once, however long it is."""

    growing: Counter[str]
    fixed: Counter[str]


def unit_size(file: CrawlFile) -> int | None:
    """Return the bytes of a file, or of the part that is the unit; None where not known."""
    return file.part.end - file.part.start if file.part else file.size


def look(probe: Probe) -> list[Looked]:
    """Return what each unit gave that could be done; what was not read of it is extrapolated."""
    run = probe.run
    done = [file for file in run.files if file.unit in run.commits["curate"]]
    booked = [_own(run, file.unit) for file in done]
    for stage, commits in run.commits.items():
        if stage not in _OF_A_UNIT:
            _share_out(run.root, stage, list(commits.values()), booked)
    looked = []
    for file, own in zip(done, booked, strict=True):
        commit = run.commits["curate"][file.unit]
        read = _share_read(run, file, commit)
        gave = {name: amount / read for name, amount in own.growing.items()}
        for name, amount in own.fixed.items():
            gave[name] = gave.get(name, 0.0) + amount
        looked.append(Looked(file, read, commit.facts["pages"], gave))
    return looked


def once(probe: Probe) -> dict[str, float]:
    """Return the bytes, by `disk/` and a folder, that do not grow with the input."""
    run = probe.run
    fixed: Counter[str] = Counter()
    fixed[DISK + _TOKENIZER] = (run.root / _TOKENIZER).stat().st_size
    for stage, commits in run.commits.items():
        if stage not in _OF_A_UNIT:
            for commit in commits.values():
                for item in commit.files:
                    fixed[_folder(item)] += _footer(run.root, item)
    return dict(fixed)


def _own(run: RunContext, unit: str) -> _Booked:
    """Return what the stages gave that work on the unit alone."""
    curated, settled = (run.commits[stage][unit] for stage in _OF_A_UNIT)
    facts = settled.facts
    growing: Counter[str] = Counter(
        pages=curated.facts["pages"],
        failed=curated.facts["failed"] + sum(facts["failures"].values()),
        candidates=curated.facts["kept"],
        kept=facts["rows"],
        tokens=facts["tokens"],
        text_bytes=facts["text_bytes"],
    )
    fixed: Counter[str] = Counter()
    for commit in (curated, settled):
        growing.update(_time(commit))
        for item in commit.files:
            once = _footer(run.root, item)
            fixed[_folder(item)] += once
            growing[_folder(item)] += item.bytes - once
    return _Booked(growing, fixed)


def _time(commit: Commit) -> dict[str, float]:
    """Return seconds by step; of a stage with steps, what is left over is its rest."""
    steps = {name: figures["wall_seconds"] for name, figures in commit.steps.items()}
    name = JOIN if commit.stage.startswith("components_") else step_name(commit.stage)
    rest = f"rest of {commit.stage}" if steps else name
    steps[rest] = max(commit.seconds - sum(steps.values()), 0.0)
    return {"cpu": commit.cpu_seconds, **{CORE + name: spent for name, spent in steps.items()}}


def _folder(item: CommittedFile) -> str:
    return DISK + item.path.partition("/")[0]


def _footer(root: Path, item: CommittedFile) -> int:
    """Return the bytes of a table that describe its columns: the same for few rows and many."""
    if not item.path.endswith(".parquet"):
        return 0
    return int(pq.read_metadata(root / item.path).serialized_size)


def _share_out(
    root: Path, stage: str, commits: Sequence[Commit], booked: Sequence[_Booked]
) -> None:
    """Book on each unit its part of a stage that brings units together."""
    spent: Counter[str] = Counter()
    for commit in commits:
        spent.update(_time(commit))
        for item in commit.files:
            if item.path != _TOKENIZER:
                spent[_folder(item)] += item.bytes - _footer(root, item)
    by = "candidates" if is_dedup(stage) else _SHARED_BY.get(stage, "pages")
    whole = sum(own.growing[by] for own in booked)
    for own in booked:
        share = own.growing[by] / whole if whole else 1 / len(booked)
        own.growing.update({name: amount * share for name, amount in spent.items()})


def _share_read(run: RunContext, file: CrawlFile, commit: Commit) -> float:
    """Return which share of a unit's pages the first ones are, that were read.

    By where the last of them lies in the file; where that is not known, by counting all.
    """
    read: int = commit.facts["pages"]
    if run.limit is None or read < run.limit:
        return 1.0
    size, start = _size(file), file.part.start if file.part else 0
    offsets = read_table(run.path(commit, "stages/curate/ledger"), ["offset"])["offset"]
    last = pc.max(offsets).as_py()
    if size and last is not None and last > start:
        return min(float(last - start) / size * read / (read - 1), 1.0)
    return read / max(count_pages(file, run.recipe), read)


def _size(file: CrawlFile) -> int | None:
    """Return a unit's bytes; of a remote file that a list names, its server is asked."""
    size = unit_size(file)
    if size is not None or not scheme_of(file.uri):
        return size
    try:
        return find_remote(file.uri, None)[0].size
    except UsageError:  # then its pages are counted
        return None
