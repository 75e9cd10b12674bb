"""The words of whitespace-separated chunks of a text, as spaCy's tokenizer finds them.

Chunks come again and again, so what was found is remembered: here in a dictionary, in
`filters/lexicon.py` in the compiled kernels, which do the same faster.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from filters.affixes import AffixSplitter
from filters.straddle import Straddling, runs, special_pairs
from filters.words import Words, numbered

MOST_CHUNKS = 1 << 17
"""Chunks that are remembered per process and language, so that memory is bounded."""

LONGEST_CHUNK = 48
"""Characters of the longest chunk that is remembered; longer ones rarely come again."""

LINE_END = "o\udfffo"
"""Stands as a chunk of its own between lines; no text that can be encoded holds it."""

OTHER, END, PUNCTUATION, BREAK = range(4)
"""What a word is to sentences: none of the following, an end mark, another mark, `LINE_END`."""
CODES = "o.,|"

Seen = TypeVar("Seen")


class ChunkReader(Protocol):
    """Finds the words of a text by its chunks."""

    def words(self, text: str) -> list[str]:
        """Return the words of a text, in order."""

    def numbered(self, text: str) -> Words:
        """Return the same, with what is known of each distinct one."""

    def codes(self, text: str) -> str:
        """Return one character of `CODES` for each word."""


class ChunkSplitter:
    """Splits a chunk with a spaCy pipeline's tokenizer."""

    def __init__(self, nlp: Any) -> None:
        from spacy.attrs import IS_PUNCT  # spaCy takes a second to import
        from spacy.pipeline import Sentencizer

        self.nlp = nlp
        self.ends = frozenset(Sentencizer.default_punct_chars)
        self.pairs = special_pairs(nlp.tokenizer)
        self.affixes = AffixSplitter(nlp.tokenizer, self.pairs)
        self._is_punct: Callable[[str], bool] = nlp.vocab.lex_attr_getters[IS_PUNCT]

    def tokens(self, chunk: str) -> Sequence[str]:
        """Return the words of a chunk, or of chunks with single spaces between."""
        split = self.affixes.split(chunk)
        if split is not None:
            return split
        # A memory zone frees spaCy's own copies of the strings, which it would keep for ever.
        with self.nlp.vocab.memory_zone():
            return [found for token in self.nlp.tokenizer(chunk) if (found := token.text.strip())]

    def role(self, token: str) -> int:
        """Return what a word is to sentences."""
        if token[0].isalnum():
            return OTHER
        if token in self.ends:
            return END
        return PUNCTUATION if self._is_punct(token) else OTHER


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


class MemoReader:
    """Looks chunks up in dictionaries."""

    def __init__(self, splitter: ChunkSplitter) -> None:
        self._splitter = splitter
        self._straddling = Straddling(splitter.pairs)
        self._latest: tuple[str, list[str]] = ("", [])
        self._words: _Memo[Iterable[str]] = _Memo(self._tokenize)
        self._codes: _Memo[str] = _Memo(self._code)

    def words(self, text: str) -> list[str]:
        """Return the words of a text, in order."""
        return list(chain.from_iterable(map(self._words.__getitem__, self._chunks(text))))

    def numbered(self, text: str) -> Words:
        """Return the same, with what is known of each distinct one."""
        return numbered(self.words(text))

    def codes(self, text: str) -> str:
        """Return one character of `CODES` for each word."""
        return "".join(map(self._codes.__getitem__, self._chunks(text)))

    def _chunks(self, text: str) -> list[str]:
        """Return the chunks of a text; those of the latest are at hand for another memo."""
        if text is not self._latest[0]:
            spaces = self._straddling.spaces(text)
            self._latest = (text, runs(text, spaces) if spaces else text.split())
        return self._latest[1]

    def _tokenize(self, chunk: str) -> Iterable[str]:
        return tuple(self._splitter.tokens(chunk))

    def _code(self, chunk: str) -> str:
        if chunk == LINE_END:
            return CODES[BREAK]
        return "".join(CODES[self._splitter.role(token)] for token in self._words[chunk])
