"""Classifiers of a text: a score from a model that somebody else has loaded.

A fastText classifier is asked as DCLM asks its own (Li et al. 2024, arXiv 2406.11794, section 4;
mlfoundations/dclm, baselines/mappers/enrichers/quality_prediction_enrichers_calc_fasttext.py):
the text is stripped, its lines are joined by spaces, and of two labels the score is the
probability of the likelier one, or one minus it. An embedding classifier is a linear head on the
mean of static embeddings; FineWeb-Edu's is one on those of a transformer (arXiv 2406.17557,
section 4).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from filters.text import without_surrogates

Vector: TypeAlias = npt.NDArray[np.float64]
Embed: TypeAlias = Callable[[str], Vector]
"""Takes a text to the mean of its parts' embeddings; zeros for a text without any."""
Gives: TypeAlias = Literal["probability", "score", "log_ratio"]
"""What a score is: of a class, on the scale of labels, or of two distributions of words."""
_TWO = 2
_LIMIT = 700.0
"""Logits beyond which the exponential function leaves float64."""


class Scorer(Protocol):
    """Scores a text; the same text always gives the same score."""

    def __call__(self, text: str) -> float:
        """Return the score."""


def one_line(text: str) -> str:
    r"""Return a text as fastText gets it: stripped, any run's line ends as one space each.

    Lines are those of `str.splitlines`, as in DCLM; a newline is at the end, which fastText's
    wrapper adds.
    """
    return " ".join(without_surrogates(text).strip().splitlines()) + "\n"


@dataclass(frozen=True, slots=True)
class FastTextScorer:
    """The probability of `label`, by a model as `fasttext.load_model` returns it."""

    model: Any
    label: str
    labels: int
    """How many labels the model has."""

    def __call__(self, text: str) -> float:
        """Return the probability, 0 to about 1; 0 where the model answers nothing."""
        if self.labels > _TWO:
            found = self.model.f.predict(one_line(text), -1, 0.0, "strict")
            return next((float(score) for score, label in found if label == self.label), 0.0)
        found = self.model.f.predict(one_line(text), 1, 0.0, "strict")
        if not found:
            return 0.0
        score, label = found[0]
        return float(score) if label == self.label else 1 - float(score)


@dataclass(frozen=True, slots=True)
class Head:
    """A linear function of an embedding; `mean` and `scale` are those of the texts trained on."""

    mean: Vector
    scale: Vector
    weights: Vector
    bias: float
    gives: Literal["probability", "score"]

    def __call__(self, embedded: Vector) -> float:
        """Return the probability of the positive class, or the score of a regression."""
        value = float(np.dot((embedded - self.mean) / self.scale, self.weights)) + self.bias
        return logistic(value) if self.gives == "probability" else value


@dataclass(frozen=True, slots=True)
class HeadScorer:
    """A head on the mean of static embeddings."""

    embed: Embed
    head: Head

    def __call__(self, text: str) -> float:
        """Return what the head says of the text's embedding."""
        return self.head(self.embed(text))


def logistic(value: float) -> float:
    """Return the logistic function, without overflow."""
    return 1 / (1 + math.exp(-max(-_LIMIT, min(value, _LIMIT))))
