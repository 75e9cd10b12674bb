"""The parts of a quantised fastText classifier's file that predicting with it needs.

The format is that of fastText 0.9.2 (`FastText::saveModel`, `Args::save`,
`Dictionary::save`, `QuantMatrix::save`): little-endian, nothing between the parts.
"""

import struct
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]

_MAGIC, _VERSION = 793712314, 12
_HIERARCHICAL, _SUPERVISED = 1, 3
_CENTROIDS = 256
_MOST_BUCKETS, _LONGEST = 1 << 24, 8


@dataclass(frozen=True, slots=True)
class FastTextFile:
    """A supervised model: n-grams without single characters, hierarchical softmax."""

    shortest: int
    longest: int
    """Characters of an n-gram, 2 or more."""
    buckets: int
    words: tuple[bytes, ...]
    """The vocabulary; a word's place is its row of `inputs`."""
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    """How often each label was seen, which decides the shape of the tree."""
    kept: npt.NDArray[np.int32]
    """Pairs of the n-gram buckets that were not pruned, and their rows of `inputs`."""
    inputs: Floats
    """Dequantised, (rows, dimensions)."""
    outputs: Floats
    """One row for each inner node of the tree, and one to spare."""


def read_fasttext(file: bytes) -> FastTextFile:
    """Return what a model's file holds. ValueError if it is no model of this kind."""
    try:
        return _read(_Reader(file))
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError(f"no quantised fastText classifier: {error}") from error


class _Reader:
    def __init__(self, file: bytes) -> None:
        self._file = file
        self._at = 0

    def fields(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + form, self._file, self._at)
        self._at += struct.calcsize("<" + form)
        return found

    def array(self, kind: str, *shape: int) -> npt.NDArray[Any]:
        size = int(np.prod(shape, dtype=object))
        _expect(0 <= size <= len(self._file), "sizes")
        found = np.frombuffer(self._file, kind, size, self._at).reshape(shape)
        self._at += found.nbytes
        return found

    def entry(self) -> tuple[bytes, int, int]:
        """Return a word or label, its count, and 0 or 1."""
        end = self._file.index(b"\0", self._at)
        name, self._at = self._file[self._at : end], end + 1
        return (name, *self.fields("qb"))

    def is_at_end(self) -> bool:
        return self._at == len(self._file)


def _read(file: _Reader) -> FastTextFile:
    magic, version, dimensions, _, _, _, _, joined, *rest = file.fields("14i")
    loss, kind, buckets, shortest, longest, _ = rest
    _expect((magic, version) == (_MAGIC, _VERSION), "magic number or version")
    _expect((loss, kind, joined) == (_HIERARCHICAL, _SUPERVISED, 1), "kind of model")
    _expect(1 < shortest <= longest <= _LONGEST and 0 < buckets <= _MOST_BUCKETS, "n-grams")
    file.fields("d")
    entries, words, labels, _, kept = file.fields("iiiqq")
    _expect(kept > 0 and words + labels == entries and labels > 1, "dictionary")
    names, counts, kinds = zip(*(file.entry() for _ in range(entries)), strict=True)
    _expect(kinds == (0,) * words + (1,) * labels, "order of the dictionary")
    pruned = file.array("<i4", kept, 2) + np.array([0, words], np.int32)
    _expect(file.fields("?") == (True,), "input")
    inputs = _quantised(file)
    _expect(inputs.shape == (words + kept, dimensions), "input")
    _expect(pruned.min() >= 0 and int(pruned[:, 0].max()) < buckets, "buckets")
    _expect(int(pruned[:, 1].max()) < len(inputs), "buckets")
    _expect(file.fields("?qq") == (False, labels, dimensions), "output")
    outputs = file.array("<f4", labels, dimensions)
    _expect(file.is_at_end(), "end")
    return FastTextFile(
        shortest=shortest,
        longest=longest,
        buckets=buckets,
        words=names[:words],
        labels=tuple(name.decode() for name in names[words:]),
        counts=counts[words:],
        kept=pruned,
        inputs=inputs,
        outputs=outputs,
    )


def _quantised(file: _Reader) -> Floats:
    """Return the rows of a product quantiser: centroids side by side, times the row's norm."""
    has_norms, rows, dimensions, _ = file.fields("?qqi")
    _expect(rows > 0 and dimensions > 0, "rows")
    _expect(dimensions % 2 == 0, "dimensions")
    codes = file.array("u1", rows, dimensions // 2)
    _expect(file.fields("4i") == (dimensions, dimensions // 2, 2, 2), "quantiser")
    centroids = file.array("<f4", dimensions // 2, _CENTROIDS, 2)
    found: Floats = centroids[np.arange(dimensions // 2), codes].reshape(rows, dimensions)
    if has_norms:
        norms = file.array("u1", rows)
        _expect(file.fields("4i") == (1, 1, 1, 1), "norms")
        found = found * file.array("<f4", _CENTROIDS)[norms][:, None]
    return found


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"no quantised fastText classifier that is understood: {what}")
