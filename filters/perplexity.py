r"""How surprising a text is to an n-gram model: CCNet's perplexity, by models others have loaded.

Wenzek et al. 2020, "CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data",
https://arxiv.org/abs/1911.00359, section 3.3; as facebookresearch/cc_net at bda555b computes it
(`cc_net/text_normalizer.py`, `perplexity.py`, `mine.py`). The text is normalised, cut into pieces
by SentencePiece and scored; its perplexity is 10 to the power of minus its log10 probability by
piece, where each sentence has one piece more, its end. CCNet normalises the whole text, and that
takes the line ends out with other control characters: so a text is one sentence, and the last word
of a line and the first of the next are one. `lines` scores each line for itself instead.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

Pieces: TypeAlias = Callable[[str], Sequence[str]]
"""Cuts a text into pieces, which have no spaces."""

CASED: Final = "cased"
Normalize: TypeAlias = Literal[True, False, "cased"]
"""Whether texts are brought to CCNet's normal form, whole or with their case and accents."""

_MARKS = str.maketrans(
    {
        **dict.fromkeys("，、", ","),
        **dict.fromkeys("„”“«»」「《》", '"'),
        **dict.fromkeys("´’", "'"),
        **dict.fromkeys("∶：", ":"),
        **dict.fromkeys("–━►", "-"),
        "。": ".",
        "？": "?",
        "！": "!",
        "（": "(",
        "）": ")",
        "；": ";",
        "～": "~",
        "％": "%",
        "〈": "<",
        "〉": ">",
        "【": "[",
        "】": "]",
        "—": " - ",
        "．": ". ",
        "…": "...",
    }
)
"""Marks as ASCII has them. CCNet's table has a digit, too, but digits are 0 by then."""
_CONTROL = str.maketrans("", "", "".join(map(chr, (*range(32), *range(127, 160)))))
NO_BUCKET = "all"
"""What CCNet calls the bucket of pages that have no model, or no cut-offs."""
_DIGIT = re.compile(r"\d")


class NgramModel(Protocol):
    """Scores sentences of words between spaces; `kenlm.Model` is one."""

    def score(self, sentence: str) -> float:
        """Return log10 of the probability of the words and the end, after a beginning."""

    def __contains__(self, word: str) -> bool:
        """Return whether the model knows a word."""


def ccnet_normal(text: str, *, cased: bool = False) -> str:
    r"""Return a text in lower case, without accents and control characters, digits as 0.

    Accents are marks of Unicode's category Mn, which vowels of some scripts are, too. Marks are
    replaced by those of ASCII; line ends are control characters. `cased` leaves case and accents
    as they are, as the models of edugp/kenlm on the Hub want it.
    """
    plain = text.strip()
    if not cased:
        plain = plain.lower()
        plain = plain if plain.isascii() else _without_accents(plain)
    return _DIGIT.sub("0", plain).translate(_MARKS).translate(_CONTROL)


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    accents = (ord(char) for char in set(apart) if unicodedata.category(char) == "Mn")
    return apart.translate(dict.fromkeys(accents))


@dataclass(frozen=True, slots=True)
class PerplexityScorer:
    """Asks one model for a text's perplexity."""

    model: NgramModel
    pieces: Pieces | None
    """None: the words of the text stand between spaces."""
    normalize: Normalize = True
    lines: bool = False

    def __call__(self, text: str) -> float:
        """Return the perplexity, 1 or more; of an empty text that of a sentence's end."""
        log10, length = 0.0, 0
        for sentence in self._sentences(text):
            log10 += self.model.score(sentence)
            length += len(sentence.split()) + 1
        return float(10.0 ** (-log10 / length))

    def _sentences(self, text: str) -> list[str]:
        """Return sentences as the model reads them, pieces between spaces."""
        parts = text.split("\n") if self.lines else [text]
        if self.normalize:
            cased = self.normalize == CASED
            parts = [ccnet_normal(part, cased=cased) for part in parts]
        if self.pieces is not None:
            parts = [" ".join(self.pieces(part)) for part in parts]
        # A model's library takes the character 0 for the end of a text.
        return [line.replace("\0", " ") for part in parts for line in part.split("\n")]


def bucket_of(perplexity: float, head: float, tail: float) -> str:
    """Return CCNet's bucket: `head` below the first cut-off, `middle` below the second, `tail`.

    As there, it is the perplexity rounded to one place that is compared.
    """
    rounded = round(perplexity, 1)
    return "head" if rounded < head else "middle" if rounded < tail else "tail"


def knows(model: NgramModel, pieces: Sequence[str]) -> float:
    """Return the share of pieces that a model knows; 1 where there are none."""
    return sum(piece in model for piece in pieces) / len(pieces) if pieces else 1.0
