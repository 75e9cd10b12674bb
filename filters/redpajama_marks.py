"""Where in a text the parts are that signals of RedPajama-v2 have counted.

Marked n-grams add up to what is counted in characters of their normalised words.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import groupby

from filters.parts import ended_parts
from filters.redpajama import (
    DUP_SIZES,
    LATIN_LETTER,
    RAW_WORD,
    TOP_SIZES,
    covered_words,
    normal_places,
    normal_words,
)
from filters.redpajama_lines import KINDS, LineKind
from filters.repeated_grams import Places, repeated_grams
from filters.span import Finder, Span
from filters.text import Text


def redpajama_finders() -> Mapping[str, Finder]:
    """Return what finds the parts that a signal counts, by the signal's name."""
    return {
        **{kind.name: partial(_lines, kind) for kind in KINDS},
        **{f"redpajama_top_{n}gram_chars": partial(_commonest, n) for n in TOP_SIZES},
        **{f"redpajama_dupe_{n}gram_chars": partial(_repeated, n) for n in DUP_SIZES},
        "redpajama_no_alph_words": partial(
            _raw_words, lambda word: LATIN_LETTER.search(word) is None, "word without a to z"
        ),
        "redpajama_all_caps_words": partial(_raw_words, str.isupper, "word in capitals"),
    }


def _lines(kind: LineKind, text: Text) -> Iterator[Span]:
    for (start, line), is_one in zip(ended_parts(text.raw), kind.which(text), strict=True):
        if is_one is not kind.marks_rest:
            yield Span(start, start + len(line), kind.what)


def _raw_words(wanted: Callable[[str], bool], what: str, text: Text) -> Iterator[Span]:
    for word in RAW_WORD.finditer(text.raw):
        if wanted(word.group()):
            yield Span(*word.span(), what)


def _again(n: int, text: Text) -> list[Places]:
    """Return the places of each n-gram of normalised words that occurs again."""
    return dict(repeated_grams(text.share(normal_words), n))[n]


def _commonest(n: int, text: Text) -> Iterator[Span]:
    """Yield every occurrence of the commonest n-gram; they may overlap."""
    places = text.share(normal_places)
    for start in max(_again(n, text), key=len, default=[]):
        yield Span(places[start][0], places[start + n - 1][1], f"commonest {n}-gram")


def _repeated(n: int, text: Text) -> Iterator[Span]:
    """Yield runs of words of which each is part of an n-gram that occurs more than once."""
    places = text.share(normal_places)
    covered = covered_words(len(places), n, _again(n, text))
    for is_repeated, run in groupby(range(len(places)), covered.__getitem__):
        if is_repeated:
            first, *_, last = run
            yield Span(places[first][0], places[last][1], f"in repeated {n}-grams")
