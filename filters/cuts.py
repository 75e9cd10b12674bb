"""What the line filter of C4 takes out of a text, and where the rest comes from.

Each line is given to the edit by itself, so what is said here is what the edit does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from filters.c4 import C4_LINES, CITATION, LOREM, edit_lines
from filters.edit import Options
from filters.parts import line_parts
from filters.segment import Segmenter
from filters.span import Span
from filters.text import Text

_WITHOUT: Options = {
    "terminal_punctuation": False,
    "min_words_per_line": 0,
    "max_word_length": 1 << 62,
    "javascript": False,
    "policy": False,
}
"""Options with which no line leaves."""
_REASONS = {
    "min_words_per_line": "cut line: fewer than {} words",
    "max_word_length": "cut line: a word of more than {} characters",
    "terminal_punctuation": "cut line: does not end as a sentence",
    "javascript": "cut line: says 'javascript'",
    "policy": "cut line: a phrase of privacy policies",
}


@dataclass(frozen=True, slots=True)
class Cut:
    """What the edit leaves of a text, and what it cuts."""

    text: str
    """As the edit leaves it."""
    places: list[int]
    """For each of its characters, where it stood before; -1 for a line break that was put in."""
    lines: list[Span]
    """Lines that left, one for each of `removed_lines`, empty ones too."""
    citations: list[Span]
    """Marks of citations that were cut out of lines that stayed."""

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of the left text, which ends inside lines, stood before."""
        if start < end:
            return self.places[start], self.places[end - 1] + 1
        if start < len(self.places):
            return self.places[start], self.places[start]
        at = self.places[-1] + 1 if self.places else 0
        return at, at


def complete(options: Options) -> Options:
    """Return the edit's options: those given over the defaults."""
    return {**C4_LINES.options, **options}


def cut_lines(text: Text, options: Options) -> Cut:
    """Return what the edit `c4_lines` does to a text, character by character."""
    options = complete(options)
    places: list[int] = []
    lines: list[Span] = []
    citations: list[Span] = []
    first = True
    for start, line in line_parts(text.raw):
        if not _edited(line, options, text.segmenter)["removed_lines"]:
            places += () if first else (-1,)
            first = False
            found = list(_citations(start, line)) if options["citations"] else []
            places += _left(start, line, found)
            citations += found
        else:
            reason = _reason(line, options, text.segmenter)
            lines.append(Span(start, start + len(line), reason))
    left = "".join("\n" if at < 0 else text.raw[at] for at in places)
    places = places[len(left) - len(left.lstrip()) : len(left.rstrip())]
    return Cut(left.strip(), places, lines, citations)


def marked_lines(text: Text, signal: str, options: Options) -> list[Span]:
    """Return one span for each line that the edit's own signal counts.

    `signal` is one of `lorem_lines`, `lorem_first` and `curly_lines`; of `lorem_first`, which
    is 1 or 0, the first of its lines.
    """
    options = complete(options)
    counted = "curly_lines" if signal == "curly_lines" else "lorem_lines"
    marks = partial(_find, mark="{" if counted == "curly_lines" else LOREM)
    found = [
        marks(start, line)
        for start, line in line_parts(text.raw)
        if _edited(line, options, text.segmenter)[counted]
    ]
    if signal != "lorem_first":
        return found
    return found[: edit_lines(text, options).counts[signal]]


def _edited(line: str, options: Options, segmenter: Segmenter) -> dict[str, int]:
    """Return what the edit counts on one line."""
    return edit_lines(Text(f"{line}\n", segmenter), options).counts


def _reason(line: str, options: Options, segmenter: Segmenter) -> str:
    """Return why a line left: the first option that takes it out by itself."""
    for name, words in _REASONS.items():
        alone = {**options, **_WITHOUT, name: options[name]}
        if _edited(line, alone, segmenter)["removed_lines"]:
            return words.format(options[name])
    return "cut line"


def _citations(start: int, line: str) -> Iterator[Span]:
    inner = line.strip()
    start += line.index(inner)
    for match in CITATION.finditer(inner):
        yield Span(start + match.start(), start + match.end(), "cut citation")


def _left(start: int, line: str, citations: list[Span]) -> Iterator[int]:
    """Yield the places of the characters that stay of a line."""
    inner = line.strip()
    at = start + line.index(inner)
    end = at + len(inner)
    for citation in citations:
        yield from range(at, citation.start)
        at = citation.end
    yield from range(at, end)


def _find(start: int, line: str, mark: str) -> Span:
    """Return where a mark stands in a line; the line where it is not to be found as it is."""
    lowered = line.lower()  # may be longer than the line, by letters such as İ
    at = lowered.find(mark) if len(lowered) == len(line) else -1
    what = "curly bracket" if mark == "{" else "lorem ipsum"
    if at < 0:
        return Span(start, start + len(line), what)
    return Span(start + at, start + at + len(mark), what)
