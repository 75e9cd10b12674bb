"""Where in a text the parts are that a signal has counted.

What is marked adds up to what is counted: as many spans as a count of lines, words or
marks says, as many characters as a count of characters (of n-grams, those of their words).
Where what is missing tells more than what is there, that is marked: see `COMPLEMENTS`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from operator import attrgetter
from types import MappingProxyType

from datatrove.utils.text import TERMINAL_PUNCTUATION

from filters.c4 import C4_LINES
from filters.catalog import TEXT
from filters.cuts import Cut, cut_lines, marked_lines
from filters.dolma import ENDED_LINES, unended_lines
from filters.dolma_pii import found_places
from filters.edit import Options
from filters.fineweb import SHORT_LINE
from filters.gopher import BULLETS, ELLIPSES, STOP_WORDS
from filters.imported import family_of
from filters.ngrams import DUP_SIZES, TOP_SIZES
from filters.parts import (
    Part,
    line_parts,
    nonblank_parts,
    paragraph_parts,
    run_parts,
    word_places,
)
from filters.pii import PII, email_spans, ip_spans
from filters.redpajama import SYMBOLS
from filters.redpajama_marks import redpajama_finders
from filters.refinedweb import REFINEDWEB_LINES, lines_to_correct
from filters.span import Finder, Span
from filters.text import Text

_LINES_OF: Mapping[str, Callable[[str, Options], list[int]]] = MappingProxyType(
    {REFINEDWEB_LINES.name: lines_to_correct, ENDED_LINES.name: unended_lines}
)
"""Edits that take out whole lines: which ones."""

_STOP_WORDS = "distinct_stop_words"

COMPLEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "alpha_words": "words",
        "terminal_lines": "nonblank_lines",
        "redpajama_terminal_lines": "redpajama_lines",
    }
)
"""Signals of which the rest is marked, with the count of the whole: words without a letter,
lines that do not end as a sentence does."""


def evidence(
    text: Text,
    signal: str,
    edits: Mapping[str, Options] = MappingProxyType({}),
    stop_words: Collection[str] = STOP_WORDS,
) -> list[Span]:
    """Return the parts of a text that a signal counts, in order; none where it marks nothing.

    `signal` is a name as rules have it: `dup_lines` and `text.dup_lines` are counted on the text
    itself, `c4_lines.short_lines` on what the edit leaves of it. The spans are of the text that
    is given in either case. `edits` are those that come before, with their options, in order;
    of edits before it only `c4_lines` can be followed, behind others nothing is marked.
    `stop_words` are those of the recipe.
    """
    revision, _, bare = signal.rpartition(".")
    if revision in ("", TEXT):
        return _of_text(text, bare, stop_words)
    before = [name for name in edits if name != revision]
    options = edits.get(revision) or {}
    is_first = next(iter(edits), revision) == revision
    if revision == C4_LINES.name and is_first:
        return _of_lines(text, bare, options)
    if revision in _LINES_OF and is_first and bare == "removed_lines":
        return _left_lines(text.raw, _LINES_OF[revision](text.raw, options))
    if revision != PII.name or bare not in PII.signals or before not in ([], [C4_LINES.name]):
        return []
    return (
        _found_behind(cut_lines(text, edits[before[0]]), text, bare)
        if before
        else _found(text, bare)
    )


def found_by(
    finder: Finder, text: Text, signal: str, edits: Mapping[str, Options] = MappingProxyType({})
) -> list[Span]:
    """Return what `finder` finds, where it knows what a signal counts: as `evidence` places it."""
    revision = signal.rpartition(".")[0]
    if revision in ("", TEXT):
        return list(finder(text))
    if revision != C4_LINES.name or next(iter(edits), revision) != revision:
        return []
    return _placed(finder, cut_lines(text, edits.get(revision) or {}), text)


def _of_text(text: Text, bare: str, stop_words: Collection[str]) -> list[Span]:
    """Return what a signal of the text itself counts."""
    if bare == _STOP_WORDS and tuple(stop_words) != STOP_WORDS:
        return list(_words(frozenset(stop_words).__contains__, "stop word", text))
    return _found(text, bare)


def _left_lines(raw: str, numbers: Iterable[int]) -> list[Span]:
    r"""Return the lines of these numbers among the parts between `\n`."""
    lines = raw.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    return [Span(starts[n], starts[n] + len(lines[n]), "cut line") for n in numbers]


def _of_lines(text: Text, bare: str, options: Options) -> list[Span]:
    """Return what a signal of the revision `c4_lines` counts."""
    if bare == "removed_lines":
        return cut_lines(text, options).lines
    if bare in C4_LINES.signals:
        return [] if bare == "sentences" else marked_lines(text, bare, options)
    return _found_behind(cut_lines(text, options), text, bare)


def can_mark(signal: str) -> bool:
    """Return whether anything can be marked for a signal."""
    ours = signal.rpartition(".")[2] in {*_FINDERS, *C4_LINES.signals} - {"sentences"}
    return ours and family_of(signal) is None


def _found(text: Text, bare: str) -> list[Span]:
    finder = _FINDERS.get(bare)
    return list(finder(text)) if finder else []


def _found_behind(cut: Cut, text: Text, bare: str) -> list[Span]:
    return _placed(lambda left: _found(left, bare), cut, text)


def _placed(finder: Finder, cut: Cut, text: Text) -> list[Span]:
    """Return what is found in what is left of a text, as spans of the text itself."""
    spans = finder(Text(cut.text, text.segmenter))
    return [Span(*cut.back(span.start, span.end), span.what) for span in spans]


def _repeated(parts: Callable[[str], Iterable[Part]], what: str, text: Text) -> Iterator[Span]:
    """Yield the parts that equal an earlier one."""
    seen: set[str] = set()
    for start, part in parts(text.raw):
        if part in seen:
            yield Span(start, start + len(part), what)
        seen.add(part)


def _chosen(
    parts: Callable[[str], Iterable[Part]], wanted: Callable[[str], bool], what: str, text: Text
) -> Iterator[Span]:
    for start, part in parts(text.raw):
        if wanted(part):
            yield Span(start, start + len(part), what)


def _words(wanted: Callable[[str], bool], what: str, text: Text) -> Iterator[Span]:
    for word, (start, end) in zip(text.words, word_places(text), strict=False):
        if wanted(word):
            yield Span(start, end, what)


def _top_ngram(n: int, text: Text) -> Iterator[Span]:
    """Yield every occurrence of the commonest n-gram; they may overlap."""
    words = text.words
    grams = [" ".join(words[at : at + n]) for at in range(len(words) - n + 1)]
    counts: dict[str, int] = {}
    for gram in grams:
        counts[gram] = counts.get(gram, 0) + 1
    most = max(counts, key=counts.__getitem__, default=None)  # the first of equally common ones
    places = word_places(text)
    for at, gram in enumerate(grams if places else ()):
        if gram == most:
            yield Span(places[at][0], places[at + n - 1][1], f"commonest {n}-gram")


def _dup_ngrams(n: int, text: Text) -> Iterator[Span]:
    """Yield the n-grams that repeat an earlier one of the scan, which steps over them."""
    words, places = text.words, word_places(text)
    seen: set[str] = set()
    at = 0
    while at + n <= len(places):
        gram = "".join(words[at : at + n])
        if gram in seen:
            yield Span(places[at][0], places[at + n - 1][1], f"repeated {n}-gram")
            at += n
        else:
            seen.add(gram)
            at += 1


def _marks(marks: Iterable[str], what: str, text: Text) -> Iterator[Span]:
    starts = []
    for mark in marks:
        at = text.raw.find(mark)
        while at >= 0:
            starts.append((at, at + len(mark)))
            at = text.raw.find(mark, at + len(mark))
    yield from (Span(start, end, what) for start, end in sorted(starts))


def _ips(text: Text) -> Iterator[Span]:
    """Yield addresses that are no part of an e-mail address, which is replaced first."""
    taken = list(email_spans(text.raw))
    for start, end in ip_spans(text.raw):
        if not any(a < end and start < b for a, b in taken):
            yield Span(start, end, "IP address")


_PLACES = {"email": "e-mail address", "phone": "telephone number", "ip": "IP address"}


def _personal_data(text: Text, kinds: Collection[str] = tuple(_PLACES)) -> list[Span]:
    """Return what Dolma's tagger finds; of two that overlap the first."""
    places = text.share(found_places)
    spans = [Span(*place, _PLACES[kind]) for kind in kinds for place in places[kind]]
    found: list[Span] = []
    for span in sorted(spans, key=attrgetter("start")):
        if not found or span.start >= found[-1].end:
            found.append(span)
    return found


def _emails(text: Text) -> Iterator[Span]:
    return (Span(start, end, "e-mail address") for start, end in email_spans(text.raw))


def _finders() -> dict[str, Finder]:
    lines = partial(_repeated, run_parts, "repeated line")
    paragraphs = partial(_repeated, paragraph_parts, "repeated paragraph")
    return {
        "dup_lines": lines,
        "dup_line_chars": lines,
        "dup_paragraphs": paragraphs,
        "dup_paragraph_chars": paragraphs,
        "dup_nonblank_chars": partial(_repeated, nonblank_parts, "repeated line"),
        **{f"top_{n}gram_chars": partial(_top_ngram, n) for n in TOP_SIZES},
        **{f"dup_{n}gram_chars": partial(_dup_ngrams, n) for n in DUP_SIZES},
        "bullet_lines": partial(
            _chosen, line_parts, lambda line: line.lstrip().startswith(BULLETS), "bullet line"
        ),
        "ellipsis_lines": partial(
            _chosen, line_parts, lambda line: line.rstrip().endswith(ELLIPSES), "ellipsis line"
        ),
        "short_lines": partial(
            _chosen, nonblank_parts, lambda line: len(line) <= SHORT_LINE, "short line"
        ),
        "terminal_lines": partial(
            _chosen,
            nonblank_parts,
            lambda line: line[-1] not in TERMINAL_PUNCTUATION,
            "line that does not end as a sentence",
        ),
        "alpha_words": partial(
            _words, lambda word: not any(map(str.isalpha, word)), "word without a letter"
        ),
        _STOP_WORDS: partial(_words, STOP_WORDS.__contains__, "stop word"),
        "hashes": partial(_marks, "#", "number sign"),
        "ellipses": partial(_marks, ELLIPSES, "ellipsis"),
        **redpajama_finders(),
        "redpajama_symbols": partial(_marks, SYMBOLS, "number sign or ellipsis"),
        "redpajama_curly_brackets": partial(_marks, "{}", "curly bracket"),
        "emails": _emails,
        "ips": _ips,
        "dolma_personal_data": _personal_data,
        **{f"dolma_{kind}s": partial(_personal_data, kinds=(kind,)) for kind in _PLACES},
    }


_FINDERS: Mapping[str, Finder] = MappingProxyType(_finders())
