r"""Line-wise corrections of RefinedWeb, as DCLM wrote them from the paper.

Penedo et al. 2023, "The RefinedWeb Dataset for Falcon LLM", https://arxiv.org/abs/2306.01116,
section G.2. Falcon's code is not published; the patterns, constants and their order are those of
mlfoundations/dclm at 15af3ce (`baselines/mappers/modifiers.py`, `core_utils.py`, and
`baselines/baselines_configs/refinedweb.yaml`).

Two accidents of that code are part of the edit. The full stops of "Read more..." stand for any
characters, and the whole text is stripped after each correction but the one of single words, so
that its first and last line have no space around them when the next one looks.
"""

import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TypeAlias

from filters.edit import Edit, Edited, Options, own_signals
from filters.signal import signal
from filters.text import Text

SHORT_LINE_WORDS = 10
"""Words of the longest line that phrases are cut out of."""

_PLAIN_WORD = re.compile(r"[^ \n\r\t\v\f\0]+")
"""What fastText takes for a word: it knows only these spaces."""
_COUNTED = "likes shares comments retweets reposts quotes bookmarks upvotes downvotes downloads"
_COUNTER = re.compile(
    rf"^\W*\d(?:,|\.|\d)*[kmb]?\s+(?:{'|'.join(_COUNTED.split())}|views|followers)\W*$"
)
_PHRASES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"\s?(?:items in cart)", r"\s?(?:read more...)$", r"^(?:sign-in)\s?")
)

_SIGNALS = MappingProxyType(
    {
        "removed_lines": "Count lines that the edit took out.",
        "cut_phrases": "Count phrases that were cut out of lines which stayed.",
        "removed_words": "Count plain words that left the text.",
    }
)

_Line: TypeAlias = tuple[str | None, int]
"""What becomes of a line, None if it leaves, and how many phrases were cut out of it."""


def count_plain_words(raw: str) -> int:
    """Return how many words, as fastText splits them, begin with a letter or digit."""
    return sum(word[0].isalnum() for word in _PLAIN_WORD.findall(raw))


@signal(version=1)
def plain_words(text: Text) -> int:
    """Count words between spaces that begin with a letter or a digit."""
    return text.share(_plain_words)


def _plain_words(text: Text) -> int:
    return count_plain_words(text.raw)


def correct_lines(text: Text, options: Options) -> Edited:
    """Take out lines of capitals, of digits, of one word and counters, and cut phrases."""
    raw, cut, removed = _corrected(text.raw, options)
    words = text.share(_plain_words) - count_plain_words(raw)
    counts = {"removed_lines": len(removed), "cut_phrases": cut, "removed_words": words}
    return Edited(raw, counts)


def lines_to_correct(raw: str, options: Options) -> list[int]:
    r"""Return which lines the edit takes out, numbered from 0 among the parts between `\n`."""
    return sorted(_corrected(raw, {**REFINEDWEB_LINES.options, **options})[2])


def _corrected(raw: str, options: Options) -> tuple[str, int, list[int]]:
    """Return the corrected text, how many phrases were cut out, and which lines left."""
    lines = list(enumerate(raw.split("\n")))
    cuts, removed = 0, []
    for name, correct, strips in _CORRECTIONS:
        if not options[name]:
            continue
        kept: list[tuple[int, str]] = []
        for number, line in lines:
            corrected, cut = correct(line)
            cuts += cut
            if corrected is None:
                removed.append(number)
            else:
                kept.append((number, corrected))
        lines = _stripped(kept) if strips else kept
    return "\n".join(line for _, line in lines), cuts, removed


def _stripped(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return lines as those of the stripped text."""
    blank = [not line.strip() for _, line in lines]
    if all(blank):
        return []
    first, last = blank.index(False), len(blank) - blank[::-1].index(False)
    lines = lines[first:last]
    lines[0] = (lines[0][0], lines[0][1].lstrip())
    lines[-1] = (lines[-1][0], lines[-1][1].rstrip())
    return lines


def _if_not(leaves: Callable[[str], bool]) -> Callable[[str], _Line]:
    return lambda line: (None if line and leaves(line) else line, 0)


def _is_loud(line: str) -> bool:
    return sum(map(str.isupper, line)) / len(line) > 0.5  # noqa: PLR2004  DCLM's max_ratio


def _is_number(line: str) -> bool:
    return all(map(str.isdigit, line))


def _is_counter(line: str) -> bool:
    return _COUNTER.search(line.lower()) is not None


def _is_lonely(line: str) -> bool:
    return len(line.split()) < 2  # noqa: PLR2004  DCLM's min_length


def _cut(phrase: re.Pattern[str]) -> Callable[[str], _Line]:
    def cut(line: str) -> _Line:
        if len(line.split()) > SHORT_LINE_WORDS:
            return line, 0
        left, found = phrase.subn("", line)
        if line and (not left or left.isspace()):
            return None, 0
        return left, found

    return cut


_CORRECTIONS: Sequence[tuple[str, Callable[[str], _Line], bool]] = (
    ("capitals", _if_not(_is_loud), True),
    ("numbers", _if_not(_is_number), True),
    ("counters", _if_not(_is_counter), True),
    ("single_words", _if_not(_is_lonely), False),
    *(("phrases", _cut(phrase), True) for phrase in _PHRASES),
)
"""The option, what is done to each line, and whether the text is stripped after it."""

REFINEDWEB_LINES = Edit(
    name="refinedweb_lines",
    summary="Take out lines that are no content, and phrases of menus from others (RefinedWeb).",
    version=1,
    options=MappingProxyType(
        dict.fromkeys(("capitals", "numbers", "counters", "single_words", "phrases"), True)
    ),
    meanings=MappingProxyType(
        {
            "capitals": "Lines of which more than half of the characters are capitals leave.",
            "numbers": "Lines of digits alone leave.",
            "counters": "Lines such as '3 likes' leave.",
            "single_words": "Lines of one word, and of spaces alone, leave.",
            "phrases": "'sign-in' at the beginning of a line of at most 10 words, 'read more...' "
            "at its end and 'items in cart' anywhere are cut out; a line that has nothing else "
            "leaves.",
        }
    ),
    signals=MappingProxyType(own_signals(__name__, 1, _SIGNALS)),
    apply=correct_lines,
)
