"""Token shards as a PyTorch dataset, and the same without PyTorch.

`TokenDataset` and `TokenLoader` need PyTorch (the extra `torch`), all else NumPy and
pyarrow. docs/training.md shows how they are used.
"""

from typing import TYPE_CHECKING, Any

from pipelines.loading.batch import collate
from pipelines.loading.shards import TokenShards, open_shards
from pipelines.loading.source import Sample, Settings
from pipelines.loading.stream import Share, TokenStream

if TYPE_CHECKING:
    from pipelines.loading.torch_dataset import TokenDataset, TokenLoader

__all__ = [
    "Sample",
    "Settings",
    "Share",
    "TokenDataset",
    "TokenLoader",
    "TokenShards",
    "TokenStream",
    "collate",
    "open_shards",
]


def __getattr__(name: str) -> Any:
    if name not in ("TokenDataset", "TokenLoader"):
        raise AttributeError(f"module 'pipelines.loading' has no attribute '{name}'")
    from pipelines.loading import torch_dataset

    return getattr(torch_dataset, name)
