"""Lines and paragraphs that an earlier page has: found by key, removed from the text.

Each group of files writes the keys of its pages' passages as a sorted run that has every key
once, with the first page that has it; what repeats inside the group is known at once. A task
per range of keys finds what repeats between groups. Then each group gathers what its own pages
are to lose and edits them. The first page of a passage keeps it, however often it is there.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from filters.minhash import MinHasher
from filters.repeats import Shortened, Unit, hash64, passages, without_passages
from pipelines.dedup.exchange import NumbersWriter, in_batches, read_numbers
from pipelines.dedup.numbers import Flags, Keys, Numbers, document_number, sort_keys
from pipelines.dedup.pages import EDITS, Group, Pages
from pipelines.dedup.parts import Budget
from pipelines.dedup.runs import RUN, write_ranges
from pipelines.dedup.verdicts import VERDICTS
from pipelines.storage import Attempt
from pipelines.tables import TableWriter

REPEATS = pa.schema(
    [pa.field("doc", pa.int64(), nullable=False), pa.field("key", pa.uint64(), nullable=False)]
)
"""A page, and the key of a passage that an earlier page has."""
_VERSION = 1
_ROWS_TOGETHER = 1 << 16
_KEY_BITS = 64


@dataclass(frozen=True, slots=True)
class PassageOptions:
    """What a passage is and which are compared."""

    unit: Unit
    min_chars: int
    per_dump: bool

    @property
    def identity(self) -> dict[str, Any]:
        """What differs where keys of passages do, by name."""
        return {"version": _VERSION, **asdict(self)}

    def salt(self, dump: str) -> np.uint64:
        """Return what makes keys of different dumps differ, if only those of one are compared."""
        return np.uint64(hash64(dump) if self.per_dump else 0)


@dataclass(frozen=True, slots=True)
class LineRunsJob:
    """A group whose passages go into one run."""

    group: Group
    options: PassageOptions
    budget: Budget


@dataclass(frozen=True, slots=True)
class LineRepeatsJob:
    """One range of keys, in all runs."""

    unit: str
    partition: int
    bits: int
    """Of the number of ranges, a power of two."""
    runs: tuple[Path, ...]
    """In the order of their pages."""
    earlier: tuple[Path, ...]
    """Runs of earlier releases: whatever is in them is there already."""


@dataclass(frozen=True, slots=True)
class LineEditsJob:
    """A group, and what any of its pages repeats."""

    group: Group
    options: PassageOptions
    repeats: tuple[Path, ...]
    hasher: MinHasher | None
    """Makes band keys of edited texts, where near-duplicates are looked for later."""


def write_line_runs(attempt: Attempt, job: LineRunsJob) -> dict[str, Any]:
    """Write each passage of the group once, and which of its pages repeat one of the group.

    A group that exceeds the budget is sorted in batches; its run has a row of a key per batch.
    """
    unit = job.group.unit
    with (
        NumbersWriter(attempt, f"stages/passages_lines/keys/{unit}.parquet", RUN) as run,
        NumbersWriter(attempt, f"stages/passages_lines/repeats/{unit}.parquet", REPEATS) as lost,
    ):
        for keys, docs in in_batches(_group_passages(job), job.budget.rows_at_once):
            order, is_first = sort_keys(keys)
            # Pages were read in ascending order, and equal keys keep it.
            firsts, others = order[is_first], order[~is_first]
            write_ranges(run, keys[firsts], docs[firsts])
            _write_by_page(lost, keys[others], docs[others])
    return {"passages": run.rows}


def _group_passages(job: LineRunsJob) -> Iterator[tuple[Keys, Numbers]]:
    """Yield the keys of all pages that are left, each once for a page, file by file."""
    removed = set(job.group.removed().tolist())
    for pages in job.group.pages:
        keys: list[int] = []
        docs: list[int] = []
        for doc, text in pages.texts():
            if doc not in removed:
                own = sorted(_keys(text, job.options))
                keys.extend(own)
                docs.extend([doc] * len(own))
        salt = job.options.salt(pages.dump)
        yield np.array(keys, dtype=np.uint64) ^ salt, np.array(docs, dtype=np.int64)


def _keys(text: str, options: PassageOptions) -> set[int]:
    found = (passage.key for passage in passages(text, options.unit, options.min_chars))
    return {key for key in found if key is not None}


def _write_by_page(writer: NumbersWriter, keys: Keys, docs: Numbers) -> None:
    """Write rows by page, in pieces of which a reader takes those of its own pages."""
    order = np.lexsort((keys, docs))
    for start in range(0, len(order), _ROWS_TOGETHER):
        part = order[start : start + _ROWS_TOGETHER]
        writer.write(docs[part], keys[part])


def find_line_repeats(attempt: Attempt, job: LineRepeatsJob) -> dict[str, Any]:
    """Write the passages of the range that an earlier group's page has, by the pages that lose."""
    keys, docs, is_ours = _range(job)
    # Earlier releases come first, then runs in the order of their pages; equal keys keep it.
    order, is_first = sort_keys(keys)
    repeats = order[~is_first & is_ours[order]]
    final = f"stages/repeats_lines/{job.unit}.parquet"
    with NumbersWriter(attempt, final, REPEATS) as writer:
        _write_by_page(writer, keys[repeats], docs[repeats])
    return {"repeats": len(repeats)}


def _range(job: LineRepeatsJob) -> tuple[Keys, Numbers, Flags]:
    """Return the range's keys with their pages, and whether these are of this run."""
    width = 1 << (_KEY_BITS - job.bits)
    bounds = np.array([job.partition * width, (job.partition + 1) * width - 1], dtype=np.uint64)
    found = [(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.bool_))]
    for paths, is_ours in ((job.earlier, False), (job.runs, True)):
        for keys, docs in read_numbers(paths, low=int(bounds[0]), high=int(bounds[1])):
            chosen = (keys >= bounds[0]) & (keys <= bounds[1])
            found.append((keys[chosen], docs[chosen], np.full(chosen.sum(), is_ours)))
    keys, docs, ours = (np.concatenate(column) for column in zip(*found, strict=True))
    return keys, docs, ours


def write_line_edits(attempt: Attempt, job: LineEditsJob) -> dict[str, Any]:
    """Edit the group's pages; writes their new texts by file, and who has nothing left."""
    docs, keys = _lost(job)
    counts: Counter[str] = Counter(pages=0, spans=0, chars=0, emptied=0)
    emptied: list[int] = []
    for pages in job.group.pages:
        final = f"stages/edits_lines/texts/{pages.unit}.parquet"
        with TableWriter(attempt, final, EDITS) as writer:
            for doc, shortened in _edited(pages, docs, keys, job.options):
                counts.update(pages=1, spans=shortened.spans, chars=shortened.chars)
                writer.add(_row(pages, doc, shortened, job.hasher))
                if not shortened.text.strip():
                    emptied.append(doc)
    counts["emptied"] = len(emptied)
    gone = np.array(emptied, dtype=np.int64)
    columns = [gone, gone, np.ones_like(gone), np.ones(len(gone), dtype=bool)]
    final = f"stages/edits_lines/verdicts/{job.group.unit}.parquet"
    with TableWriter(attempt, final, VERDICTS) as writer:
        writer.add_table(pa.table(columns, schema=VERDICTS))
    return dict(counts)


def _lost(job: LineEditsJob) -> tuple[Numbers, Keys]:
    """Return what the group's pages lose: pages, ascending, each with a key; of one length."""
    numbers = [pages.documents() for pages in job.group.pages]
    ends = [int(docs[end]) for docs in numbers if len(docs) for end in (0, -1)]
    found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64))]
    if ends:
        for docs, keys in read_numbers(job.repeats, low=min(ends), high=max(ends)):
            chosen = (docs >= min(ends)) & (docs <= max(ends))
            found.append((docs[chosen], keys[chosen]))
    docs, keys = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(docs, kind="stable")
    return docs[order], keys[order]


def _edited(
    pages: Pages, docs: Numbers, keys: Keys, options: PassageOptions
) -> Iterator[tuple[int, Shortened]]:
    """Yield the pages of a file that lose something, with what is left of them."""
    salt = options.salt(pages.dump)
    for doc, text in pages.texts():
        start, end = np.searchsorted(docs, [doc, doc + 1])
        if end > start:
            repeated = set((keys[start:end] ^ salt).tolist())
            yield doc, without_passages(text, options.unit, options.min_chars, repeated)


def _row(pages: Pages, doc: int, shortened: Shortened, hasher: MinHasher | None) -> dict[str, Any]:
    return {
        "record": doc - document_number(pages.ordinal, 0),
        "text": shortened.text,
        "spans": shortened.spans,
        "chars": shortened.chars,
        "keys": hasher.keys(shortened.text) if hasher else None,
    }
