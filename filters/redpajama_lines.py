r"""Counts behind the signals of RedPajama-v2 that it keeps line by line.

Weber et al. 2024, https://arxiv.org/abs/2411.12372; as togethercomputer/RedPajama-Data at 855a8e0
has them (`app/src/core/quality_signals/lines.py`, `natural_language.py`). A line is a part between
`\n`; no line follows the last `\n`. There each line has a number, here a page has one of all its
lines. Of those with whole numbers it is their sum: `redpajama_terminal_lines` of
`rps_lines_ending_with_terminal_punctution_mark`, `redpajama_bullet_lines` of
`rps_lines_start_with_bulletpoint`, `redpajama_javascripts` of `rps_lines_javascript_counts` and
`redpajama_words` of `rps_lines_num_words`, with `redpajama_lines` for their means. Of the two
fractions the sums are scores, of fractions that are not rounded: `redpajama_uppercase_shares` and
`redpajama_numerical_shares`; `redpajama_capitals` and `redpajama_numerals` count the characters
behind them. The other counts are of lines at which C4 and RefinedWeb look: of few words, with
'javascript', mainly of capitals, of numerals alone. Which line has which number is not kept.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filters.gopher import ELLIPSES
from filters.redpajama import folded
from filters.signal import Signal, register, signal
from filters.text import Text

BULLETS = ("•", "‣", "▶", "◀", "◦", "■", "□", "▪", "▫", "–")
TERMINALS = (".", "!", "?", "”")
SHORT = 2
"""Words of the longest line that is short: C4's filter in datatrove keeps those of three."""
JAVASCRIPT = "javascript"


def _lines(text: Text) -> list[str]:
    parts = text.raw.split("\n")
    return parts if parts[-1] else parts[:-1]


def _line_words(text: Text) -> list[list[str]]:
    """Return the normalised words of each line; of marks alone there may be none."""
    lines = text.share(folded).split("\n")
    return [line.split() for line in lines[: len(text.share(_lines))]]


@signal(version=1)
def redpajama_lines(text: Text) -> int:
    r"""Count lines ended by `\n`, empty ones too."""
    return len(text.share(_lines))


@signal(version=1)
def redpajama_javascripts(text: Text) -> int:
    """Count normalised words that are 'javascript'."""
    return sum(words.count(JAVASCRIPT) for words in text.share(_line_words))


def _capitals(text: Text) -> list[tuple[int, int]]:
    """Return of each line how many capitals it has, of how many characters with its end."""
    lines = text.share(_lines)
    ends = [1] * len(lines)
    if lines and not text.raw.endswith("\n"):
        ends[-1] = 0
    counted = zip(lines, ends, strict=True)
    return [(sum(map(str.isupper, line)), len(line) + end) for line, end in counted]


def _numerals(text: Text) -> list[tuple[int, int]]:
    """Return of each normalised line how many numerals it has, of how many characters."""
    lines = (" ".join(words) for words in text.share(_line_words))
    return [(sum(map(str.isnumeric, line)), len(line)) for line in lines]


def _share_sum(counts: list[tuple[int, int]]) -> float:
    return math.fsum(part / whole for part, whole in counts if whole)


@signal(version=1)
def redpajama_capitals(text: Text) -> int:
    """Count capital letters."""
    return sum(part for part, _ in text.share(_capitals))


@signal(version=1)
def redpajama_numerals(text: Text) -> int:
    """Count numeric characters of the normalised text: digits, fractions, numerals of scripts."""
    return sum(part for part, _ in text.share(_numerals))


def _uppercase_shares(text: Text) -> float:
    return _share_sum(text.share(_capitals))


def _numerical_shares(text: Text) -> float:
    return _share_sum(text.share(_numerals))


for _name, _summary, _measure in (
    (
        "redpajama_uppercase_shares",
        "Sum over lines of the capitals by all characters, the line's end among them.",
        _uppercase_shares,
    ),
    (
        "redpajama_numerical_shares",
        "Sum over lines of the numeric characters by all, of the line as it is normalised.",
        _numerical_shares,
    ),
):
    register(Signal(_name, float, _summary, __name__, measure=_measure))


@dataclass(frozen=True, slots=True)
class LineKind:
    """A kind of lines, which a signal counts."""

    name: str
    summary: str
    what: str
    """What a line that is marked is called."""
    which: Callable[[Text], Sequence[bool]]
    """Says of each line of a text whether it is one."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    marks_rest: bool = False
    """Whether all other lines are marked, which tell more."""

    def count(self, text: Text) -> int:
        """Return how many there are."""
        return sum(self.which(text))


def _ellipsis(text: Text) -> list[bool]:
    return [line.rstrip().endswith(ELLIPSES) for line in text.share(_lines)]


def _bullet(text: Text) -> list[bool]:
    return [line.lstrip().startswith(BULLETS) for line in text.share(_lines)]


def _terminal(text: Text) -> list[bool]:
    return [line.rstrip().endswith(TERMINALS) for line in text.share(_lines)]


def _javascript(text: Text) -> list[bool]:
    return [JAVASCRIPT in words for words in text.share(_line_words)]


def _wordless(text: Text) -> list[bool]:
    return [not words for words in text.share(_line_words)]


def _one_word(text: Text) -> list[bool]:
    return [len(words) == 1 for words in text.share(_line_words)]


def _short(text: Text) -> list[bool]:
    return [1 <= len(words) <= SHORT for words in text.share(_line_words)]


def _capital(text: Text) -> list[bool]:
    return [2 * part > whole for part, whole in text.share(_capitals)]


def _numeral(text: Text) -> list[bool]:
    return [0 < part == whole for part, whole in text.share(_numerals)]


KINDS = (
    LineKind(
        "redpajama_ellipsis_lines",
        "Count lines that end with an ellipsis, before whitespace.",
        "ellipsis line",
        _ellipsis,
        {"ellipses": ELLIPSES},
    ),
    LineKind(
        "redpajama_bullet_lines",
        "Count lines that begin with one of nine bullets or an en dash, after whitespace.",
        "bullet line",
        _bullet,
        {"bullets": BULLETS},
    ),
    LineKind(
        "redpajama_terminal_lines",
        "Count lines that end with a full stop, `!`, `?` or `”`, before whitespace.",
        "line that does not end as a sentence",
        _terminal,
        {"marks": TERMINALS},
        marks_rest=True,
    ),
    LineKind(
        "redpajama_javascript_lines",
        "Count lines of which a normalised word is 'javascript'.",
        "line that says 'javascript'",
        _javascript,
    ),
    LineKind(
        "redpajama_wordless_lines",
        "Count lines without a normalised word, empty ones too.",
        "line without a word",
        _wordless,
    ),
    LineKind(
        "redpajama_one_word_lines",
        "Count lines of one normalised word.",
        "line of one word",
        _one_word,
    ),
    LineKind(
        "redpajama_short_lines",
        "Count lines of one or two normalised words.",
        "short line",
        _short,
        {"most": SHORT},
    ),
    LineKind(
        "redpajama_capital_lines",
        "Count lines of which more than half the characters are capitals, the line's end counted.",
        "line of capitals",
        _capital,
    ),
    LineKind(
        "redpajama_numeral_lines",
        "Count lines that, normalised, are numeric characters alone.",
        "line of numerals",
        _numeral,
    ),
)
"""Lines that are counted, and can be marked."""

for _kind in KINDS:
    register(
        Signal(
            _kind.name,
            int,
            _kind.summary,
            __name__,
            settings=_kind.settings,
            measure=_kind.count,
        )
    )
