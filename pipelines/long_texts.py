"""Long texts for tokenizers that do not part a text before they encode it, a stretch at a time.

A byte-pair encoding of SentencePiece's form takes a whole document as one piece, at 180 bytes of
memory a token. Where no token has a space behind something else, nothing is ever joined across the
beginning of a word. So a document may be cut there: the ids are the same.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

STRETCH = 1 << 18
"""Characters after which a text is cut, at the next word."""
_SPACE = "\u2581"
_WORD_BEGINS = re.compile(f"[^ {_SPACE}](?= )")
_JOINED = re.compile(f"[^{_SPACE}]{_SPACE}")
_SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
_PREFIX = {"type": "Prepend", "prepend": _SPACE}


@dataclass(frozen=True, slots=True)
class Cutter:
    """Cuts texts for one tokenizer."""

    has_prefix: bool
    """Whether the tokenizer puts a space before every text; a stretch gives up its own then."""

    def stretches(self, text: str, size: int = STRETCH) -> Iterator[str]:
        """Yield stretches of a text whose ids, one after another, are those of the text."""
        start = 0
        while found := _WORD_BEGINS.search(text, start + size):
            end = found.end()
            if self.has_prefix and end + 1 == len(text):
                break  # a stretch without a character would get no space
            yield text[start:end]
            start = end + self.has_prefix
        yield text[start:]


def cutter(tokenizer: Tokenizer) -> Cutter | None:
    """Return what cuts texts for a tokenizer; None where a cut might change ids."""
    written: dict[str, Any] = json.loads(tokenizer.to_str())
    model, normalizer = written["model"], written.get("normalizer") or {}
    steps = normalizer.get("normalizers", [normalizer])
    if (
        model["type"] != "BPE"
        or model.get("dropout")
        or written.get("pre_tokenizer") is not None
        or steps not in ([_PREFIX, _SPACES], [_SPACES])
        or not all(token["special"] for token in written["added_tokens"])
        or _SPACE not in model["vocab"]
        or any(map(_JOINED.search, model["vocab"]))
    ):
        return None
    return Cutter(has_prefix=len(steps) > 1)
