"""One file of a dataset against what a manifest says of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.files import sha256_of
from pipelines.ledger import DOCUMENTS, LEDGER_FIELDS, PACKED, TOKENS, is_dataset
from pipelines.tables import opened
from pipelines.verify.findings import Findings

_SCHEMAS = {"documents": DOCUMENTS, "tokens": TOKENS, "packed": PACKED}
_DATASET = ("data", "sample")


def check_file(findings: Findings, path: Path, facts: Mapping[str, Any], kind: str) -> int:
    """Check size, sha256 and, of a table, rows, columns and tokens; return the tokens.

    `kind` is what the file is: data, sample, documents, tokens, packed, ledger, or anything else.
    """
    name = str(facts["path"])
    if not path.is_file():
        findings.differ(name, "is missing")
        return 0
    size = path.stat().st_size
    findings.checked["files"] += 1
    findings.checked["bytes"] += size
    findings.expect(name, "its bytes are", size, facts["bytes"])
    findings.expect(name, "its sha256 is", sha256_of(path), facts["sha256"])
    if not name.endswith(".parquet") or kind not in (*_SCHEMAS, *_DATASET, "ledger"):
        return 0
    try:
        return _check_table(findings, path, facts, kind)
    except (pa.ArrowException, OSError) as error:
        line = str(error).partition("\n")[0]
        findings.differ(name, f"cannot be read as Parquet: {line[:100]}")
        return 0


def _check_table(findings: Findings, path: Path, facts: Mapping[str, Any], kind: str) -> int:
    name = str(facts["path"])
    file = pq.ParquetFile(opened(path))
    findings.expect(name, "its rows are", file.metadata.num_rows, facts["rows"])
    findings.checked["rows"] += file.metadata.num_rows if kind == "data" else 0
    if not _has_columns(file.schema_arrow, kind):
        findings.differ(name, f"its columns are not those of {kind}")
        return 0
    counters = {"data": _sum, "sample": _sum, "tokens": _tokens, "packed": _packed}
    if kind not in counters:
        return 0
    tokens = counters[kind](findings, file, name)
    findings.checked["tokens"] += tokens if kind == "data" else 0
    if "tokens" in facts:
        findings.expect(name, "its tokens are", tokens, facts["tokens"])
    return tokens


def _has_columns(found: pa.Schema, kind: str) -> bool:
    if kind == "ledger":
        fixed = [(field.name, field.type) for field in LEDGER_FIELDS]
        return [(field.name, field.type) for field in found][: len(fixed)] == fixed
    if kind in _DATASET:
        return is_dataset(found)
    return bool(found.equals(_SCHEMAS[kind], check_metadata=False))


def _sum(_: Findings, file: pq.ParquetFile, __: str) -> int:
    counts = file.read(columns=["token_count"])["token_count"]
    return pc.sum(counts).as_py() or 0


def _tokens(findings: Findings, file: pq.ParquetFile, name: str) -> int:
    """Count token ids, and check that each row says how many it has."""
    total = 0
    for batch in file.iter_batches(columns=["input_ids", "token_count"]):
        lengths = pc.list_value_length(batch["input_ids"])
        wrong = pc.sum(pc.not_equal(lengths, batch["token_count"])).as_py() or 0
        if wrong:
            findings.differ(name, f"{wrong:,} rows have another number of ids than they say")
        total += pc.sum(lengths).as_py() or 0
    return total


def _packed(findings: Findings, file: pq.ParquetFile, name: str) -> int:
    """Count the ids of packed rows that are no padding, and check that each row is full."""
    length = int((file.schema_arrow.metadata or {}).get(b"packed_length", b"0"))
    total = 0
    for batch in file.iter_batches(columns=["input_ids", "document_lengths"]):
        wrong = pc.sum(pc.not_equal(pc.list_value_length(batch["input_ids"]), length)).as_py() or 0
        if wrong:
            findings.differ(name, f"{wrong:,} rows are not of {length:,} ids")
        total += pc.sum(batch["document_lengths"].flatten()).as_py() or 0
    return total
