"""`TokenDataset` and `TokenLoader` give PyTorch's loader the samples of the stream, in order."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from pipelines.loading import Settings, TokenDataset, TokenLoader, TokenStream
from tests.pipelines.token_shards import Documents, write_packed

LENGTH = 16


@pytest.fixture(scope="module")
def expected(shards: Path) -> list[list[int]]:
    stream = TokenStream([shards], Settings(LENGTH, 3, 4, 1, None))
    return [sample.input_ids.tolist() for (sample,) in stream.batches(0, 1)]


def dataset(shards: Path, size: int = 4, **more) -> TokenDataset:
    return TokenDataset(shards, batch_size=size, sequence_length=LENGTH, seed=3, lanes=4, **more)


def rows(batches) -> list[list[int]]:
    return [row for batch in batches for row in batch["input_ids"].tolist()]


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_any_number_of_workers_gives_the_same_batches(shards, expected, workers, start):
    if start == "spawn" and workers != 1:
        pytest.skip("starting an interpreter takes seconds: once is enough")
    context = {"multiprocessing_context": start} if workers else {}
    loader = TokenLoader(dataset(shards, drop_last=False), workers, **context)
    assert rows(loader) == expected


def test_a_loader_of_pytorch_as_people_write_it_does_the_same(shards, expected):
    loader = DataLoader(dataset(shards), batch_size=None, num_workers=2)
    found = rows(loader)
    assert found == expected[: len(found)]
    assert len(expected) - len(found) < 4


def test_batches_are_tensors_of_int64(shards):
    batch = next(iter(TokenLoader(dataset(shards))))
    assert set(batch) == {"input_ids", "labels", "position_ids", "attention_mask"}
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}
    assert {tuple(tensor.shape) for tensor in batch.values()} == {(4, LENGTH)}


def test_the_state_counts_what_was_given_out_and_not_what_workers_hold_ready(shards, expected):
    loader = TokenLoader(dataset(shards), 2, prefetch_factor=4)
    first = rows(itertools.islice(loader, 5))
    state = json.loads(json.dumps(loader.state_dict()))
    assert state["position"] == 20
    other = TokenLoader(dataset(shards, 2, drop_last=False), 1)
    other.load_state_dict(state)
    assert first + rows(other) == expected


def test_a_loader_goes_on_where_it_was_left(shards, expected):
    loader = TokenLoader(dataset(shards))
    first = rows(itertools.islice(loader, 3))
    second = rows(itertools.islice(loader, 3))
    assert first + second == expected[:24]


def test_ranks_come_from_the_environment_of_torchrun(shards, expected, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    found = rows(itertools.islice(TokenLoader(dataset(shards)), 2))
    assert found == expected[1:24:3]


def test_documents_of_different_lengths_are_padded(shards: Path, documents: Documents):
    loader = TokenLoader(TokenDataset(shards, batch_size=8, seed=None, lanes=1, pad=255))
    batch = next(iter(loader))
    lengths = [len(document) for document in documents[:8]]
    assert batch["attention_mask"].sum(1).tolist() == lengths
    assert (batch["labels"] == -100).sum(1).tolist() == [max(lengths) - n for n in lengths]
    assert batch["input_ids"][batch["attention_mask"] == 0].unique().tolist() == [255]


def test_packed_rows_keep_their_documents_apart(tmp_path: Path):
    folder = write_packed(tmp_path / "packed", [[[1, 2, 3], [4]], [[5, 6]]], 5)
    batch = next(iter(TokenLoader(TokenDataset(folder, batch_size=2, seed=None, lanes=1))))
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 0], [0, 1, 0, 1, 2]]
    assert batch["labels"].tolist() == [[1, 2, 3, 4, -100], [5, 6, -100, -100, -100]]
