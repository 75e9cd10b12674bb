"""A training as a person writes it: DeepSpeed, with our loader in the loop.

torchrun --nproc_per_node N train_deepspeed.py SHARDS FILE STEPS GLOBAL_BATCH

Appends to FILE, rank by rank and step by step, the batch and the loss.
"""

import json
import sys

import deepspeed
from torch import nn

from pipelines.loading import TokenDataset, TokenLoader

shards, file, steps, batch_size = *sys.argv[1:3], *map(int, sys.argv[3:])
deepspeed.init_distributed("gloo")
model = nn.Sequential(nn.Embedding(256, 16), nn.Linear(16, 256))
config = {
    "train_batch_size": batch_size,
    "zero_optimization": {"stage": 1},
    "optimizer": {"type": "AdamW", "params": {"lr": 1e-3, "torch_adam": True}},
}
engine, *_ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=config)
dataset = TokenDataset(
    shards, batch_size=engine.train_micro_batch_size_per_gpu(), sequence_length=16, seed=5
)
for step, batch in enumerate(TokenLoader(dataset)):
    if step == steps:
        break
    logits = engine(batch["input_ids"])[:, :-1]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
    engine.backward(loss)
    engine.step()
    line = {"rank": dataset.rank, "step": step, "rows": batch["input_ids"].tolist()}
    with open(file, "a") as stream:  # noqa: PTH123  as people write it
        stream.write(json.dumps({**line, "loss": loss.item()}) + "\n")
