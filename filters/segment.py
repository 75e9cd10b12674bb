"""Words and sentences, as datatrove 0.10.1 finds them, from one memoised tokenizer.

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
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from filters.affixes import AffixSplitter
from filters.errors import UsageError, nearest
from filters.straddle import Straddling, runs, special_pairs

MOST_CHUNKS = 1 << 17
"""Chunks that are remembered per process and language, so that memory is bounded."""

LONGEST_CHUNK = 48
"""Characters of the longest chunk that is remembered; longer ones rarely come again."""

_LOST = "IS_ALPHA"
_END, _PUNCTUATION, _OTHER = ".", ",", "o"
_LINE_END, _LINE_END_CODE = "o\udfffo", "|"
"""Stands as a chunk of its own between lines; no text that can be encoded holds it."""

Seen = TypeVar("Seen")


class Segmenter(Protocol):
    """Finds words and sentences in texts of one language."""

    @property
    def fingerprint(self) -> str:
        """Name and version of what decides where words begin and end."""

    def words(self, text: str) -> list[str]:
        """Return the words of `text`, equal to datatrove's `split_into_words`."""

    def sentence_count(self, text: str) -> int:
        """Return the length of datatrove's `split_into_sentences`; 1 for an empty text."""

    def line_counts(self, lines: Sequence[str]) -> tuple[int | None, int]:
        """Return the words of all lines joined, and the sum of each line's sentences.

        No line holds a line boundary. None for the words where only `words` can tell.
        """


class _Memo(dict[str, Seen], Generic[Seen]):
    """A dictionary that learns what it does not know, within the two bounds above.

    When half of what it may hold is new, that half takes the place of the older half, so
    that what comes again and again stays.
    """

    def __init__(self, learn: Callable[[str], Seen]) -> None:
        super().__init__()
        self._learn = learn
        self._older: dict[str, Seen] = {}

    def __missing__(self, chunk: str) -> Seen:
        value = self._older.get(chunk)
        if value is None:
            value = self._learn(chunk)
        if len(chunk) <= LONGEST_CHUNK:
            if len(self) >= MOST_CHUNKS // 2:
                self._older = dict(self)
                self.clear()
            self[chunk] = value
        return value


class ChunkSegmenter:
    """A memoised spaCy tokenizer and spaCy's rule-based sentencizer on top of it."""

    def __init__(self, nlp: Any, fingerprint: str) -> None:
        from spacy.attrs import IS_PUNCT  # spaCy takes a second to import
        from spacy.pipeline import Sentencizer

        self.fingerprint = fingerprint
        self._nlp = nlp
        self._is_punct: Callable[[str], bool] = nlp.vocab.lex_attr_getters[IS_PUNCT]
        self._ends = frozenset(Sentencizer.default_punct_chars)
        ends = "".join(map(re.escape, sorted(self._ends)))
        self._inner_end = re.compile(f"[{ends}](?=.)", re.DOTALL)
        self._telling_space = _telling_space(ends)
        self._latest: tuple[str, list[str]] = ("", [])
        pairs = special_pairs(nlp.tokenizer)
        self._straddling = Straddling(pairs)
        self._splitter = AffixSplitter(nlp.tokenizer, pairs)
        self._words: _Memo[Iterable[str]] = _Memo(self._tokenize)
        self._codes: _Memo[str] = _Memo(self._code)

    def words(self, text: str) -> list[str]:
        """Return the words of `text`; see `Segmenter`."""
        return self._tokens(self._readable(text))

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
        text = f"\n{_LINE_END}\n".join(lines)
        breaks = len(lines) - 1
        odd = _LOST in text or text.count(_LINE_END) != breaks
        if odd or any(line[-1:].isspace() for line in lines):
            return None, sum(map(self.sentence_count, lines))
        coded = self._coded(text)
        return sum(map(len, coded)) - breaks, len(lines) + _inner_ends(coded)

    def _coded(self, text: str) -> list[str]:
        """Return one character for each word, in the stretches between telling spaces."""
        found = self._telling_space.search(text)
        stretches = [text] if found is None else self._telling_space.split(text)
        return ["".join(map(self._codes.__getitem__, self._chunks(part))) for part in stretches]

    def _readable(self, text: str) -> str:
        """Return the text that datatrove ends up tokenising."""
        if _LOST in text and _LOST in self._tokens(text):
            return text.replace(_LOST, "")
        return text

    def _tokens(self, text: str) -> list[str]:
        return list(chain.from_iterable(map(self._words.__getitem__, self._chunks(text))))

    def _chunks(self, text: str) -> list[str]:
        """Return the chunks of a text; those of the latest are at hand for another memo."""
        if text is not self._latest[0]:
            spaces = self._straddling.spaces(text)
            self._latest = (text, runs(text, spaces) if spaces else text.split())
        return self._latest[1]

    def _tokenize(self, chunk: str) -> Iterable[str]:
        split = self._splitter.split(chunk)
        if split is not None:
            return tuple(split)
        # A memory zone frees spaCy's own copies of the strings, which it would keep for ever.
        with self._nlp.vocab.memory_zone():
            return tuple(
                found for token in self._nlp.tokenizer(chunk) if (found := token.text.strip())
            )

    def _code(self, chunk: str) -> str:
        if chunk == _LINE_END:
            return _LINE_END_CODE
        return "".join(map(self._kind, self._words[chunk]))

    def _kind(self, token: str) -> str:
        if token[0].isalnum():
            return _OTHER
        if token in self._ends:
            return _END
        return _PUNCTUATION if self._is_punct(token) else _OTHER


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
    return _OTHER.join(coded).replace(_PUNCTUATION, "").count(_END + _OTHER)


class DatatroveSegmenter:
    """datatrove's own tokenizer for a language: right for every language, remembers nothing."""

    def __init__(self, language: str, tokenizer: Any, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._language = language
        self._tokenizer = tokenizer

    def words(self, text: str) -> list[str]:
        """Return the words of `text`; see `Segmenter`."""
        return list(self._tokenizer.word_tokenize(text))

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
    plain = DatatroveSegmenter(language, tokenizer, f"datatrove-{version}:{language}")
    if type(tokenizer).__name__ != "SpaCyTokenizer" or tokenizer.config is not None:
        return plain
    nlp = _blank(tokenizer.language)
    if nlp is None:
        return plain
    return ChunkSegmenter(nlp, f"spacy-{_version('spacy')}:{tokenizer.language}")


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
        reason = " ".join(str(error).split())
        raise UsageError(f"words: language '{language}' needs a package.\n  {reason}") from error


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
