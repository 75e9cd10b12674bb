"""Packed rows: no token lost or doubled, whatever the lengths."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger import TOKENS
from pipelines.storage import Attempt
from pipelines.tokens import packed as module
from pipelines.tokens.pack import Row, best_fit, in_order
from pipelines.tokens.packed import PackJob, write_packed
from pipelines.tokens.special import SpecialTokens
from pipelines.tokens.write import ShardTokenizer

LENGTHS = st.lists(st.integers(0, 40), max_size=60)
USED = ShardTokenizer("nowhere", "some", "0" * 64, SpecialTokens(5000, pad_id=9))


def check_whole(lengths: Sequence[int], rows: Sequence[Row], length: int) -> None:
    """Every token of every document is in exactly one place, and no row is too long."""
    places = [
        (part.document, part.start + at)
        for row in rows
        for part in row
        for at in range(part.length)
    ]
    assert sorted(places) == [(n, at) for n, whole in enumerate(lengths) for at in range(whole)]
    assert all(0 < sum(part.length for part in row) <= length for row in rows)
    assert all(part.length > 0 for row in rows for part in row)


@settings(max_examples=400)
@given(lengths=LENGTHS, length=st.integers(1, 25))
def test_no_token_is_lost_or_doubled(lengths: list[int], length: int):
    for pack in (in_order, best_fit):
        check_whole(lengths, pack(lengths, length), length)


@settings(max_examples=300)
@given(lengths=LENGTHS, length=st.integers(1, 25))
def test_in_order_only_the_last_row_has_room_and_nothing_changes_places(lengths, length):
    rows = in_order(lengths, length)
    assert all(sum(part.length for part in row) == length for row in rows[:-1])
    parts = [part for row in rows for part in row]
    assert parts == sorted(parts)


@settings(max_examples=300)
@given(lengths=LENGTHS, length=st.integers(1, 25))
def test_best_fit_cuts_only_what_is_longer_than_a_row(lengths, length):
    rows = best_fit(lengths, length)
    parts = [part for row in rows for part in row]
    for document, whole in enumerate(lengths):
        cut = [part.length for part in parts if part.document == document]
        assert len(cut) == -(-whole // length)
        assert sum(piece < length for piece in cut) <= 1
    # No two rows could be one: a part goes into a new row only where no other has room.
    used = sorted(sum(part.length for part in row) for row in rows)
    assert len(used) < 2 or used[0] + used[1] > length


def test_best_fit_takes_the_fullest_row_that_has_room():
    assert best_fit([6, 5, 4, 5], 10) == [[(0, 0, 6), (2, 0, 4)], [(1, 0, 5), (3, 0, 5)]]
    assert best_fit([23], 10) == [[(0, 0, 10)], [(0, 10, 10)], [(0, 20, 3)]]


def write_shard(path: Path, documents: Sequence[Sequence[int]]) -> None:
    columns = {
        "id": [str(number) for number in range(len(documents))],
        "input_ids": documents,
        "token_count": [len(ids) for ids in documents],
    }
    pq.write_table(pa.table(columns, schema=TOKENS), path, row_group_size=50)


def packed_rows(folder: Path, documents, length, packing):
    (folder / "run").mkdir(exist_ok=True)
    write_shard(folder / "shard.parquet", documents)
    attempt = Attempt(folder / "run", "packed", "local/000_00000")
    job = PackJob("local/000_00000", folder / "shard.parquet", length, packing, USED.metadata(), 9)
    facts = write_packed(attempt, job)
    (written,) = attempt.seal()
    assert written.path == "packed/local-000_00000.parquet"
    attempt.place()
    return facts, pq.read_table(folder / "run" / written.path)


@pytest.mark.parametrize("packing", ["best_fit", "in_order"])
@pytest.mark.parametrize("window", [1, 1000, 10**9])
def test_a_shard_comes_back_whole_from_its_packed_rows(tmp_path, monkeypatch, packing, window):
    monkeypatch.setattr(module, "_WINDOW_TOKENS", window)
    monkeypatch.setattr(module, "_WINDOW_ROWS", 1)
    chance = random.Random(packing)
    sizes = [0, 300, *(chance.randint(0, 90) for _ in range(150)), 0]
    documents = [[chance.randrange(10, 5000) for _ in range(size)] for size in sizes]
    facts, table = packed_rows(tmp_path, documents, 64, packing)
    found = [np.full(size, -1) for size in sizes]
    for row in table.to_pylist():
        assert len(row["input_ids"]) == 64
        place = 0
        parts = row["document_rows"], row["document_starts"], row["document_lengths"]
        for document, start, size in zip(*parts, strict=True):
            assert (found[document][start : start + size] == -1).all()
            found[document][start : start + size] = row["input_ids"][place : place + size]
            place += size
        assert row["input_ids"][place:] == [9] * (64 - place)
    assert [ids.tolist() for ids in found] == documents
    tokens = sum(sizes)
    assert facts == {
        "rows": table.num_rows, "documents": len(sizes), "tokens": tokens,
        "segments": sum(map(len, table["document_lengths"].to_pylist())),
        "padding": table.num_rows * 64 - tokens, "length": 64, "packing": packing,
    }  # fmt: skip
    if packing == "in_order":
        assert facts["padding"] < 64
    said = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    of_rows = {"packed_length": "64", "packing": packing, "pad_token_id": "9"}
    assert said.items() >= {**of_rows, "tokenizer_sha256": "0" * 64}.items()


def test_a_shard_without_tokens_gives_no_row(tmp_path):
    facts, table = packed_rows(tmp_path, [[], []], 64, "best_fit")
    assert (facts["rows"], facts["padding"], facts["documents"]) == (0, 0, 2)
    assert table.num_rows == 0
