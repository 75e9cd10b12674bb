"""Samples put together as models take them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.loading.source import Sample

NO_LOSS = -100
"""Label of what a model is not to learn; PyTorch's cross entropy leaves it out."""
Batch = dict[str, npt.NDArray[np.int64]]


def collate(samples: Sequence[Sample], pad: int = 0) -> Batch:
    """Return arrays of int64, shape (samples, longest sample).

    `input_ids`; `labels`, the same but for padding (models shift them by themselves);
    `position_ids`, from 0 in each document, by which attention stays inside of it;
    `attention_mask`, 0 for padding.
    """
    shape = len(samples), max(len(sample.input_ids) for sample in samples)
    ids = np.full(shape, pad, np.int64)
    labels = np.full(shape, NO_LOSS, np.int64)
    positions = np.zeros(shape, np.int64)
    mask = np.zeros(shape, np.int64)
    for row, sample in enumerate(samples):
        ids[row, : len(sample.input_ids)] = sample.input_ids
        counts = np.array([*sample.document_lengths, shape[1] - sum(sample.document_lengths)])
        positions[row] = np.arange(shape[1]) - np.repeat(np.cumsum(counts) - counts, counts)
        used = sum(sample.document_lengths)
        labels[row, :used] = ids[row, :used]
        mask[row, :used] = 1
    return {
        "input_ids": ids,
        "labels": labels,
        "position_ids": positions,
        "attention_mask": mask,
    }
