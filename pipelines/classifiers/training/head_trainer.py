"""A linear head on embeddings: logistic regression of two classes, ridge regression of scores.

FineWeb-Edu's classifier is a linear regression on frozen embeddings (arXiv 2406.17557, section 4).
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from filters.classifier import Embed, Head
from pipelines.classifiers.training.items import Labelled

Matrix = npt.NDArray[np.float64]
_STEPS, _ENOUGH = 50, 1e-10
_SMALL = 1e-12


def embedded(items: Sequence[Labelled], embed: Embed) -> Matrix:
    """Return the embeddings of texts, a row each."""
    return np.stack([embed(item.text) for item in items])


def train_head(
    rows: Matrix, values: Matrix, gives: Literal["probability", "score"], penalty: float
) -> Head:
    """Return the head of least loss; `penalty` is on the squares of the weights, per text."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale < _SMALL] = 1.0
    inputs = np.hstack([(rows - mean) / scale, np.ones((len(rows), 1))])
    ridge = np.full(inputs.shape[1], penalty * len(rows))
    ridge[-1] = 0.0  # the bias is free
    fit = _logistic if gives == "probability" else _ridge
    weights = fit(inputs, values, ridge)
    return Head(_short(mean), _short(scale), _short(weights[:-1]), float(np.float32(weights[-1])),
                gives)  # fmt: skip


def plain_head(head: Head) -> dict[str, Any]:
    """Return a head as classifier.json has it."""
    return {
        "gives": head.gives,
        "bias": head.bias,
        "weights": head.weights.tolist(),
        "mean": head.mean.tolist(),
        "scale": head.scale.tolist(),
    }


def _short(values: Matrix) -> Matrix:
    """Round to float32, so that the last bits of a sum do not show."""
    return values.astype(np.float32).astype(np.float64)


def _ridge(inputs: Matrix, values: Matrix, ridge: Matrix) -> Matrix:
    found = np.linalg.solve(inputs.T @ inputs + np.diag(ridge), inputs.T @ values)
    return np.asarray(found, np.float64)


def _logistic(inputs: Matrix, values: Matrix, ridge: Matrix) -> Matrix:
    """Newton's method; a step is halved while it makes the loss larger."""
    weights: Matrix = np.zeros(inputs.shape[1])
    loss = _loss(weights, inputs, values, ridge)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ weights, -500, 500)))
        slope = inputs.T @ (chance - values) + ridge * weights
        curve = (inputs.T * np.maximum(chance * (1 - chance), _SMALL)) @ inputs
        step = np.linalg.solve(curve + np.diag(ridge + _SMALL), slope)
        size = 1.0
        while size > _SMALL and _loss(weights - size * step, inputs, values, ridge) > loss:
            size /= 2
        weights = np.asarray(weights - size * step, np.float64)
        before, loss = loss, _loss(weights, inputs, values, ridge)
        if before - loss <= _ENOUGH * max(before, 1.0):
            break
    return weights


def _loss(weights: Matrix, inputs: Matrix, values: Matrix, ridge: Matrix) -> float:
    logits = inputs @ weights
    losses = np.logaddexp(0, logits) - values * logits
    return float(losses.sum() + (ridge * weights**2).sum() / 2)
