"""Repetition and quality counts of Gopher.

Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training
Gopher", https://arxiv.org/abs/2112.11446, appendix A1. Where the paper leaves a choice,
the count is that of datatrove 0.10.1 (`gopher_repetition_filter.py`,
`gopher_quality_filter.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from datatrove.utils.text import PUNCTUATION_SET

from filters.signal import SIGNALS, Signal, signal
from filters.text import Text

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
BULLETS = ("•", "-")
ELLIPSES = ("...", "…")

_MARKS = "".join(sorted(PUNCTUATION_SET))


def duplicates(parts: Iterable[str]) -> tuple[int, int]:
    """Return how many parts equal an earlier one, and their characters."""
    seen: set[str] = set()
    count = chars = 0
    for part in parts:
        if part in seen:
            count += 1
            chars += len(part)
        else:
            seen.add(part)
    return count, chars


def _paragraph_duplicates(text: Text) -> tuple[int, int]:
    return duplicates(text.paragraphs)


def _line_duplicates(text: Text) -> tuple[int, int]:
    return duplicates(text.line_runs)


@signal(version=1)
def chars(text: Text) -> int:
    """Count code points, whitespace included."""
    return text.chars


@signal(version=1)
def words(text: Text) -> int:
    """Count words and marks, as the tokenizer separates them."""
    return text.word_count


@signal(version=1)
def lines(text: Text) -> int:
    """Count lines by any line boundary of Unicode; a final boundary opens no line."""
    return len(text.lines)


@signal(version=1)
def line_runs(text: Text) -> int:
    """Count parts between runs of newlines; one at either end makes an empty part."""
    return len(text.line_runs)


@signal(version=1)
def paragraphs(text: Text) -> int:
    """Count parts of the stripped text between two or more newlines; never 0."""
    return len(text.paragraphs)


@signal(version=1)
def dup_paragraphs(text: Text) -> int:
    """Count paragraphs that equal an earlier one."""
    return text.share(_paragraph_duplicates)[0]


@signal(version=1)
def dup_paragraph_chars(text: Text) -> int:
    """Count characters of the paragraphs that equal an earlier one."""
    return text.share(_paragraph_duplicates)[1]


@signal(version=1)
def dup_lines(text: Text) -> int:
    """Count line runs that equal an earlier one."""
    return text.share(_line_duplicates)[0]


@signal(version=1)
def dup_line_chars(text: Text) -> int:
    """Count characters of the line runs that equal an earlier one."""
    return text.share(_line_duplicates)[1]


def _no_letter_words(text: Text) -> list[tuple[str, int]]:
    """Return the words that are not made of letters alone, with their counts: a few of many."""
    words = text.numbered_words
    others = np.flatnonzero(~words.letters)
    names = map(words.distinct.__getitem__, others.tolist())
    return list(zip(names, words.counts[others].tolist(), strict=True))


def _lexical(text: Text) -> tuple[int, int]:
    # No letter is among the marks (the digit １ is), so a word of letters needs no closer look.
    others, words = text.share(_no_letter_words), text.numbered_words
    marks = [(count, len(word)) for word, count in others if not word.strip(_MARKS)]
    chars = int(words.counts.astype(np.int64) @ words.lengths) - sum(
        count * length for count, length in marks
    )
    return len(words) - sum(count for count, _ in marks), chars


@signal(version=1, settings={"marks": _MARKS})
def lexical_words(text: Text) -> int:
    """Count words that are not made of punctuation and control characters alone."""
    return text.share(_lexical)[0]


@signal(version=1, settings={"marks": _MARKS})
def lexical_word_chars(text: Text) -> int:
    """Count characters of the lexical words."""
    return text.share(_lexical)[1]


@signal(version=1)
def hashes(text: Text) -> int:
    """Count number signs `#`."""
    return text.raw.count("#")


@signal(version=1, settings={"ellipses": ELLIPSES})
def ellipses(text: Text) -> int:
    """Count ellipses, `…` or three full stops; four full stops are one."""
    return sum(text.raw.count(mark) for mark in ELLIPSES)


@signal(version=1, settings={"bullets": BULLETS})
def bullet_lines(text: Text) -> int:
    """Count lines that begin with a bullet or a hyphen, after whitespace."""
    if not any(bullet in text.raw for bullet in BULLETS):  # spares the look at each line
        return 0
    return [line.lstrip().startswith(BULLETS) for line in text.lines].count(True)


@signal(version=1, settings={"ellipses": ELLIPSES})
def ellipsis_lines(text: Text) -> int:
    """Count lines that end with an ellipsis, before whitespace."""
    if not any(mark in text.raw for mark in ELLIPSES):  # spares the look at each line
        return 0
    return [line.rstrip().endswith(ELLIPSES) for line in text.lines].count(True)


@signal(version=1)
def alpha_words(text: Text) -> int:
    """Count words that contain at least one letter of any script."""
    others = text.share(_no_letter_words)
    without = sum(count for word, count in others if not any(map(str.isalpha, word)))
    return len(text.numbered_words) - without


@signal(version=1, settings={"stop_words": STOP_WORDS})
def distinct_stop_words(text: Text) -> int:
    """Count which of the recipe's stop words occur; by default eight English ones."""
    return _distinct(STOP_WORDS, text)


def stop_word_signal(
    stop_words: Sequence[str], languages: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Signal:
    """Return the signal `distinct_stop_words` for other stop words, which it has as a setting.

    `languages` has those of languages that are measured beside these, by label.
    """
    known = tuple(dict.fromkeys(stop_words))
    signal = SIGNALS[distinct_stop_words.__name__]
    settings: dict[str, Any] = {"stop_words": known}
    if languages:
        settings["languages"] = {label: list(words) for label, words in languages.items()}
    return replace(signal, settings=settings, measure=partial(_distinct, known))


def _distinct(stop_words: Iterable[str], text: Text) -> int:
    return sum(map(text.numbered_words.holds, stop_words))
