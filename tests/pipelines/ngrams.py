"""A trainer of n-gram models small enough for tests: absolute discounting, with back-off.

Ney, Essen and Kneser 1994, "On structuring probabilistic dependences in stochastic language
modelling", in the form that backs off. What it writes is a model: its probabilities add up to 1.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
_DISCOUNT = 0.75
Gram = tuple[str, ...]


class Trained:
    """Discounted counts of sentences' n-grams."""

    def __init__(self, sentences: Iterable[Sequence[str]], order: int) -> None:
        self.order = order
        self.counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
        for sentence in sentences:
            words = (BEGIN, *sentence, END)
            for size in range(1, order + 1):
                grams = (tuple(words[at : at + size]) for at in range(len(words) - size + 1))
                self.counts[size - 1].update(gram for gram in grams if gram != (BEGIN,))
        self._followed: Counter[Gram] = Counter()
        self._after: defaultdict[Gram, list[Gram]] = defaultdict(list)
        for counts in self.counts:
            for gram, count in counts.items():
                self._followed[gram[:-1]] += count
                self._after[gram[:-1]].append(gram)
        self._weights: dict[Gram, float] = {}

    def probability(self, gram: Gram) -> float:
        """Return the probability of a word after others, of which the model knows n-grams."""
        if len(gram) == 1 and gram not in self.counts[0]:
            return _DISCOUNT * len(self._after[()]) / self._followed[()]  # all that is unknown
        history = gram[:-1]
        if gram in self.counts[len(gram) - 1]:
            return (self.counts[len(gram) - 1][gram] - _DISCOUNT) / self._followed[history]
        return self.weight(history) * self.probability(gram[1:])

    def weight(self, history: Gram) -> float:
        """Return by what a shorter n-gram's probability is multiplied after a history."""
        if not self._followed[history]:
            return 1.0
        if history not in self._weights:
            left = _DISCOUNT * len(self._after[history]) / self._followed[history]
            shorter = 1 - sum(self.probability(gram[1:]) for gram in self._after[history])
            self._weights[history] = left / shorter
        return self._weights[history]

    def arpa(self) -> str:
        """Return the model in ARPA's form."""
        grams = [[(BEGIN,), (UNKNOWN,), *self.counts[0]], *map(list, self.counts[1:])]
        lines = ["\\data\\", *(f"ngram {n}={len(own)}" for n, own in enumerate(grams, start=1))]
        for size, own in enumerate(grams, start=1):
            lines += ["", f"\\{size}-grams:", *(self._line(gram) for gram in sorted(own))]
        return "\n".join([*lines, "", "\\end\\", ""])

    def _line(self, gram: Gram) -> str:
        log10 = -99.0 if gram == (BEGIN,) else math.log10(self.probability(gram))
        weight = "" if len(gram) == self.order else f"\t{math.log10(self.weight(gram)):.7g}"
        return f"{log10:.7g}\t{' '.join(gram)}{weight}"


def train_arpa(sentences: Iterable[Sequence[str]], order: int, path: Path) -> Path:
    """Write a model of sentences, each of words, and return its file."""
    path.write_text(Trained(sentences, order).arpa(), "utf-8")
    return path
