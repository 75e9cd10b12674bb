"""The oracle: datatrove's own blocks on extracted text, ordered as in its `examples/fineweb.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter, get_filter_result
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.utils.word_tokenizers import load_word_tokenizer

LOST_WORD = "IS_ALPHA"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a text is dropped, None if it is kept, and the text after the last block that ran."""

    reason: str | None
    text: str


class Oracle:
    """FineWeb by datatrove, without URLs and near-duplicates."""

    def __init__(self, language_model: Path) -> None:
        settle_lost_word()
        self._language = LanguageFilter(languages=["en"])
        self._language.model._model = _load(language_model)
        self._quality = [
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
        ]

    def judge(self, text: str, *, gate: bool = True) -> Verdict:
        """Return datatrove's verdict; without `gate` the language is taken for English."""
        document = Document(text=text, id="0")
        if gate and not self._language.filter(document):
            return Verdict("language", text)
        verdict = judged_by(self._quality, text)
        if verdict.reason is not None:
            return verdict
        # A new formatter, because its stand-ins run on from text to text.
        return Verdict(None, PIIFormatter().format(verdict.text))


def judged_by(blocks: Sequence[BaseFilter], text: str) -> Verdict:
    """Return the verdict of filters of datatrove, one after another."""
    document = Document(text=text, id="0")
    for block in blocks:
        kept, reason = get_filter_result(block.filter(document))
        if not kept:
            return Verdict(reason, document.text)
    return Verdict(None, document.text)


def _load(path: Path) -> Any:
    from fasttext.FastText import _FastText

    return _FastText(str(path))


@cache
def settle_lost_word() -> None:
    """Make spaCy fail at the token `IS_ALPHA` every time.

    From the second text on it reads freed memory there, which fails nearly always; a
    test cannot build on that. `test_segment.py` shows the real behaviour.
    """
    for language in ("en", "eng"):
        nlp = load_word_tokenizer(language).tokenizer
        _ = nlp.vocab[LOST_WORD]
        nlp.tokenizer = _failing(nlp.tokenizer)


def _failing(tokenizer: Any) -> Any:
    def tokenize(text: str) -> Any:
        doc = tokenizer(text)
        if any(token.text == LOST_WORD for token in doc):
            raise KeyError(LOST_WORD)
        return doc

    return tokenize
