"""Beginnings for tools that are started by a program of one's own.

What comes from a run or a person stands in them as a literal of Python, or quoted for the
shell.
"""

from shlex import quote

from pipelines.export.configs import STEPS, Start

_UNSLOTH = '''\
"""LoRA on the dataset of a run with Unsloth: python unsloth_train.py (needs a GPU)."""

from unsloth import FastLanguageModel  # isort: skip  # before those that it changes

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

DATA = {data!r}
MODEL = {model!r}
OUTPUT = {output!r}
LENGTH = {length}

model, tokenizer = FastLanguageModel.from_pretrained(
    model_name=MODEL, max_seq_length=LENGTH, load_in_4bit=True
)
model = FastLanguageModel.get_peft_model(
    model,
    r=16,
    lora_alpha=32,
    lora_dropout=0,
    bias="none",
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    use_gradient_checkpointing="unsloth",
)
# Its RawTextDataLoader takes no Parquet and joins all text in memory; a dataset is mapped.
dataset = load_dataset("parquet", data_files=DATA, split="train").select_columns(["text"])
trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=dataset.shuffle(seed=0),
    args=SFTConfig(
        dataset_text_field="text",
        packing=True,
        packing_strategy="wrapped",
        max_length=LENGTH,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=8,
        learning_rate=2e-4,
        max_steps={steps},
        logging_steps=1,
        report_to="none",
        output_dir=OUTPUT,
    ),
)
trainer.train()
'''
_TORCHTITAN = '''\
"""A small Llama 3 on the dataset of a run, for torchtitan 0.3.

In this folder: torchrun -m torchtitan.train --module cuvee_torchtitan --config pretrain
"""

from datasets import load_dataset
from torchtitan.components.loss import ChunkedLossWrapper, CrossEntropyLoss
from torchtitan.hf_datasets import DatasetConfig
from torchtitan.hf_datasets.text_datasets import DATASETS, HuggingFaceTextDataLoader
from torchtitan.models.llama3 import model_registry
from torchtitan.models.llama3.config_registry import llama3_debugmodel
from torchtitan.trainer import Trainer

DATA = {data!r}
TOKENIZER = {tokenizer!r}
VOCABULARY = {vocabulary}


def _load(path: str):
    """Stream the dataset, mixed: in its files the pages of a host lie together."""
    rows = load_dataset("parquet", data_files=path, split="train", streaming=True)
    return rows.select_columns(["text"]).shuffle(seed=0, buffer_size=10_000)


DATASETS["cuvee"] = DatasetConfig(
    path=DATA, loader=_load, sample_processor=lambda row: row["text"]
)


def pretrain() -> Trainer.Config:
    spec = model_registry("debugmodel")
    spec.model.vocab_size = VOCABULARY
    spec.model.tok_embeddings.num_embeddings = VOCABULARY
    spec.model.lm_head.out_features = VOCABULARY
    config = llama3_debugmodel()
    config.model_spec = spec
    config.loss = ChunkedLossWrapper.Config(
        loss_fn=CrossEntropyLoss.Config(global_vocab_size=VOCABULARY)
    )
    config.hf_assets_path = TOKENIZER
    config.dataloader = HuggingFaceTextDataLoader.Config(dataset="cuvee")
    config.validator.enable = False
    config.training.seq_len = {length}
    config.training.steps = {steps}
    return config
'''
_MEGATRON = """\
#!/bin/sh
# A small GPT on the tokens of a run, on one GPU: MEGATRON=path/to/Megatron-LM sh megatron.sh
# All options: python "$MEGATRON/pretrain_gpt.py" --help
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)

exec torchrun --nproc_per_node 1 "$MEGATRON/pretrain_gpt.py" \\
    --data-path "$HERE/data/corpus_text_document" \\
    --split 99,1,0 \\
    --tokenizer-type HuggingFaceTokenizer \\
    --tokenizer-model {tokenizer} \\
    --reset-position-ids \\
    --reset-attention-mask \\
    --eod-mask-loss \\
    --num-layers 8 \\
    --hidden-size 512 \\
    --num-attention-heads 8 \\
    --seq-length {length} \\
    --max-position-embeddings {length} \\
    --micro-batch-size 1 \\
    --global-batch-size 8 \\
    --train-iters {steps} \\
    --lr 3.0e-4 \\
    --min-lr 3.0e-5 \\
    --lr-decay-style cosine \\
    --lr-warmup-fraction 0.1 \\
    --weight-decay 0.1 \\
    --clip-grad 1.0 \\
    --bf16 \\
    --log-interval 1 \\
    --eval-interval {steps} \\
    --eval-iters 10 \\
    --save "$HERE/checkpoints" \\
    --save-interval {steps} \\
    "$@"
"""


def unsloth(start: Start) -> str:
    """Return a program for Unsloth (2026.10): `FastLanguageModel`, then TRL's trainer."""
    return _UNSLOTH.format(
        data=start.data,
        model=start.model,
        output=str(start.output / "adapter"),
        length=start.sequence_length,
        steps=STEPS,
    )


def torchtitan(start: Start) -> str:
    """Return a module for torchtitan 0.3: its own dataset, as docs/datasets.md asks for."""
    return _TORCHTITAN.format(
        data=start.data,
        tokenizer=str(start.output / "tokenizer"),
        vocabulary=start.facts["vocabulary"],
        length=start.sequence_length,
        steps=STEPS,
    )


def megatron(start: Start) -> str:
    """Return a shell script that starts Megatron-LM's `pretrain_gpt.py`."""
    name = start.facts["tokenizer_name"]
    own = str(start.output / "data" / "tokenizer")
    tokenizer = '"$HERE/data/tokenizer"' if name == own else quote(name)
    return _MEGATRON.format(tokenizer=tokenizer, length=start.sequence_length, steps=STEPS)
