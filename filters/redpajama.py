r"""Counts behind the quality signals of RedPajama-v2, measured on any text.

Weber et al. 2024, "RedPajama: an Open Dataset for Training Large Language Models",
https://arxiv.org/abs/2411.12372; as togethercomputer/RedPajama-Data at 855a8e0 has them
(`app/src/core/quality_signals/natural_language.py`, `repetitions.py`, `content.py`,
`app/src/core/document.py`). Fractions there are quotients of two counts here, unrounded: of
curly brackets by `chars`, of 'lorem ipsum' by `redpajama_normal_chars`, of words by words and of
characters in n-grams by `redpajama_word_chars`. What an input of RedPajama-v2 itself brings along
has its own names (`filters/imported.py`).

A *raw word* is a run of word characters or of marks (NLTK's WordPunctTokenizer); a *normalised
word* stands between spaces of the text in lower case, without ASCII punctuation, decomposed
(NFD).
"""

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate, chain, compress

from filters.gopher import ELLIPSES
from filters.repeated_grams import Places, repeated_grams
from filters.signal import NoValueError, Signal, register, signal
from filters.text import Text

SYMBOLS = ("#", *ELLIPSES)
TOP_SIZES = (2, 3, 4)
DUP_SIZES = (5, 6, 7, 8, 9, 10)

RAW_WORD = re.compile(r"\w+|[^\w\s]+")
LATIN_LETTER = re.compile(r"[a-zA-Z]")
ASCII_MARKS = re.compile(f"[{re.escape(string.punctuation)}]+")
_CHUNK = re.compile(r"\S+")
_SENTENCE = re.compile(r"\b[^.!?]+[.!?]*")
_LOREM_IPSUM = "lorem ipsum"
_ANY_LOREM_IPSUM = re.compile(_LOREM_IPSUM, re.IGNORECASE)


def raw_words(text: Text) -> list[str]:
    """Return the runs of word characters and the runs of marks; to be shared."""
    return RAW_WORD.findall(text.raw)


def folded(text: Text) -> str:
    r"""Return a text in lower case, without ASCII punctuation, decomposed; to be shared.

    Only its spaces are not yet those of the normalised text. Neither a word in lower case nor its
    decomposition depends on what is behind a space, so its lines are those of the text.
    """
    return unicodedata.normalize("NFD", ASCII_MARKS.sub("", text.raw).lower())


def normal_words(text: Text) -> list[str]:
    """Return the normalised words; to be shared."""
    return text.share(folded).split()


def normal_places(text: Text) -> list[tuple[int, int]]:
    """Return start and end of what each normalised word is in the text; to be shared."""
    chunks = _CHUNK.finditer(text.raw)
    return [chunk.span() for chunk in chunks if not ASCII_MARKS.fullmatch(chunk.group())]


def _normal(text: Text) -> str:
    return " ".join(text.share(normal_words))


@signal(version=1)
def redpajama_words(text: Text) -> int:
    """Count normalised words."""
    return len(text.share(normal_words))


def _upto(text: Text) -> list[int]:
    """Return how many characters the first n normalised words have, from n = 0 on."""
    return list(accumulate(map(len, text.share(normal_words)), initial=0))


@signal(version=1)
def redpajama_word_chars(text: Text) -> int:
    """Count characters of the normalised words."""
    return text.share(_upto)[-1]


@signal(version=1)
def redpajama_unique_words(text: Text) -> int:
    """Count different normalised words."""
    return len(set(text.share(normal_words)))


@signal(version=1)
def redpajama_raw_words(text: Text) -> int:
    """Count raw words: runs of word characters, and runs of marks."""
    return len(text.share(raw_words))


@signal(version=1, settings={"symbols": SYMBOLS})
def redpajama_symbols(text: Text) -> int:
    """Count number signs and ellipses, `…` or three full stops."""
    return sum(map(text.raw.count, SYMBOLS))


@signal(version=1)
def redpajama_no_alph_words(text: Text) -> int:
    """Count raw words without a letter from a to z."""
    return sum(LATIN_LETTER.search(word) is None for word in text.share(raw_words))


@signal(version=1)
def redpajama_all_caps_words(text: Text) -> int:
    """Count raw words whose letters are capitals, of which there is one at least."""
    return sum(map(str.isupper, text.share(raw_words)))


@signal(version=1)
def redpajama_curly_brackets(text: Text) -> int:
    """Count curly brackets, opening and closing."""
    return text.raw.count("{") + text.raw.count("}")


@signal(version=1)
def redpajama_normal_chars(text: Text) -> int:
    """Count characters of the normalised text: its words, with one space between two."""
    return len(text.share(_normal))


@signal(version=2)
def redpajama_lorem_ipsums(text: Text) -> int:
    """Count 'lorem ipsum' in the normalised text; where there is one, with `ı` and `ſ`, too."""
    normal = text.share(_normal)
    return len(_ANY_LOREM_IPSUM.findall(normal)) if _LOREM_IPSUM in normal else 0


@signal(version=1)
def redpajama_sentences(text: Text) -> int:
    """Count stretches from a word's edge to a full stop, `!` or `?`, or to the end."""
    return len(_SENTENCE.findall(text.raw))


def _unigram_entropy(text: Text) -> float:
    words = text.share(normal_words)
    if not words:
        raise NoValueError("no words")
    shares = (count / len(words) for count in Counter(words).values())
    return -math.fsum(share * math.log(share) for share in shares)


register(
    Signal(
        "redpajama_unigram_entropy",
        float,
        "Entropy of the distribution of normalised words, in nats; no value without words.",
        __name__,
        measure=_unigram_entropy,
    )
)


def _repeats(text: Text) -> dict[int, int]:
    """Return characters of the commonest n-gram, each time, or of all words in repeated ones."""
    words, upto = text.share(normal_words), text.share(_upto)
    found = {}
    for n, again in repeated_grams(words, DUP_SIZES[-1]):
        if n in TOP_SIZES:
            most = max(again, key=len, default=[])
            found[n] = len(most) * (upto[most[0] + n] - upto[most[0]]) if most else 0
        else:
            found[n] = sum(map(len, compress(words, covered_words(len(words), n, again))))
    return found


def covered_words(count: int, n: int, again: Iterable[Places]) -> bytearray:
    """Return of so many words which are part of an n-gram that occurs again: 1, or 0."""
    covered, whole = bytearray(count), b"\1" * n
    for start in chain.from_iterable(again):
        covered[start : start + n] = whole
    return covered


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
