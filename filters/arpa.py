r"""A back-off n-gram model in ARPA's text form: read, and asked as kenlm asks it.

The form: SRILM, `ngram-format(5)`. Numbers are float32 and added in the order in which kenlm adds
them (kpu/kenlm, `lm/model.cc`), so that scores are equal bit for bit; kenlm itself is faster and
reads large and binary models. A word that is not there is `<unk>`, -100 where the model has none.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

_BEGIN, _END, _UNKNOWN = "<s>", "</s>", "<unk>"
_NO_UNKNOWN = np.float32(-100.0)
_ZERO = np.float32(0.0)
_SPACES = str.maketrans(dict.fromkeys("\t\n\v\f\r", " "))
MOST_ORDER = 6
"""Longest n-grams, as kenlm is built."""

_Entry = tuple[np.float32, np.float32]
"""log10 of the probability, and of the weight of shorter n-grams where no longer one is known."""


class ArpaModel:
    """N-grams by their words."""

    def __init__(self, order: int, ngrams: dict[tuple[str, ...], _Entry]) -> None:
        self.order = order
        self._ngrams = ngrams
        self._unknown = ngrams.get((_UNKNOWN,), (_NO_UNKNOWN, _ZERO))

    def __contains__(self, word: str) -> bool:
        """See `NgramModel`."""
        return (word,) in self._ngrams and word != _UNKNOWN

    def score(self, sentence: str) -> float:
        """See `NgramModel`; a sum in float32."""
        total = _ZERO
        history: tuple[str, ...] = (_BEGIN,)
        words = [word for word in sentence.translate(_SPACES).split(" ") if word]
        for word in (*words, _END):
            known = word if (word,) in self._ngrams else _UNKNOWN
            total += self._probability(history, known)
            history = (*history, known)[-(self.order - 1) :] if self.order > 1 else ()
        return float(total)

    def _probability(self, history: tuple[str, ...], word: str) -> np.float32:
        """Return log10 of a word's probability: the longest n-gram's, with the weights left out."""
        longest = self._ngrams.get((word,), self._unknown)
        found = 0
        for length in range(1, len(history) + 1):
            entry = self._ngrams.get((*history[-length:], word))
            if entry is not None:  # a pruned model may lack a shorter one
                longest, found = entry, length
        probability = longest[0]
        for length in range(found + 1, len(history) + 1):
            weight = self._ngrams.get(history[-length:])
            if weight is not None:
                probability = probability + weight[1]
        return probability


def read_arpa(lines: Iterable[str]) -> ArpaModel:
    r"""Read a model. ValueError, in words and with the line, for what is none."""
    numbered = _Lines(lines)
    counts = _counts(numbered)
    ngrams: dict[tuple[str, ...], _Entry] = {}
    for order, count in enumerate(counts, start=1):
        heading = numbered.next_filled()
        if heading != f"\\{order}-grams:":
            raise ValueError(f"line {numbered.at}: '\\{order}-grams:' should stand here")
        before = len(ngrams)
        for line in islice(numbered, count):
            words, entry = _ngram(line, order, numbered.at)
            ngrams[words] = entry
        if len(ngrams) - before != count:
            raise ValueError(f"line {numbered.at}: fewer {order}-grams than the {count} announced")
    if numbered.next_filled() != "\\end\\":
        raise ValueError(f"line {numbered.at}: '\\end\\' should stand here")
    for word in (_BEGIN, _END):
        if (word,) not in ngrams:
            raise ValueError(f"the model has no {word}")
    return ArpaModel(len(counts), ngrams)


class _Lines(Iterator[str]):
    """Lines without their ends; `at` is the number of the last one."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.at = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.at += 1
        return line.rstrip("\r\n")

    def next_filled(self) -> str:
        """Return the next line that holds something, without spaces around it; else nothing."""
        return next((line.strip() for line in self if line.strip()), "")


def _counts(lines: _Lines) -> list[int]:
    r"""Read `\data\` and how many n-grams there are, shortest first."""
    if lines.next_filled() != "\\data\\":
        raise ValueError(f"line {lines.at}: '\\data\\' should stand here")
    counts: list[int] = []
    for line in lines:
        if not line.strip():
            break
        head, equals, count = line.strip().partition("=")
        if head != f"ngram {len(counts) + 1}" or not equals or not count.strip().isdecimal():
            raise ValueError(f"line {lines.at}: 'ngram {len(counts) + 1}=' should stand here")
        counts.append(int(count))
    if not counts:
        raise ValueError(f"line {lines.at}: no n-grams are announced")
    if len(counts) > MOST_ORDER:
        raise ValueError(f"it has {len(counts)}-grams; {MOST_ORDER} is the most that can be read")
    return counts


def _ngram(line: str, order: int, at: int) -> tuple[tuple[str, ...], _Entry]:
    fields = line.split()
    if len(fields) not in (order + 1, order + 2):
        raise ValueError(f"line {at}: no {order}-gram with its numbers")
    try:
        probability = np.float32(fields[0])
        weight = np.float32(fields[order + 1]) if len(fields) > order + 1 else _ZERO
    except ValueError:
        raise ValueError(f"line {at}: no {order}-gram with its numbers") from None
    if not (probability <= 0 and np.isfinite(probability) and np.isfinite(weight)):
        raise ValueError(f"line {at}: a log10 probability that none can be")
    return tuple(fields[1 : order + 1]), (probability, weight)
