"""Under DeepSpeed two ranks share the batches that one stream has; where it is installed."""

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from pipelines.loading import Settings, TokenStream

pytest.importorskip("deepspeed", reason="not in the lock: its package compiles itself")
PROGRAM = Path(__file__).parent / "train_deepspeed.py"
ROOT = PROGRAM.parent.parent.parent


def test_deepspeed_trains_on_disjoint_batches_in_the_order_of_the_stream(
    shards: Path, tmp_path: Path
):
    run = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    done = subprocess.run(
        [sys.executable, *run, PROGRAM, shards, tmp_path / "said.jsonl", "5", "4"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DS_ACCELERATOR": "cpu"},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    found = {
        (line["step"], 2 * row + line["rank"]): ids
        for line in lines
        for row, ids in enumerate(line["rows"])
    }
    stream = TokenStream([shards], Settings(16, 5, 16, 1, None))
    expected = [s.input_ids.tolist() for (s,) in islice(stream.batches(0, 1), 20)]
    assert [found[place] for place in sorted(found)] == expected


def test_deepspeed_reads_what_is_exported(small_run: Path, tmp_path: Path):
    from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import MMapIndexedDataset

    from pipelines.export.binary import Options, export_tokens
    from tests.pipelines.memmaps import MEGATRON, read_megatron

    export_tokens(small_run, tmp_path / "out", "megatron", Options())
    prefix = tmp_path / "out/corpus_text_document"
    read = MMapIndexedDataset(str(prefix), skip_warmup=True)
    assert [row.tolist() for row in read] == read_megatron(prefix, MEGATRON)
