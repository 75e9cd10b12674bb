"""Band keys as curation leaves them: of every page that near-duplicates are looked for among.

An eighth of what the signatures are, and all that clustering needs. Keys of a dump are not
marked as such here: whether dumps are kept apart is a later choice (`pipelines.dedup.kinds`).
"""

from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from filters.minhash import Hashes, MinHasher
from pipelines.storage import Attempt
from pipelines.tables import TableWriter

_TOGETHER = 256
"""Signatures that are hashed at once: 0.4 microseconds each, and 22 where they come alone."""


def bands_schema(hasher: MinHasher) -> pa.Schema:
    """Return the schema of band keys: record, and a 64-bit key per band."""
    return pa.schema(
        [
            pa.field("record", pa.int64(), nullable=False),
            pa.field("keys", pa.list_(pa.uint64(), hasher.bands), nullable=False),
        ]
    )


def bands_table(hasher: MinHasher, records: list[int], signatures: Hashes) -> pa.Table:
    """Return the band keys of records with these signatures, shape (records, hashes)."""
    keys = pa.array(hasher.band_keys(signatures).ravel())
    lists = pa.FixedSizeListArray.from_arrays(keys, hasher.bands)
    return pa.table([records, lists], schema=bands_schema(hasher))


class BandsWriter:
    """Collects the signatures of a file's pages, and writes the keys of their bands."""

    def __init__(self, attempt: Attempt, final: str, hasher: MinHasher) -> None:
        self._hasher = hasher
        # No dictionary: hardly any two keys are the same.
        self._table = TableWriter(attempt, final, bands_schema(hasher), use_dictionary=False)
        self._records: list[int] = []
        self._signatures: list[Hashes] = []

    def add(self, record: int, signature: Hashes) -> None:
        """Add a page."""
        self._records.append(record)
        self._signatures.append(signature)
        if len(self._records) >= _TOGETHER:
            self._hash()

    def _hash(self) -> None:
        if self._records:
            signatures = np.stack(self._signatures)
            self._table.add_table(bands_table(self._hasher, self._records, signatures))
            self._records, self._signatures = [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._hash()
        self._table.__exit__(kind, error, trace)
