r"""Counts of Dolma's taggers on words between spaces, and its C4 rule on line ends.

Soldaini et al. 2024, "Dolma: an Open Corpus of Three Trillion Tokens for Language Model
Pretraining Research", https://arxiv.org/abs/2402.00159, section 5.2; exactly as the package
dolma 1.2.1 counts (`dolma/taggers/gopher.py`, tagger `gopher_v1`; `dolma/taggers/c4.py`, tagger
`c4_v1`). Lines are parts between single `\n`, empty ones too, and what repeats is counted with
its first occurrence, other than in datatrove.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from statistics import median
from types import MappingProxyType

from filters.edit import Edit, Edited, Options, own_signals
from filters.gopher import STOP_WORDS
from filters.repeated_grams import repeated_grams
from filters.signal import Signal, register, signal
from filters.text import Text

SYMBOLS = ("#", "…")
BULLETS = ("*", "-")
ELLIPSIS = "…"
END_MARKS = (".", "?", "!", '"')
TOP_SIZES = (2, 3, 4)
DUP_SIZES = (5, 6, 7, 8, 9, 10)


def _words(text: Text) -> list[str]:
    return text.raw.split()


def _lines(text: Text) -> list[str]:
    return text.raw.split("\n")


def _lengths_up_to(text: Text) -> list[int]:
    """Return how many characters the first n words have, from n = 0 on."""
    return list(accumulate(map(len, text.share(_words)), initial=0))


@signal(version=1)
def dolma_words(text: Text) -> int:
    """Count words between spaces."""
    return len(text.share(_words))


@signal(version=1)
def dolma_word_chars(text: Text) -> int:
    """Count characters of the words between spaces."""
    return text.share(_lengths_up_to)[-1]


@signal(version=1)
def dolma_median_half_chars(text: Text) -> int:
    """Twice the median length of the words between spaces; 0 without words."""
    lengths = [len(word) for word in text.share(_words)]
    return round(2 * median(lengths)) if lengths else 0


@signal(version=1, settings={"symbols": SYMBOLS})
def dolma_symbol_words(text: Text) -> int:
    """Count words between spaces that hold a number sign or `…`."""
    return sum(any(mark in word for mark in SYMBOLS) for word in text.share(_words))


@signal(version=1)
def dolma_alpha_words(text: Text) -> int:
    """Count words between spaces that hold a letter of any script."""
    return sum(any(map(str.isalpha, word)) for word in text.share(_words))


@signal(version=1, settings={"stop_words": STOP_WORDS})
def dolma_stop_words(text: Text) -> int:
    """Count how often one of eight English stop words stands between spaces, in lower case."""
    return sum(word in STOP_WORDS for word in text.share(_words))


@signal(version=1)
def dolma_lines(text: Text) -> int:
    r"""Count parts between single `\n`, empty ones too."""
    return len(text.share(_lines))


@signal(version=1, settings={"bullets": BULLETS})
def dolma_bullet_lines(text: Text) -> int:
    """Count lines whose very first character is an asterisk or a hyphen."""
    return sum(line.startswith(BULLETS) for line in text.share(_lines))


@signal(version=1, settings={"ellipsis": ELLIPSIS})
def dolma_ellipsis_lines(text: Text) -> int:
    """Count lines whose very last character is `…`."""
    return sum(line.endswith(ELLIPSIS) for line in text.share(_lines))


def _repeated_lines(text: Text) -> dict[str, int]:
    counts = Counter(text.share(_lines))
    return {line: count for line, count in counts.items() if count > 1}


@signal(version=1)
def dolma_dup_lines(text: Text) -> int:
    """Count lines that occur more than once, empty ones too, with their first occurrence."""
    return sum(text.share(_repeated_lines).values())


@signal(version=1)
def dolma_dup_line_chars(text: Text) -> int:
    """Count characters of lines that occur more than once, with their first occurrence."""
    return sum(len(line) * count for line, count in text.share(_repeated_lines).items())


def _repeats(text: Text) -> dict[int, int]:
    """Return by size the characters of the commonest n-gram, or of all repeated ones."""
    words, upto = text.share(_words), text.share(_lengths_up_to)
    found = {}
    for n, again in repeated_grams(words, DUP_SIZES[-1]):
        if n in DUP_SIZES:
            found[n] = sum(len(each) * (upto[each[0] + n] - upto[each[0]]) for each in again)
        elif len(words) >= n:
            # With none repeated every n-gram is as common as the first one of the text.
            most = max(again, key=len, default=[0])
            found[n] = len(most) * (upto[most[0] + n] - upto[most[0]])
        else:
            found[n] = 0
    return found


def _repeat_chars(n: int, text: Text) -> int:
    return text.share(_repeats)[n]


def _all_chars(n: int, text: Text) -> int:
    upto = text.share(_lengths_up_to)
    return sum(upto[n:]) - sum(upto[:-n])


def _signals() -> Iterator[Signal]:
    for n in TOP_SIZES:
        what = f"Count characters of the commonest {n}-gram of words between spaces, each time."
        yield _sized(f"dolma_top_{n}gram_chars", what, n, _repeat_chars)
    for n in DUP_SIZES:
        what = f"Count characters of {n}-grams that occur more than once, each as often as it does."
        yield _sized(f"dolma_dup_{n}gram_chars", what, n, _repeat_chars)
        what = f"Count characters of all {n}-grams of words between spaces."
        yield _sized(f"dolma_{n}gram_chars", what, n, _all_chars)


def _sized(name: str, summary: str, n: int, measure: Callable[[int, Text], int]) -> Signal:
    own = partial(measure, n)
    return Signal(name, int, summary, __name__, settings={"n": n}, measure=own)


for _signal in _signals():
    register(_signal)


def _take_unended(text: Text, options: Options) -> Edited:
    """Take out lines that end with no sentence mark, with the line break behind them."""
    parts = text.raw.split("\n")
    leave = set(unended_lines(text.raw, options))
    kept = [
        part if number == len(parts) - 1 else f"{part}\n"
        for number, part in enumerate(parts)
        if number not in leave
    ]
    return Edited("".join(kept), {"removed_lines": len(leave)})


def unended_lines(raw: str, options: Options) -> list[int]:  # noqa: ARG001  it has no options
    r"""Return which lines the edit takes out, numbered from 0 among the parts between `\n`."""
    return [
        number
        for number, part in enumerate(raw.split("\n"))
        if not part.strip().lower().endswith(END_MARKS)
    ]


ENDED_LINES = Edit(
    name="ended_lines",
    summary='Take out lines that do not end with a full stop, "?", "!" or a double quote (Dolma).',
    version=1,
    options=MappingProxyType({}),
    meanings=MappingProxyType({}),
    signals=MappingProxyType(
        own_signals(__name__, 1, {"removed_lines": "Count lines that the edit took out."})
    ),
    apply=_take_unended,
)
