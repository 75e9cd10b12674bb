"""Columns of every table that a run writes, in one place (design section 6)."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from filters.judge import Column

LEDGER_FIELDS: tuple[pa.Field, ...] = (
    pa.field("id", pa.string()),
    pa.field("url", pa.string()),
    pa.field("host", pa.string()),
    pa.field("date", pa.string()),
    pa.field("dump", pa.string(), nullable=False),
    pa.field("file_path", pa.string(), nullable=False),
    pa.field("record", pa.int64(), nullable=False),
    pa.field("offset", pa.int64()),
    pa.field("charset", pa.string()),
    pa.field("truncated", pa.string()),
    pa.field("status", pa.string(), nullable=False),
    pa.field("stage", pa.string()),
    pa.field("rule", pa.string()),
    pa.field("language", pa.string()),
    pa.field("language_score", pa.float64()),
    pa.field("token_count", pa.int64()),
    pa.field("audited", pa.bool_(), nullable=False),
    pa.field("cluster_id", pa.int64()),
    pa.field("cluster_size", pa.int64()),
)
"""What the ledger says of every page; one column per signal follows.

`truncated` is the crawler's reason (WARC-Truncated) or null. `cluster_id` is the
smallest document number of the pages that repeat each other (the page's own where
there are none, a negative one where a page of an earlier run is among them): by the
kind of deduplication that removed the page, or of one that stays by near-duplicates,
else by the last kind. Null for a page that did not reach deduplication.
"""

DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("url", pa.string()),
        pa.field("file_path", pa.string(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""Extracted text before any edit."""

CANDIDATES = pa.schema(
    [
        pa.field("record", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""Pages that passed every rule, with the text as edited so far; duplicates still among them."""

JUDGED = pa.schema(
    [
        pa.field("record", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""The judged text of dropped pages, kept until a tokenizer trained in the run can count it."""

DATASET = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("id", pa.string()),
        pa.field("dump", pa.string()),
        pa.field("url", pa.string()),
        pa.field("date", pa.string()),
        pa.field("file_path", pa.string()),
        pa.field("language", pa.string()),
        pa.field("language_score", pa.float64()),
        pa.field("token_count", pa.int64()),
        pa.field("minhash_cluster_size", pa.int64()),
    ]
)
"""FineWeb's columns, types and order, then ours."""

LICENCE = pa.field("licence", pa.string())
"""What a page's markup names first, as the ledger's `licence.name`: a column where it is asked."""

LICENCE_COLUMN = "licence_column"
"""Of a manifest: whether the dataset has it; nothing where it has not."""

FOLDER = pa.field("folder", pa.string())
"""Language and script, as `pipelines.layout.language_folder` names them."""


def dataset_schema(*, licence: bool = False) -> pa.Schema:
    """Return the columns of the published shards."""
    return DATASET.append(LICENCE) if licence else DATASET


def settled_schema(*, by_language: bool = False, licence: bool = False) -> pa.Schema:
    """Return those of the dataset's rows before they are brought together by host."""
    own = [pa.field("host", pa.string()), pa.field("record", pa.int64())]
    return pa.schema([*dataset_schema(licence=licence), *own, *([FOLDER] if by_language else [])])


def is_dataset(schema: pa.Schema) -> bool:
    """Return whether these are the columns of published shards, one way or the other."""
    wanted = (dataset_schema(), dataset_schema(licence=True))
    return any(schema.equals(each, check_metadata=False) for each in wanted)


TOKENS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("input_ids", pa.list_(pa.int32())),
        pa.field("token_count", pa.int64()),
    ]
)

PACKED = pa.schema(
    [
        pa.field("input_ids", pa.list_(pa.int32())),
        pa.field("document_lengths", pa.list_(pa.int32())),
        pa.field("document_rows", pa.list_(pa.int32())),
        pa.field("document_starts", pa.list_(pa.int32())),
    ]
)
"""Tokens in rows of one length; docs/tokens.md."""

_TYPES: Mapping[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), str: pa.string()}


def ledger_schema(columns: Iterable[Column], words: str) -> pa.Schema:
    """Return the ledger's schema; each signal's field carries the fingerprint of its measurement.

    `words` is the segmenter's fingerprint.
    """
    measured = {column.name: _measured_field(column, words) for column in columns}
    fixed = [measured.pop(field.name, field) for field in LEDGER_FIELDS]
    return pa.schema([*fixed, *measured.values()])


def _measured_field(column: Column, words: str) -> pa.Field:
    metadata = {"fingerprint": column.fingerprint(words), "version": str(column.signal.version)}
    return pa.field(column.name, _TYPES[column.signal.kind], metadata=metadata)
