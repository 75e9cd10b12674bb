r"""Counts behind the quality signals of RedPajama-v2, measured on any text.

Weber et al. 2024, "RedPajama: an Open Dataset for Training Large Language Models",
https://arxiv.org/abs/2411.12372; as togethercomputer/RedPajama-Data at 855a8e0 has them
(`app/src/core/quality_signals/natural_language.py`, `lines.py`, `repetitions.py`, `content.py`,
`app/src/core/document.py`). Fractions there are quotients of two counts here, unrounded. What an
input of RedPajama-v2 itself brings along has its own names (`filters/imported.py`).

A *raw word* is a run of word characters or of marks (NLTK's WordPunctTokenizer); a *normalised
word* stands between spaces of the text in lower case, without ASCII punctuation, decomposed
(NFD). A line is a part between `\n`; no line follows the last `\n`.
"""

import re
import string
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate

from filters.gopher import ELLIPSES
from filters.repeated_grams import repeated_grams
from filters.signal import Signal, register, signal
from filters.text import Text

BULLETS = ("•", "‣", "▶", "◀", "◦", "■", "□", "▪", "▫", "–")
SYMBOLS = ("#", *ELLIPSES)
TOP_SIZES = (2, 3, 4)
DUP_SIZES = (5, 6, 7, 8, 9, 10)

_RAW_WORD = re.compile(r"\w+|[^\w\s]+")
_LATIN_LETTER = re.compile(r"[a-zA-Z]")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _raw_words(text: Text) -> list[str]:
    return _RAW_WORD.findall(text.raw)


def _normal(text: Text) -> str:
    lowered = text.raw.translate(_PUNCTUATION).lower().strip()
    return unicodedata.normalize("NFD", re.sub(r"\s+", " ", lowered))


def _normal_words(text: Text) -> list[str]:
    return text.share(_normal).split()


def _lines(text: Text) -> list[str]:
    parts = text.raw.split("\n")
    return parts if parts[-1] else parts[:-1]


@signal(version=1)
def redpajama_words(text: Text) -> int:
    """Count normalised words."""
    return len(text.share(_normal_words))


def _upto(text: Text) -> list[int]:
    """Return how many characters the first n normalised words have, from n = 0 on."""
    return list(accumulate(map(len, text.share(_normal_words)), initial=0))


@signal(version=1)
def redpajama_word_chars(text: Text) -> int:
    """Count characters of the normalised words."""
    return text.share(_upto)[-1]


@signal(version=1)
def redpajama_unique_words(text: Text) -> int:
    """Count different normalised words."""
    return len(set(text.share(_normal_words)))


@signal(version=1)
def redpajama_raw_words(text: Text) -> int:
    """Count raw words: runs of word characters, and runs of marks."""
    return len(text.share(_raw_words))


@signal(version=1, settings={"symbols": SYMBOLS})
def redpajama_symbols(text: Text) -> int:
    """Count number signs and ellipses, `…` or three full stops."""
    return sum(map(text.raw.count, SYMBOLS))


@signal(version=1)
def redpajama_no_alph_words(text: Text) -> int:
    """Count raw words without a letter from a to z."""
    return sum(_LATIN_LETTER.search(word) is None for word in text.share(_raw_words))


@signal(version=1)
def redpajama_all_caps_words(text: Text) -> int:
    """Count raw words whose letters are capitals, of which there is one at least."""
    return sum(map(str.isupper, text.share(_raw_words)))


@signal(version=1)
def redpajama_curly_brackets(text: Text) -> int:
    """Count curly brackets, opening and closing."""
    return text.raw.count("{") + text.raw.count("}")


@signal(version=1)
def redpajama_lorem_ipsums(text: Text) -> int:
    """Count 'lorem ipsum' in the normalised text."""
    return text.share(_normal).count("lorem ipsum")


@signal(version=1)
def redpajama_lines(text: Text) -> int:
    r"""Count lines ended by `\n`, empty ones too."""
    return len(text.share(_lines))


@signal(version=1, settings={"ellipses": ELLIPSES})
def redpajama_ellipsis_lines(text: Text) -> int:
    """Count lines that end with an ellipsis, before whitespace."""
    return sum(line.rstrip().endswith(ELLIPSES) for line in text.share(_lines))


@signal(version=1, settings={"bullets": BULLETS})
def redpajama_bullet_lines(text: Text) -> int:
    """Count lines that begin with one of ten bullets or an en dash, after whitespace."""
    return sum(line.lstrip().startswith(BULLETS) for line in text.share(_lines))


def _repeats(text: Text) -> dict[int, int]:
    """Return characters of the commonest n-gram, each time, or of all words in repeated ones."""
    upto = text.share(_upto)
    found = {}
    for n, again in repeated_grams(text.share(_normal_words), DUP_SIZES[-1]):
        if n in TOP_SIZES:
            most = max(again, key=len, default=[])
            found[n] = len(most) * (upto[most[0] + n] - upto[most[0]]) if most else 0
        else:
            covered = {at for places in again for start in places for at in range(start, start + n)}
            found[n] = sum(upto[at + 1] - upto[at] for at in covered)
    return found


def _measure(n: int, text: Text) -> int:
    return text.share(_repeats)[n]


def _signals() -> Iterator[Signal]:
    for n in TOP_SIZES:
        what = f"Count characters of the commonest {n}-gram of normalised words; 0 if it is alone."
        yield _sized(f"redpajama_top_{n}gram_chars", what, n, _measure)
    for n in DUP_SIZES:
        what = f"Count characters of normalised words in {n}-grams that occur more than once."
        yield _sized(f"redpajama_dupe_{n}gram_chars", what, n, _measure)


def _sized(name: str, summary: str, n: int, measure: Callable[[int, Text], int]) -> Signal:
    own = partial(measure, n)
    return Signal(name, int, summary, __name__, settings={"n": n}, measure=own)


for _signal in _signals():
    register(_signal)
