"""Token shards, wherever they lie: which row groups they have, and what is in one.

Read are the shards that a run writes (docs/tokens.md): `input_ids` and `token_count`,
or packed rows of one length.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from os import fspath
from pathlib import Path
from posixpath import basename

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.errors import UnitError, UsageError
from pipelines.crawl.local import find_local
from pipelines.crawl.model import Found
from pipelines.crawl.remote.address import scheme_of, without_secrets
from pipelines.crawl.remote.ask import open_remote
from pipelines.crawl.remote.listing import find_remote
from pipelines.crawl.remote.patience import Traffic
from pipelines.storage import digest

Ids = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

_AT_ONCE = 16  # footers of remote files that are asked for
_ROWS = 512  # that are decoded at a time
_TABLE = ".parquet"
_NO_IDS, _NO_COUNTS = np.empty(0, np.int32), np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Block:
    """One row group of one shard: what is read at a time."""

    file: int
    row_group: int
    rows: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Rows:
    """What a block holds: ids one row after another, and what the rows are made of."""

    ids: Ids
    lengths: Counts
    parts: tuple[Ids, Counts] | None
    """Of packed rows: the lengths of all documents, and how many each row has."""


@dataclass(frozen=True, slots=True)
class _Shard:
    found: Found
    footer: pq.FileMetaData
    schema: pa.Schema
    blocks: tuple[tuple[int, int], ...]


class TokenShards:
    """The token shards of one dataset. Read only; may be sent to other processes."""

    def __init__(self, place: str, shards: Sequence[_Shard]) -> None:
        self.place = place
        """Where they are, without secrets."""
        self._shards = tuple(shards)
        self.blocks = tuple(
            Block(file, group, rows, tokens)
            for file, shard in enumerate(self._shards)
            for group, (rows, tokens) in enumerate(shard.blocks)
        )
        self.names = tuple(basename(shard.found.file_path) for shard in self._shards)
        self.metadata = _same_metadata(place, self._shards)
        self.is_packed = "document_lengths" in self._shards[0].schema.names

    @property
    def content(self) -> str:
        """Digest of what is in them, wherever they lie and are called: row groups and tokenizer."""
        blocks = [[b.file, b.row_group, b.rows, b.tokens] for b in self.blocks]
        return digest([blocks, sorted(self.metadata.items())])

    def read(self, blocks: Sequence[Block]) -> Rows:
        """Return row groups, one after another; UnitError where their bytes cannot be had.

        So also where there are other ids than are counted.
        """
        ids = np.empty(sum(block.tokens for block in blocks), np.int32)
        lengths, parts = [_NO_COUNTS], [(_NO_IDS, _NO_COUNTS)]
        filled = 0
        for block in blocks:
            until = filled + block.tokens
            for values, counts, documents in self._pieces(block):
                fits = filled + len(values) <= until
                if not fits:
                    raise self._miscounted(block)
                ids[filled : filled + len(values)] = values
                filled += len(values)
                lengths.append(counts)
                parts.append(documents)
            if filled != until:
                raise self._miscounted(block)
        documents = (np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))
        return Rows(ids, np.concatenate(lengths), documents if self.is_packed else None)

    def _pieces(self, block: Block) -> Iterator[tuple[Ids, Counts, tuple[Ids, Counts]]]:
        """Yield ids, rows and the documents in them; as a whole it takes six times its size."""
        columns = ["input_ids", "document_lengths"] if self.is_packed else ["input_ids"]
        shard = self._shards[block.file]
        with _opened(shard.found, shard.footer) as file:
            # Threads of its own would not survive the fork of a loader's worker.
            for batch in file.iter_batches(
                batch_size=_ROWS, row_groups=[block.row_group], columns=columns, use_threads=False
            ):
                packed = _lists(batch["document_lengths"]) if self.is_packed else None
                yield *_lists(batch["input_ids"]), packed or (_NO_IDS, _NO_COUNTS)

    def _miscounted(self, block: Block) -> UnitError:
        place = without_secrets(self._shards[block.file].found.uri)
        return UnitError(
            f"{place}: has not the {block.tokens:,} ids in row group {block.row_group} that it "
            "counts.\n  Make it again: it is damaged."
        )


def open_shards(place: str | Path) -> TokenShards:
    """Look at token shards: a run's folder, a folder, file or glob, `s3://`, `hf://`, `https://`.

    Footers and the column `token_count` are read, nothing else. Files are in the order of
    their names. UsageError for what is not there or holds no token ids.
    """
    given = fspath(place) if isinstance(place, Path) and not scheme_of(str(place)) else str(place)
    found = [item for item in _find(given) if item.file_path.endswith(_TABLE)]
    shown = without_secrets(given)
    if not found:
        raise UsageError(
            f"{shown}: no token shards are there.\n"
            "  Name the folder of a run, its folder tokens/, or Parquet files with input_ids."
        )
    if scheme_of(given):
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return TokenShards(shown, list(pool.map(_look, found)))
    return TokenShards(shown, [_look(item) for item in found])


def _find(given: str) -> list[Found]:
    """Return the files of a place; of a run's folder its token shards and nothing else."""
    if not scheme_of(given):
        folder = Path(given) / "tokens"
        return find_local(fspath(folder) if folder.is_dir() else given, None)
    found = find_remote(given, None)
    root = given.partition("?")[0].rstrip("/") + "/tokens/"
    return [item for item in found if item.uri.startswith(root)] or found


@contextmanager
def _opened(found: Found, footer: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    if not scheme_of(found.uri):
        with pq.ParquetFile(found.uri, metadata=footer) as file:
            yield file
        return
    with (
        open_remote(found.uri, found.version, found.size, Traffic()) as stream,
        # A thread that reads ahead may let go of its last piece while Python ends, which aborts.
        pq.ParquetFile(stream, metadata=footer, pre_buffer=False) as file,
    ):
        yield file


def _look(found: Found) -> _Shard:
    place = without_secrets(found.uri)
    try:
        with _opened(found) as file:
            _check_columns(place, file.schema_arrow)
            footer, schema = file.metadata, file.schema_arrow
            groups = range(footer.num_row_groups)
            blocks = [(footer.row_group(group).num_rows, _tokens(file, group)) for group in groups]
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"{place}: is damaged, or no Parquet file.\n"
            "  Fetch or make it again: 'cuvee verify' says which files of a run differ."
        ) from error
    return _Shard(found, footer, schema, tuple(blocks))


def _check_columns(place: str, schema: pa.Schema) -> None:
    names = set(schema.names)
    if "input_ids" not in names or not names & {"token_count", "document_lengths"}:
        raise UsageError(
            f"{place}: has no token ids, but the columns {', '.join(schema.names)}.\n"
            "  Needed are input_ids and token_count: those of the folder tokens/ of a run."
        )


def _tokens(file: pq.ParquetFile, group: int) -> int:
    """Return the tokens of a row group, by its counts; packed rows are as long as they say."""
    metadata = file.schema_arrow.metadata or {}
    if b"packed_length" in metadata:
        return int(metadata[b"packed_length"]) * int(file.metadata.row_group(group).num_rows)
    counts = file.read_row_group(group, columns=["token_count"], use_threads=False)
    return pc.sum(counts["token_count"]).as_py() or 0


def _same_metadata(place: str, shards: Sequence[_Shard]) -> dict[str, str]:
    """Return what the shards say of themselves; UsageError where two are by other tokenizers."""
    said = [_said(shard.schema) for shard in shards]
    for shard, metadata in zip(shards, said, strict=True):
        if metadata != said[0]:
            raise UsageError(
                f"{place}: {basename(shards[0].found.file_path)} and "
                f"{basename(shard.found.file_path)} are by different tokenizers or policies.\n"
                "  Name a folder or a glob that holds shards of one kind."
            )
    return said[0]


def _said(schema: pa.Schema) -> dict[str, str]:
    metadata = schema.metadata or {}
    found = {key.decode(): value.decode() for key, value in metadata.items()}
    return {key: value for key, value in sorted(found.items()) if not key.startswith("ARROW:")}


def _lists(column: pa.Array) -> tuple[Ids, Counts]:
    """Return the values of all lists, one after another, and how many each list has."""
    values = np.asarray(column.flatten(), np.int32)
    counts = np.asarray(pc.fill_null(pc.list_value_length(column), 0), np.int64)
    return values, counts
