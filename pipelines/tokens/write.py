"""One shard of the dataset as token ids, in the shard's order."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ledger import TOKENS
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, read_batches
from pipelines.tokenizer import encode_joined
from pipelines.tokens.special import SpecialTokens

_DOCUMENTS = 256
"""Documents that are encoded at a time."""


@dataclass(frozen=True, slots=True)
class ShardTokenizer:
    """A tokenizer, as the shards name it."""

    place: str
    """Where a worker finds it (`pipelines.tokenizer.tokenizer_place`)."""
    name: str
    sha256: str
    special: SpecialTokens

    def metadata(self) -> dict[str, str]:
        """Return what a shard's metadata says of it."""
        named = {"tokenizer": self.name, "tokenizer_sha256": self.sha256}
        return named | self.special.metadata()


@dataclass(frozen=True, slots=True)
class TokensJob:
    """One shard of the dataset, to be encoded."""

    name: str
    """Path of the shard below `data/`, without its ending."""
    shard: Path
    tokenizer: ShardTokenizer


def flat_name(shard: str) -> str:
    """Return the name of a shard's token ids, which all lie in one folder."""
    return f"{shard.replace('/', '-')}.parquet"


def write_tokens(attempt: Attempt, job: TokensJob) -> dict[str, Any]:
    """Encode one shard (the unit of this stage).

    Returns rows, tokens of their texts, special tokens beside them, and what these are.
    """
    special = job.tokenizer.special
    schema = TOKENS.with_metadata(job.tokenizer.metadata())
    tokens = 0
    final = f"tokens/{flat_name(job.name)}"
    with TableWriter(attempt, final, schema, use_dictionary=False) as writer:
        for batch in read_batches(job.shard, ["id", "text"], _DOCUMENTS):
            ids, lengths = encode_joined(job.tokenizer.place, batch["text"].to_pylist())
            tokens += len(ids)
            writer.add_table(_table(batch["id"], *special.around(ids, lengths)))
    return {
        "rows": writer.rows,
        "tokens": tokens,
        "special": special.per_document * writer.rows,
        "tokenizer": job.tokenizer.name,
        "special_tokens": special.policy,
    }


def _table(names: pa.Array, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> pa.Table:
    return pa.table(
        {"id": names, "input_ids": list_column(ids, lengths), "token_count": pa.array(lengths)}
    )


def list_column(values: NDArray[np.int32], lengths: NDArray[np.int64]) -> pa.ListArray:
    """Return values that follow each other as lists of these lengths."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(offsets, values)
