"""A training as a person writes it: FSDP, a checkpoint every few steps, resumed if there is one.

torchrun --nproc_per_node N train_fsdp.py SHARDS FOLDER STEPS WORKERS

Appends to FOLDER/steps.jsonl, step by step, the global batch and the loss.
"""

import json
import sys
import time
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from torch import distributed, nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard

from pipelines.loading import TokenDataset, TokenLoader

SEQUENCE, VOCABULARY, GLOBAL_BATCH, EVERY = 16, 256, 12, 3


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 32)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(32, VOCABULARY)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        hidden = self.embedding(ids)
        for layer in self.layers:
            hidden = layer(hidden, src_mask=mask, is_causal=True)
        return self.head(hidden)


def main() -> None:
    shards, folder, steps, workers = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    distributed.init_process_group("gloo")
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    torch.manual_seed(0)
    model = Tiny()
    for layer in model.layers:
        fully_shard(layer)
    fully_shard(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    dataset = TokenDataset(
        shards, batch_size=GLOBAL_BATCH // ranks, sequence_length=SEQUENCE, seed=7, epochs=None,
        end_of_document=2, lanes=12,
    )  # fmt: skip
    loader = TokenLoader(dataset, workers)
    step = resume(folder, model, optimizer, loader)
    for batch in loader:
        if step >= steps:
            break
        logits = model(batch["input_ids"])[:, :-1]
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        tell(folder, rank, step, batch["input_ids"], loss.detach())
        if step % EVERY == 0:
            save(folder, step, model, optimizer, loader)
        time.sleep(0.05)
    distributed.destroy_process_group()


def tell(folder: Path, rank: int, step: int, ids: torch.Tensor, loss: torch.Tensor) -> None:
    parts = [torch.empty_like(ids) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, ids)
    distributed.all_reduce(loss)
    if rank == 0:
        batch = torch.stack(parts, 1).flatten(0, 1).tolist()  # by their positions
        line = {"step": step, "batch": batch, "loss": loss.item() / len(parts)}
        with (folder / "steps.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def save(folder, step, model, optimizer, loader) -> None:
    weights, moments = get_state_dict(model, optimizer)
    place = folder / f"step-{step}"
    dcp.save({"model": weights, "optimizer": moments}, checkpoint_id=place)
    if distributed.get_rank() == 0:
        whole = {"step": step, "data": loader.state_dict()}
        (folder / "last.tmp").write_text(json.dumps(whole))
        (folder / "last.tmp").replace(folder / "last.json")
    distributed.barrier()


def resume(folder, model, optimizer, loader) -> int:
    if not (folder / "last.json").exists():
        return 0
    last = json.loads((folder / "last.json").read_text())
    weights, moments = get_state_dict(model, optimizer)
    state = {"model": weights, "optimizer": moments}
    dcp.load(state, checkpoint_id=folder / f"step-{last['step']}")
    set_state_dict(
        model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"]
    )
    loader.load_state_dict(last["data"])
    return last["step"]


main()
