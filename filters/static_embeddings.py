"""Static embeddings: a text as the mean of the vectors of its parts, looked up in a table.

Three kinds of tables: vectors of words (as word2vec and GloVe write them), vectors of tokens
(model2vec, https://github.com/MinishLab/model2vec, which distils them from a sentence
transformer), and a fastText model, whose words have vectors of their n-grams of characters
(Bojanowski et al. 2017, arXiv 1607.04606).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.classifier import Vector, one_line

Table = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Rows of `table` by word, which is what stands between spaces, in lower case if not as is."""

    table: Table
    row_of: Mapping[str, int]

    def __call__(self, text: str) -> Vector:
        """Return the mean of the vectors of the words that have one."""
        rows = []
        for word in one_line(text).split():
            row = self.row_of.get(word)
            row = self.row_of.get(word.lower()) if row is None else row
            if row is not None:
                rows.append(row)
        return _mean(self.table, rows)


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Rows of `table` by token id; `tokens` takes a text to ids, unknown ones left out."""

    table: Table
    tokens: Callable[[str], Sequence[int]]
    normalize: bool = False
    """Whether the mean is brought to length 1."""

    def __call__(self, text: str) -> Vector:
        """Return the mean of the tokens' vectors."""
        found = _mean(self.table, list(self.tokens(text)))
        length = float(np.linalg.norm(found))
        return found / length if self.normalize and length > 0 else found


@dataclass(frozen=True, slots=True)
class FastTextVectors:
    """The sentence vectors of a fastText model, as `fasttext.load_model` returns it."""

    model: Any
    empty: Any
    """Makes an empty vector of the library's own, of a size."""

    def __call__(self, text: str) -> Vector:
        """Return the vector of the text as one line; newlines are spaces."""
        vector = self.empty(self.model.get_dimension())
        self.model.f.getSentenceVector(vector, one_line(text))
        return np.array(vector, dtype=np.float64)


def _mean(table: Table, rows: list[int]) -> Vector:
    if not rows:
        return np.zeros(table.shape[1])
    found: Vector = table[rows].mean(axis=0, dtype=np.float64)
    return found
