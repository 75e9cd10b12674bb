"""The likeliest label of a text, bit for bit as fastText's, in less than half the time.

fastText (0.9.2) adds up one row for each word of its vocabulary and each n-gram of
characters that was not pruned, and walks a Huffman tree with the mean (Joulin et al.
2016, "Bag of Tricks for Efficient Text Classification"; 2017, "FastText.zip"). Most of
its time goes into a hash table of buckets, asked n-gram by n-gram. Here the n-grams of a
whole text are hashed at once and looked up in an array. For the same bits,

- rows are added in fastText's order and precision,
- the kernels search the tree as fastText does; without them all labels are weighed roughly,
  and only where one is clearly ahead its score is computed, step by step in fastText's
  precision with the C library's own `expf`,
- a text with a word that fastText reads otherwise is left to fastText.
"""

import ctypes
import math
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any, TypeAlias
from weakref import finalize

import numpy as np
import numpy.typing as npt

from filters.fasttext_file import FastTextFile, Floats, read_fasttext
from filters.native import kernels

Numbers: TypeAlias = npt.NDArray[np.uint32]
Rows: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]
Places: TypeAlias = npt.NDArray[np.intp]

_FNV_START, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
_UTF8 = (
    (0x7F, np.uint32(0xFFFFFFC0)),
    (0x7FF, np.uint32(0xFFFFFFE0)),
    (0xFFFF, np.uint32(0xFFFFFFF0)),
)
"""The last character of one byte, of two, of three; what marks the first byte of a longer one."""
_CONTINUED = np.uint32(0xFFFFFF80)
_CLEAR = 1e-3
"""Lead of a label over the second, in logarithms; rounding and fastText's order of search
change less than a third of that."""
_END, _LABEL = b"</s>", b"__label__"
_LONGEST = 1 << 20
"""Bytes of the longest text that is read at once, so that memory is bounded."""
_PROBES = (
    "",
    "x",
    "This is a sentence that is written in English.",
    "Das ist ein Satz, der auf Deutsch geschrieben ist; größer, schöner.",
    "Это предложение написано по-русски\nи на двух строках.",
    "これは日本語で書かれた文です。 한국어 문장입니다 \U0001f600 \u00a0 \x1c <b> é",
    "one\x00two\x0bthree\x0cfour\r\nfive " * 40,
)


class QuickPredictor:
    """A model's predictions from its file's parts."""

    def __init__(self, file: FastTextFile) -> None:
        # A row of zero is no row, so that they fit 16 bits and need no mask: all are one up.
        kind = np.min_scalar_type(len(file.inputs))
        self._rows = np.concatenate([np.zeros_like(file.inputs[:1]), file.inputs])
        self._row_of_bucket = np.zeros(file.buckets, kind)
        self._row_of_bucket[file.kept[:, 0]] = file.kept[:, 1] + 1
        self._row_of_word = {word: row for row, word in enumerate(file.words, 1)}
        if _END not in self._row_of_word:
            raise ValueError("a model without a row for the end of a line")
        self._end = self._row_of_word[_END]
        self._sizes = range(file.shortest, file.longest + 1)
        self._buckets = np.uint32(file.buckets)
        self._labels = file.labels
        self._tree = _Tree(file)
        self._kernel = self._compiled()

    def _compiled(self) -> Callable[[bytes], tuple[int, float] | None] | None:
        """Return what finds a line's label and score in the kernels; None where there are none."""
        library = kernels()
        words = list(self._row_of_word)
        if library is None or any(b"\n" in word for word in words):
            return None
        inputs = np.ascontiguousarray(self._rows[1:])
        buckets = self._row_of_bucket.astype(np.uint32)
        if max(int(buckets.max()), len(words), self._end) > len(inputs):
            raise ValueError("rows that the model does not have")
        listing = b"".join(word + b"\n" for word in words)
        handle = library.fasttext_new(
            inputs.ctypes.data, *inputs.shape, buckets.ctypes.data, len(buckets),
            self._sizes[0], self._sizes[-1], self._end, listing, len(listing),
            self._tree.outputs.ctypes.data, self._tree.children.ctypes.data,
            len(self._tree.children),
        )  # fmt: skip
        if not handle:
            raise MemoryError
        finalize(self, partial(library.fasttext_free, handle))
        label, score = ctypes.c_int64(), ctypes.c_float()
        places = ctypes.byref(label), ctypes.byref(score)

        def likeliest(line: bytes) -> tuple[int, float] | None:
            found = library.fasttext_predict(handle, line, len(line), *places)
            if found < 0:
                raise MemoryError
            return (label.value, score.value) if found else None

        return likeliest

    def predict(self, text: str) -> tuple[str, float] | None:
        """Return the likeliest label and its score; None where fastText itself must tell.

        Newlines in the text are spaces, and one is at its end.
        """
        try:
            line = text.encode()
        except UnicodeEncodeError:
            return None
        line = line.replace(b"\0", b" ")
        if not line.strip() or len(line) > _LONGEST or _END in line or _LABEL in line:
            return None
        found = self._kernel(line) if self._kernel else self._likeliest(line)
        return None if found is None else (self._labels[found[0]], found[1])

    def _likeliest(self, line: bytes) -> tuple[int, float] | None:
        """Return the number of a line's label and its score, if one is clearly ahead."""
        rows = self._found(line.split())
        # Adds row by row, as fastText does; `add.reduce` gives the same at a third of the pace.
        hidden: Floats = np.einsum("ij->j", self._rows.take(rows, axis=0))
        hidden *= np.float32(1 / len(rows))
        found = self._tree.likeliest(hidden)
        return None if found is None else (found, self._tree.score(hidden, found))

    def _found(self, words: list[bytes]) -> Rows:
        """Return the rows of a line's words and n-grams, and of its end, in fastText's order."""
        letters, longer = _characters(words, self._sizes[-1])
        is_letter = letters != ord(" ")
        places = len(letters) - self._sizes[-1]
        table = np.zeros((places, 1 + len(self._sizes)), self._row_of_bucket.dtype)
        starts = np.flatnonzero(~is_letter[:places])
        rows = map(self._row_of_word.get, words, repeat(0))
        table[starts, 0] = np.fromiter(rows, table.dtype, len(words))
        whole, hashed = is_letter[:places], np.full(len(letters), _FNV_START)
        for size in range(1, self._sizes[-1] + 1):
            hashed = hashed[: len(letters) - size + 1] ^ letters[size - 1 :]
            hashed *= _FNV_PRIME
            for where, rest in longer:  # a place before the first is one of the spaces at the end
                _hash_on(hashed, where - (size - 1), rest)
            whole = whole & is_letter[size - 1 : places + size - 1]
            if size in self._sizes:
                rows_here = self._row_of_bucket.take(_modulo(hashed[:places], self._buckets))
                np.multiply(rows_here, whole, out=table[:, size - self._sizes[0] + 1])
        table[-1, -1] = self._end
        found: Rows = table[table != 0]
        return found


class _Tree:
    """The hierarchical softmax of a model (fastText, `HierarchicalSoftmaxLoss`)."""

    def __init__(self, file: FastTextFile) -> None:
        self._expf: Any = ctypes.CDLL(None).expf
        self._expf.restype, self._expf.argtypes = ctypes.c_float, [ctypes.c_float]
        paths = _paths(file.counts)
        inner = len(paths) - 1
        self.outputs = np.ascontiguousarray(file.outputs[:inner])
        self.children = _children(paths)
        """By inner node what is on its left and right: such a node, or -1 - n for label n."""
        self._passes = np.zeros((len(paths), 2 * inner), np.float32)
        self._steps: list[tuple[Floats, tuple[bool, ...]]] = []
        for label, path in enumerate(paths):
            nodes = [node for node, _ in path]
            turns = tuple(right for _, right in path)
            self._passes[label, [node + inner * right for node, right in path]] = 1
            self._steps.append((np.ascontiguousarray(file.outputs[nodes].T), turns))

    def likeliest(self, hidden: Floats) -> int | None:
        """Return the number of the likeliest label, if it is clear."""
        with np.errstate(over="ignore"):
            right = 1 / (1 + np.exp(-(self.outputs @ hidden)))
        sides = np.concatenate([1 - right, right])
        scores = self._passes @ np.log(sides + np.float32(1e-5))
        best = int(scores.argmax())
        bar = scores[best] - _CLEAR
        scores[best] = -np.inf
        return best if scores.max() < bar else None

    def score(self, hidden: Floats, label: int) -> float:
        """Return a label's score, rounded after each step as fastText's `dfs` rounds it."""
        outputs, turns = self._steps[label]
        dots = np.add.accumulate(outputs * hidden[:, None], axis=0)[-1].tolist()
        single, total = np.float32, np.float32(0)
        for dot, turn in zip(dots, turns, strict=True):
            right = float(single(1 / float(single(1) + single(self._expf(-dot)))))
            side = right if turn else float(single(1 - right))
            total = total + single(math.log(side + 1e-5))
        return float(self._expf(float(total)))


def quick_predictor(model: Any, file: bytes) -> QuickPredictor | None:
    """Return a predictor equal to `model`, which `fasttext.load_model` read from `file`.

    None for a model of another kind, and where fastText was built to round in other ways.
    """
    try:
        predictor = QuickPredictor(read_fasttext(file))
    except (ValueError, TypeError, AttributeError):  # the last two without the C library
        return None
    for text in _PROBES:
        found = predictor.predict(text)
        told = model.f.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")
        if found is not None and [found[::-1]] != told:
            return None
    return predictor


def _characters(words: list[bytes], margin: int) -> tuple[Numbers, list[tuple[Places, Numbers]]]:
    """Return each character's first byte, and places and bytes of what follows, in order.

    Words stand in `<` and `>`, with a space between and some at the end. fastText hashes
    signed bytes, so those that are negative reach over all 32 bits.
    """
    line = b" <" + b"> <".join(words) + b">" + b" " * margin
    if line.isascii():
        return np.frombuffer(line, np.uint8).astype(np.uint32), []
    points = np.frombuffer(line.decode().encode("utf-32-le"), np.uint32)
    first = points.copy()
    longer: list[tuple[Places, Numbers]] = []
    for more, (fewer, mark) in enumerate(_UTF8, 1):
        places = np.flatnonzero(points > fewer)
        if not len(places):
            break
        point = points[places]
        first[places] = point >> np.uint32(6 * more) | mark
        rest = point >> np.uint32(6 * more - 6) & np.uint32(0x3F) | _CONTINUED
        longer.insert(0, (places, rest))
    return first, longer


def _hash_on(hashed: Numbers, where: Places, rest: Numbers) -> None:
    value = hashed[where]
    value ^= rest
    value *= _FNV_PRIME
    hashed[where] = value


def _modulo(numbers: Numbers, divisor: np.uint32) -> Numbers:
    """Return the remainders; NumPy has no fast loop for `%`, but one for `//`."""
    parts: Numbers = numbers // divisor
    parts *= divisor
    np.subtract(numbers, parts, out=parts)
    return parts


def _paths(counts: tuple[int, ...]) -> list[list[tuple[int, bool]]]:
    """Return each label's inner nodes from the root on, and whether it lies on their right.

    A Huffman tree, built as fastText builds it from the labels' falling counts.
    """
    labels = len(counts)
    weights = [*counts, *[0] * (labels - 1)]
    above: dict[int, tuple[int, bool]] = {}
    leaf, inner = labels - 1, labels
    for node in range(labels, 2 * labels - 1):
        for right in (False, True):
            if leaf >= 0 and (inner >= node or counts[leaf] < weights[inner]):
                least, leaf = leaf, leaf - 1
            else:
                least, inner = inner, inner + 1
            weights[node] += weights[least]
            above[least] = (node - labels, right)
    return [_path(label, above, labels) for label in range(labels)]


def _children(paths: list[list[tuple[int, bool]]]) -> npt.NDArray[np.int32]:
    children = np.zeros((len(paths) - 1, 2), np.int32)
    for label, path in enumerate(paths):
        below = [*(node for node, _ in path[1:]), -1 - label]
        for (node, right), child in zip(path, below, strict=True):
            children[node, int(right)] = child
    return children


def _path(label: int, above: dict[int, tuple[int, bool]], labels: int) -> list[tuple[int, bool]]:
    path, at = [], label
    while at in above:
        path.append(above[at])
        at = above[at][0] + labels
    return path[::-1]
