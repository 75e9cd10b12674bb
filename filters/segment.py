"""Words and sentences, as datatrove 0.10.1 finds them, by chunks that are remembered.

datatrove runs a spaCy pipeline over every whole text. spaCy's tokenizer, however,
works on one whitespace-separated chunk at a time (spaCy, `tokenizer.pyx`,
`_tokenize_affixes`), so the tokens of a chunk can be remembered. Three things are
not settled by a chunk alone:

- The last pass of the tokenizer matches special cases over the whole document, so a
  match can straddle a single space. Chunks between which that could happen are
  tokenised and remembered together (`filters/straddle.py`).
- Whitespace other than one space between two chunks is a token of its own. It is never
  a word, but a sentence may begin with it.
- From the second text on, spaCy 3 fails at a token `IS_ALPHA`: its id, 1, is the mark of
  a deleted key in spaCy's hash table, so its entry outlives the memory zone that owns it.
  datatrove then takes these letters out of the whole text and tries again. So do we, on
  the first text as well, because a result may not depend on what came before.
"""

import re
from collections.abc import Sequence
from ctypes import PyDLL
from functools import cache
from typing import Any, Protocol

from filters.chunks import (
    CODES,
    END,
    LINE_END,
    OTHER,
    PUNCTUATION,
    ChunkReader,
    ChunkSplitter,
    MemoReader,
)
from filters.errors import UsageError, nearest
from filters.lexicon import LONGEST_TEXT, Lexicon
from filters.native import kernels
from filters.straddle import special_pairs
from filters.words import Words, numbered

_PACKAGES = {
    ("SpaCyTokenizer", "zh"): ("jieba",),
    ("SpaCyTokenizer", "ja"): ("sudachipy", "sudachidict-core"),
    ("SpaCyTokenizer", "vi"): ("pyvi",),
    ("ThaiTokenizer", None): ("pythainlp",),
    ("KiwiTokenizer", None): ("kiwipiepy",),
    ("LaoTokenizer", None): ("laonlp",),
    ("KhmerTokenizer", None): ("khmer-nltk",),
    ("TibetanTokenizer", None): ("botok",),
    ("StanzaTokenizer", None): ("stanza",),
    ("IndicNLPTokenizer", None): ("indic-nlp-library",),
    ("BurmeseTokenizer", None): ("pyidaungsu-numpy2",),
}
"""Packages of datatrove's tokenizers by class and language, whose version decides on words."""
_NUMBERED = "numbered-2"
"""Raised when what is made of datatrove's own words changes; part of their fingerprint."""
_LOST = "IS_ALPHA"
_SOME_WORD = "word"


class Segmenter(Protocol):
    """Finds words and sentences in texts of one language."""

    @property
    def fingerprint(self) -> str:
        """Name and version of what decides where words begin and end."""

    def words(self, text: str) -> list[str]:
        """Return the words of `text`, equal to datatrove's `split_into_words`."""

    def numbered(self, text: str) -> Words:
        """Return the same words, each distinct one with a number."""

    def sentence_count(self, text: str) -> int:
        """Return the length of datatrove's `split_into_sentences`; 1 for an empty text."""

    def line_counts(self, lines: Sequence[str]) -> tuple[int | None, int]:
        """Return the words of all lines joined, and the sum of each line's sentences.

        No line holds a line boundary. None for the words where only `words` can tell.
        """


class ChunkSegmenter:
    """spaCy's tokenizer by chunks that are remembered, and its rule-based sentencizer on top."""

    def __init__(self, nlp: Any, fingerprint: str, library: PyDLL | None = None) -> None:
        self.fingerprint = fingerprint
        self.splitter = ChunkSplitter(nlp)
        ends = "".join(map(re.escape, sorted(self.splitter.ends)))
        self._inner_end = re.compile(f"[{ends}](?=.)", re.DOTALL)
        self._telling_space = _telling_space(ends)
        self.memo = MemoReader(self.splitter)
        self.lexicon = Lexicon(library, self.splitter) if library is not None else None

    def _reader(self, text: str) -> ChunkReader:
        return self.memo if self.lexicon is None or len(text) > LONGEST_TEXT else self.lexicon

    def words(self, text: str) -> list[str]:
        """Return the words of `text`; see `Segmenter`."""
        text = self._readable(text)
        return self._reader(text).words(text)

    def numbered(self, text: str) -> Words:
        """Return the words of `text`, numbered; see `Segmenter`."""
        text = self._readable(text)
        return self._reader(text).numbered(text)

    def sentence_count(self, text: str) -> int:
        """Return the number of sentences; see `Segmenter`.

        spaCy's sentencizer opens a sentence at the first token after an end mark that is
        neither an end mark nor punctuation. So with punctuation left out, an end mark
        followed by another token is one more sentence.
        """
        if self._inner_end.search(text) is None:
            return 1
        return 1 + _inner_ends(self._coded(self._readable(text)))

    def line_counts(self, lines: Sequence[str]) -> tuple[int | None, int]:
        """Return words of all lines and sentences of each; see `Segmenter`.

        All lines are looked up at once, with a chunk between that has a code of its own:
        no token and no special case reaches across a line boundary. Whitespace at the end
        of a line is a token there, but between two lines it is part of the one between.
        """
        text = f"\n{LINE_END}\n".join(lines)
        breaks = len(lines) - 1
        odd = _LOST in text or text.count(LINE_END) != breaks
        if odd or any(line[-1:].isspace() for line in lines):
            return None, sum(map(self.sentence_count, lines))
        coded = self._coded(text)
        return sum(map(len, coded)) - breaks, len(lines) + _inner_ends(coded)

    def _coded(self, text: str) -> list[str]:
        """Return one character for each word, in the stretches between telling spaces."""
        codes = self._reader(text).codes
        if self.lexicon is not None and not self.lexicon.may_tell(text):
            return [codes(text)]
        return [codes(part) for part in self._telling_space.split(text)]

    def _readable(self, text: str) -> str:
        """Return the text that datatrove ends up tokenising."""
        if _LOST in text and _LOST in self._reader(text).words(text):
            return text.replace(_LOST, "")
        return text


def _telling_space(ends: str) -> re.Pattern[str]:
    """Return a pattern of whitespace tokens that may change the number of sentences.

    Such a token opens a sentence where the token after it would not: before another end
    mark, or at the end of the text. Where a letter or digit stands before it (no end of a
    sentence), or behind it and at most some marks that are no end marks (a sentence opens
    there at the latest), it changes nothing. Nothing is looked for behind the end of a
    line, so that lines may be looked up together. The bounds keep the search linear.
    """
    return re.compile(
        rf"\s(?<=(?:[^\w\s]|_)\s)(?:(?<! )|(?=\s))\s*+"
        rf"(?!(?:[^\w\n{ends}]|_){{0,8}}+[^\W_])"
    )


def _inner_ends(coded: Sequence[str]) -> int:
    """Return how many words open a sentence after another; what is between stretches may, too."""
    other, mark = CODES[OTHER], CODES[PUNCTUATION]
    return other.join(coded).replace(mark, "").count(CODES[END] + other)


class DatatroveSegmenter:
    """datatrove's own tokenizer for a language: right for every language, remembers nothing."""

    def __init__(self, language: str, tokenizer: Any, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._language = language
        self._tokenizer = tokenizer

    def words(self, text: str) -> list[str]:
        """Return the words of `text`; see `Segmenter`."""
        return list(self._tokenizer.word_tokenize(text))

    def numbered(self, text: str) -> Words:
        """Return the words of `text`, numbered; see `Segmenter`."""
        return numbered(self.words(text))

    def sentence_count(self, text: str) -> int:
        """Return the number of sentences; see `Segmenter`."""
        return max(1, len(self._tokenizer.span_tokenize(text)))

    def line_counts(self, lines: Sequence[str]) -> tuple[int | None, int]:
        """Return the sentences alone, as words may depend on the lines around; see `Segmenter`."""
        return None, sum(map(self.sentence_count, lines))


@cache
def segmenter(language: str) -> Segmenter:
    """Return the segmenter that datatrove's table assigns to `language`, e.g. `en` or `deu_Latn`.

    The same object every time in one process. UsageError if the table has no such
    language or the tokenizer's own package is not installed.
    """
    tokenizer = _assigned(language)
    version = _version("datatrove")
    if type(tokenizer).__name__ == "SpaCyTokenizer" and tokenizer.config is None:
        nlp = _blank(tokenizer.language)
        if nlp is not None:
            by = f"spacy-{_version('spacy')}:{tokenizer.language}"
            return ChunkSegmenter(nlp, by, kernels())
    try:
        tokenizer.word_tokenize(_SOME_WORD)  # some look for their package at the first word
    except ImportError as error:
        raise _needs_package(language, error) from error
    except Exception as error:  # whatever a tokenizer of others cannot do without
        reason = " ".join(str(error).split())
        raise UsageError(
            f"words: the tokenizer of language '{language}' does not work here.\n  {reason}"
        ) from error
    made_by = [_NUMBERED, f"datatrove-{version}:{language}", *_packages(tokenizer)]
    return DatatroveSegmenter(language, tokenizer, " ".join(made_by))


def _packages(tokenizer: Any) -> list[str]:
    """Return name and version of the packages that split the language, where it has its own."""
    kind = type(tokenizer).__name__
    language = tokenizer.language if kind == "SpaCyTokenizer" else None
    return [f"{name}-{_version(name)}" for name in _PACKAGES.get((kind, language), ())]


def _assigned(language: str) -> Any:
    from datatrove.utils.word_tokenizers import (  # slow to import
        load_tokenizer_assignments,
        load_word_tokenizer,
    )

    known = load_tokenizer_assignments()
    if language not in known:
        close = nearest(language, known)
        raise UsageError(
            f"words: no tokenizer is assigned to language '{language}'.\n"
            f"  Did you mean '{close or 'en'}'? The table is datatrove's tokenizer_assignment.csv."
        )
    try:
        return load_word_tokenizer(language)
    except ImportError as error:
        raise _needs_package(language, error) from error


def _needs_package(language: str, error: ImportError) -> UsageError:
    reason = " ".join(str(error).split())
    return UsageError(f"words: language '{language}' needs a package.\n  {reason}")


def _blank(code: str) -> Any:
    """Return a blank spaCy pipeline whose tokenizer may be memoised, else None.

    Tokenizers of languages without spaces are classes of their own, and a special case
    with whitespace inside its tokens (Malay has `M` and a newline) reaches across chunks.
    """
    import spacy  # a second to import
    from spacy.tokenizer import Tokenizer

    try:
        nlp = spacy.blank(code)
    except ImportError:
        return None
    if type(nlp.tokenizer) is not Tokenizer:
        return None
    if any(not part.strip() for pair in special_pairs(nlp.tokenizer) for part in pair):
        return None
    _ = nlp.vocab[_LOST]  # made outside any memory zone, it does not get lost
    return nlp


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
