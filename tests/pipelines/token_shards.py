"""Token shards as the tokens stage writes them, with ids that can be told apart."""

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger import TOKENS

SAID = {"tokenizer": "made", "tokenizer_sha256": "ab" * 32, "vocab_size": "100000"}
Documents = list[list[int]]


def numbered(count: int, seed: int = 0, longest: int = 40, first: int = 1000) -> Documents:
    """Documents of chance lengths (some empty) whose ids go up by one from document to document."""
    pick = random.Random(seed)
    documents = []
    for _ in range(count):
        length = pick.choice([0, 1, pick.randint(2, longest)])
        documents.append(list(range(first, first + length)))
        first += length
    return documents


def write_shards(
    folder: Path,
    documents: Documents,
    *,
    files: int = 2,
    rows: int = 7,
    said: dict[str, str] | None = None,
) -> Path:
    """Write documents into so many files with row groups of so many rows; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = TOKENS.with_metadata(SAID if said is None else said)
    share = -(-len(documents) // files)
    for number in range(files):
        part = documents[number * share : (number + 1) * share]
        columns = {
            "id": [f"{number}-{row}" for row in range(len(part))],
            "input_ids": part,
            "token_count": [len(ids) for ids in part],
        }
        table = pa.table(columns, schema=schema)
        path = folder / f"local-000_{number:05d}.parquet"
        pq.write_table(table, path, row_group_size=rows, use_dictionary=False)
    return folder


def write_packed(folder: Path, rows: Sequence[Sequence[Sequence[int]]], length: int) -> Path:
    """Write rows that are packed already: each a list of documents, padded with 0."""
    folder.mkdir(parents=True)
    flat = [[token for part in row for token in part] for row in rows]
    columns = {
        "input_ids": pa.array(
            [ids + [0] * (length - len(ids)) for ids in flat], pa.list_(pa.int32())
        ),
        "document_lengths": pa.array(
            [[len(part) for part in row] for row in rows], pa.list_(pa.int32())
        ),
    }
    said = {**SAID, "packed_length": str(length), "pad_token_id": "0"}
    table = pa.table(columns).replace_schema_metadata(said)
    pq.write_table(table, folder / "local-000_00000.parquet", row_group_size=3)
    return folder
