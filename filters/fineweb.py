"""Counts behind FineWeb's own filters.

Penedo et al. 2024, "The FineWeb Datasets", https://arxiv.org/abs/2406.17557, section 3.6;
exactly as datatrove 0.10.1 counts them (`fineweb_quality_filter.py`).
"""

from datatrove.utils.text import TERMINAL_PUNCTUATION

from filters.gopher import duplicates
from filters.signal import signal
from filters.text import Text

SHORT_LINE = 30
"""Characters of the longest line that is called short."""

_TERMINALS = "".join(sorted(TERMINAL_PUNCTUATION))


@signal(version=1)
def nonblank_lines(text: Text) -> int:
    r"""Count lines, ended by `\n` alone, that hold more than whitespace."""
    return len(text.nonblank_lines)


@signal(version=1, settings={"terminals": _TERMINALS})
def terminal_lines(text: Text) -> int:
    """Count nonblank lines whose last character is a sentence mark of any script."""
    return sum(line[-1] in TERMINAL_PUNCTUATION for line in text.nonblank_lines)


@signal(version=1, settings={"length": SHORT_LINE})
def short_lines(text: Text) -> int:
    """Count nonblank lines of at most 30 characters."""
    return sum(len(line) <= SHORT_LINE for line in text.nonblank_lines)


@signal(version=1)
def dup_nonblank_chars(text: Text) -> int:
    """Count characters of the nonblank lines that equal an earlier one."""
    return duplicates(text.nonblank_lines)[1]


@signal(version=1)
def nonnewline_chars(text: Text) -> int:
    r"""Count characters other than `\n`."""
    return text.chars - newlines(text)


@signal(version=1)
def newlines(text: Text) -> int:
    r"""Count `\n`."""
    return text.raw.count("\n")
