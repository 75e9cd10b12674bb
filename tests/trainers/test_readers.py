"""Exported token ids, read by the code with which they are trained on."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipelines.export.binary import Options, export_tokens
from pipelines.loading import open_shards

END = 0  # of the tokenizer that the small run has trained: <|endoftext|>


@pytest.fixture(scope="module")
def expected(small_run: Path) -> list[list[int]]:
    shards = open_shards(small_run)
    documents = []
    for block in shards.blocks:
        rows = shards.read([block])
        parts = np.split(rows.ids, np.cumsum(rows.lengths)[:-1])
        documents += [[*part.tolist(), END] for part in parts]
    assert len(documents) > 5
    return documents


@pytest.mark.parametrize("dtype", ["int32", "uint16"])
def test_megatron_reads_every_document(small_run, expected, tmp_path, dtype):
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    export_tokens(small_run, tmp_path / "out", "megatron", Options(dtype=dtype))
    read = IndexedDataset(str(tmp_path / "out/corpus_text_document"), mmap=True)
    assert read.index.dtype == np.dtype(dtype)
    assert [row.tolist() for row in read] == expected
    assert read.document_indices.tolist() == list(range(len(expected) + 1))


def test_megatron_makes_training_samples_of_it(small_run, expected, tmp_path):
    from megatron.core.datasets.blended_megatron_dataset_builder import (
        BlendedMegatronDatasetBuilder,
    )
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    export_tokens(small_run, tmp_path / "out", "megatron", Options())
    config = GPTDatasetConfig(
        random_seed=1,
        sequence_length=32,
        blend=([str(tmp_path / "out/corpus_text_document")], None),
        split="1,0,0",
        reset_position_ids=True,
        reset_attention_mask=True,
        eod_mask_loss=True,
        tokenizer=_Eod(END, 400),
        path_to_cache=str(tmp_path / "cache"),
        mid_level_dataset_surplus=0.005,
    )
    train, *_ = BlendedMegatronDatasetBuilder(GPTDataset, [20, 0, 0], lambda: True, config).build()
    pairs = {pair for row in expected for pair in pairwise(row)}
    for sample in (train[i] for i in range(20)):
        tokens, labels = sample["tokens"].tolist(), sample["labels"].tolist()
        assert len(tokens) == 32
        assert tokens[1:] == labels[:-1]
        inside = [p for p in zip(tokens, labels, strict=True) if p[0] != END]
        assert pairs.issuperset(inside)
        places = sample["position_ids"].tolist()
        begun = [i + 1 for i, token in enumerate(tokens[:-1]) if token == END]
        assert [i for i, place in enumerate(places) if place == 0] == [0, *begun]


class _Eod:
    """What Megatron asks of a tokenizer when it makes samples."""

    def __init__(self, end: int, vocab_size: int) -> None:
        self.eod = end
        self.pad = -1
        self.vocab_size = vocab_size
        self.unique_identifiers = {"end": end}


def test_the_loader_of_datatrove_and_nanotron_reads_all_tokens(small_run, expected, tmp_path):
    from datatrove.utils.dataset import DatatroveFolderDataset

    done = export_tokens(small_run, tmp_path / "out", "nanotron", Options())
    joined = [token for row in expected for token in row]
    length = 15
    read = DatatroveFolderDataset(
        str(tmp_path / "out"), length, filename_pattern="*.ds", token_size=2,
        return_positions=True,
    )  # fmt: skip
    assert len(done.files) == 3
    assert len(read) == len(joined) // (length + 1)
    ends = np.cumsum([len(row) for row in expected])
    for number in range(len(read)):
        item = read[number]
        at = number * (length + 1)
        assert item["input_ids"].tolist() == joined[at : at + length + 1]
        starts = [at, *(int(end) for end in ends if at < end < at + length + 1)]
        places = [place - max(s for s in starts if s <= place) for place in range(at, at + 16)]
        assert item["positions"].tolist() == places
