"""Documents to token ids in files: the tokens stage beside datatrove's `DocumentTokenizer`.

Both read the same Parquet file with the same tokenizer.json. datatrove's documents stay in their
order, as ours do: shuffling would only cost it time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.crawl import read_lines
from tests.bench.vocabularies import vocabulary_file


def write_documents(folder: Path, to: Path) -> None:
    """Write the texts of a prepared crawl: those for warming up, and the others."""
    rows = read_lines(folder, "texts.jsonl")
    for name, wanted in (("warm", True), ("timed", False)):
        chosen = [row for row in rows if row["warm"] is wanted]
        (to / name).mkdir()
        columns = {key: [row[key] for row in chosen] for key in ("id", "text")}
        pq.write_table(pa.table(columns), to / name / "documents.parquet", compression="zstd")


class DatatroveTokens:
    """datatrove's reader and tokenizer, as its users chain them."""

    def __init__(self, vocabulary: str, folder: Path) -> None:
        from datatrove.pipeline.readers import ParquetReader
        from datatrove.pipeline.tokens import DocumentTokenizer

        self._folder = folder
        self._reader: Any = ParquetReader
        self._tokenizer: Any = DocumentTokenizer(
            str(folder / "made"), str(vocabulary_file(vocabulary)), shuffle_documents=False
        )

    def run(self, name: str) -> None:
        """Encode the documents of one name."""
        self._tokenizer.save_filename = name
        for _ in self._tokenizer.run(self._reader(str(self._folder / name)).run()) or ():
            pass

    def ids(self, name: str) -> Iterator[tuple[str, list[int]]]:
        """Yield the ids that were written of each document."""
        made = self._folder / "made" / f"{name}_00000_unshuffled.ds"
        width = np.uint32 if self._tokenizer.token_size == 4 else np.uint16
        ends = np.fromfile(made.with_name(f"{made.name}.index"), np.uint64).astype(np.int64)
        parts = np.split(np.fromfile(made, width), ends[:-1])
        names = pq.read_table(self._folder / name / "documents.parquet", columns=["id"])["id"]
        yield from zip(names.to_pylist(), (part.tolist() for part in parts), strict=True)


class CuveeTokens:
    """The unit of the tokens stage."""

    def __init__(self, vocabulary: str, folder: Path) -> None:
        from tokenizers import Tokenizer

        from pipelines.files import sha256_of
        from pipelines.recipe.parts import TokenOptions
        from pipelines.tokens.special import special_tokens
        from pipelines.tokens.write import ShardTokenizer

        file = vocabulary_file(vocabulary)
        special = special_tokens(Tokenizer.from_file(str(file)), TokenOptions())
        self._folder = folder
        self._used = ShardTokenizer(str(file), vocabulary, sha256_of(file), special)

    def run(self, name: str) -> None:
        """Encode the documents of one name."""
        from pipelines.storage import Attempt
        from pipelines.tokens.write import TokensJob, write_tokens

        attempt = Attempt(self._folder, "tokens", name)
        write_tokens(attempt, TokensJob(name, self._documents(name), self._used))
        attempt.seal()
        attempt.place()

    def ids(self, name: str) -> Iterator[tuple[str, list[int]]]:
        """Yield the ids that were written of each document."""
        table = pq.read_table(self._folder / "tokens" / f"{name}.parquet")
        yield from zip(table["id"].to_pylist(), table["input_ids"].to_pylist(), strict=True)

    def _documents(self, name: str) -> Path:
        return self._folder / name / "documents.parquet"
