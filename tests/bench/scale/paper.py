"""What a Common Crawl dump would need, each line from a measured one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import RenderableType

from pipelines.dedup.parts import Budget
from tests.bench.scale.sides import Measured
from tests.bench.scale.table import table_of

_GROUP_DOCUMENTS = 110_000  # 50 crawl files of a dump that leaves 2 * 10^8 documents
_MEMORY = 2 << 30
_HOUR = 3600
_GIGA = 1e9
_ROWS_OF_A_SORT = 1.065
"""Exponent that n log n has between a million and a thousand million."""


@dataclass(frozen=True, slots=True)
class _Corpus:
    name: str
    documents: float
    dumps: int = 1


_CORPORA = (
    _Corpus("one dump, 2e8", 2e8),
    _Corpus("one dump, 5e8", 5e8),
    _Corpus("96 dumps of 2e8, each by itself", 2e8, 96),
    _Corpus("96 dumps of 2e8, together", 2e8 * 96),
)


def paper(ours: Mapping[int, Measured], rounds: Mapping[int, Measured]) -> Iterator[RenderableType]:
    """Yield the table on paper."""
    measured = ours[max(ours)]
    forced = rounds[max(rounds)] if rounds else None
    table = table_of(
        f"On paper, from {measured.documents:,} documents measured, 2 GB a task",
        "corpus", "tasks", "GB on disk", "core-hours", "GB for one union-find", "of it",
    )  # fmt: skip
    for corpus in _CORPORA:
        table.add_row(*_row(corpus, measured, forced))
    yield table
    yield _origins(measured, forced)


def _row(corpus: _Corpus, measured: Measured, forced: Measured | None) -> list[str]:
    budget = Budget(_MEMORY)
    growth = corpus.documents / measured.documents
    rows = measured.stages["runs_minhash"]["rows"] * growth
    members = measured.members * growth
    partitions = 1 << max(-(-int(rows) // budget.rows) - 1, 0).bit_length()
    groups = corpus.documents / _GROUP_DOCUMENTS
    fits = members <= budget.nodes
    hours = measured.cpu_seconds * growth**_ROWS_OF_A_SORT / _HOUR
    steps = 0.0
    if not fits and forced is not None:
        rest = _star_seconds(forced) / forced.documents * corpus.documents
        hours += rest / _HOUR
        steps = len([stage for stage in forced.stages if "star_" in stage]) + 2
    tasks = 2 * groups + partitions + steps * 4 * members / budget.nodes
    disk = measured.written_bytes * growth / _GIGA
    way = "one task" if fits else "star rounds"
    return [
        corpus.name, f"{tasks * corpus.dumps:,.0f}", f"{disk * corpus.dumps:,.0f}",
        f"{hours * corpus.dumps:,.1f}", f"{members * _MEMORY / budget.nodes / _GIGA:,.1f}", way,
    ]  # fmt: skip


def _star_seconds(forced: Measured) -> float:
    stars = ("spread", "largestar", "smallstar", "members")
    return sum(
        facts["cpu_seconds"] for stage, facts in forced.stages.items() if stage.startswith(stars)
    )


def _origins(measured: Measured, forced: Measured | None) -> RenderableType:
    """Return from which measurement each column comes."""
    size = measured.documents
    rows = measured.stages["runs_minhash"]["rows"]
    table = table_of("Derived", "column", "derived from")
    table.add_row(
        "tasks",
        f"a run and a label task per {_GROUP_DOCUMENTS:,} documents; key ranges of at most "
        f"{Budget(_MEMORY).rows:,} of {rows / size:.1f} rows a document",
    )
    table.add_row("GB on disk", f"{measured.written_bytes / size:.0f} bytes a document, all stages")
    table.add_row(
        "core-hours",
        f"{measured.cpu_seconds:.1f} CPU s at {size:,}, times growth to the power {_ROWS_OF_A_SORT}"
        + (f"; star rounds {1e6 * _star_seconds(forced) / forced.documents:.2f} s a million"
           if forced else ""),
    )  # fmt: skip
    table.add_row(
        "GB for one union-find",
        f"{measured.members / size:.2f} of the documents are in clusters, 80 bytes each",
    )
    return table
