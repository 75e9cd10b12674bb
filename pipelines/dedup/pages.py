"""What deduplication reads of curated files: which pages are left, their texts and addresses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.dedup.numbers import Flags, Keys, Numbers, document_number
from pipelines.dedup.verdicts import removed_by
from pipelines.tables import opened, read_table

EDITS = pa.schema(
    [
        pa.field("record", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("spans", pa.int64(), nullable=False),
        pa.field("chars", pa.int64(), nullable=False),
        pa.field("signature", pa.list_(pa.uint64())),
    ]
)
"""Pages of a file whose text lost what others have, with the signature of what is left of it."""


_SIGNATURES_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True)
class Pages:
    """Where one curated file's tables are."""

    unit: str
    ordinal: int
    dump: str
    ledger: Path
    candidates: Path
    signatures: Path | None
    edits: Path | None = None
    """Texts that changed since; None before lines were looked at."""

    def documents(self) -> Numbers:
        """Return the numbers of all pages that passed the rules, ascending."""
        records = read_table(self.candidates, ["record"])["record"]
        return self.number(records)

    def number(self, records: pa.ChunkedArray) -> Numbers:
        """Return the document numbers of records."""
        numbers: Numbers = document_number(self.ordinal, records.to_numpy())
        return numbers

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield the document number and the text of every page, as edited so far."""
        edited = self._edited_texts()
        columns = ["record", "text"]
        for batch in pq.ParquetFile(opened(self.candidates)).iter_batches(columns=columns):
            for row in batch.to_pylist():
                text = edited.get(row["record"], row["text"])
                yield document_number(self.ordinal, row["record"]), text

    def _edited_texts(self) -> Mapping[int, str]:
        if self.edits is None:
            return {}
        table = read_table(self.edits, ["record", "text"])
        return dict(zip(table["record"].to_pylist(), table["text"].to_pylist(), strict=True))

    def signed(self) -> Iterator[tuple[Numbers, Keys]]:
        """Yield the pages that have a signature of their text as edited so far, with them.

        Some pages at a time, ascending; shapes (n,) and (n, hashes).
        """
        if self.signatures is None:
            raise ValueError("curated without signatures")
        for table in self._signatures(pq.ParquetFile(opened(self.signatures))):
            if table.num_rows:
                flat = table["signature"].combine_chunks().flatten().to_numpy()
                yield self.number(table["record"]), flat.reshape(table.num_rows, -1)

    def _signatures(self, file: pq.ParquetFile) -> Iterator[pa.Table]:
        batches = (
            pa.Table.from_batches([batch]) for batch in file.iter_batches(_SIGNATURES_AT_ONCE)
        )
        if self.edits is None:
            yield from batches
            return
        edited = read_table(self.edits, ["record", "signature"])
        fresh = edited.filter(pc.is_valid(edited["signature"])).cast(file.schema_arrow)
        for batch in batches:
            stale = pc.is_in(batch["record"], value_set=edited["record"])
            left = batch.filter(pc.invert(stale))
            # Each edited page comes with the first batch that does not end before it.
            last = left["record"][-1].as_py() if left.num_rows else -1
            before = pc.less_equal(fresh["record"], last)
            yield pa.concat_tables([left, fresh.filter(before)]).sort_by("record")
            fresh = fresh.filter(pc.invert(before))
        yield fresh.sort_by("record")

    def ledger_column(self, name: str, docs: Numbers) -> list[Any]:
        """Return the ledger's values of some pages of this file, in the order of `docs`."""
        table = read_table(self.ledger, ["record", name])
        values = dict(
            zip(self.number(table["record"]).tolist(), table[name].to_pylist(), strict=True)
        )
        return [values[doc] for doc in docs.tolist()]


@dataclass(frozen=True, slots=True)
class Group:
    """Some curated files, in input order: the unit in which deduplication reads pages."""

    unit: str
    pages: tuple[Pages, ...]
    contents: Mapping[str, str]
    """Digests of the files that curation left, by their kind: candidates, signatures, ledger."""
    found: tuple[str, ...] = ()
    """Digests of all that was found of the group so far."""
    verdicts: tuple[tuple[str, Path], ...] = ()
    """What each kind so far has found of the group, in order (`pipelines.dedup.verdicts`)."""

    def content(self, *read: str) -> list[str]:
        """Return plain data that differs where those files do, or what was found so far."""
        return [*(self.contents[name] for name in read), *self.found]

    def judged(self, kind: str, verdicts: Path, content: str) -> Self:
        """Return the group with what another kind has found."""
        verdict = (kind, verdicts)
        return replace(
            self, verdicts=(*self.verdicts, verdict), found=(*self.found, f"{kind} {content}")
        )

    def removed(self) -> Numbers:
        """Return the document numbers that have left so far, ascending."""
        return removed_by(path for _, path in self.verdicts)


def among(docs: Numbers, some: Numbers) -> Flags:
    """Return which of the numbers are among some others, which ascend; shape of `docs`."""
    at = np.searchsorted(some, docs)
    at[at == len(some)] = 0
    return some[at] == docs if len(some) else np.zeros(len(docs), dtype=bool)
