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
        pa.field("keys", pa.list_(pa.uint64())),
    ]
)
"""Pages of a file whose text lost what others have, with the band keys of what is left of it."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where one curated file's tables are."""

    unit: str
    ordinal: int
    dump: str
    ledger: Path
    candidates: Path
    bands: Path | None
    """Keys of near-duplicates (`pipelines.dedup.bands`); None where none are looked for."""
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

    def band_keys(self) -> tuple[Numbers, Keys]:
        """Return the pages whose text, as edited so far, has band keys, ascending, with them.

        Shapes (n,) and (n, bands). ValueError for a file that was curated without.
        """
        if self.bands is None:
            raise ValueError("curated without band keys")
        table = read_table(self.bands)
        width = table.schema.field("keys").type.list_size
        if self.edits is not None:
            table = _with_edited(table, read_table(self.edits, ["record", "keys"]))
        keys = table["keys"].combine_chunks().flatten().to_numpy()
        return self.number(table["record"]), keys.reshape(table.num_rows, width)

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
    """Digests of the files that curation left, by their kind: candidates, bands, ledger."""
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


def _with_edited(table: pa.Table, edited: pa.Table) -> pa.Table:
    """Return band keys with those of edited texts in their place, ascending."""
    is_stale = pc.is_in(table["record"], value_set=edited["record"])
    fresh = edited.filter(pc.is_valid(edited["keys"])).cast(table.schema)
    return pa.concat_tables([table.filter(pc.invert(is_stale)), fresh]).sort_by("record")
