"""Which special tokens stand around each document, by the recipe's own words.

A text never spells one: `<|endoftext|>` on a page is encoded as its characters. So whoever finds
the token's id in a shard knows that this stage has put it there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from filters.errors import UsageError, nearest
from pipelines.recipe.parts import TokenOptions
from pipelines.tokens.opened import SentencePieceModel

_AS_TEXT = "a special token spelled out in a text is text"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Special tokens of one tokenizer, by text and id."""

    vocab_size: int
    """One more than the highest id, added tokens included."""
    begin: tuple[str, int] | None = None
    end: tuple[str, int] | None = None
    pad_id: int = 0

    @property
    def per_document(self) -> int:
        """How many are added to each document."""
        return (self.begin is not None) + (self.end is not None)

    @property
    def policy(self) -> str:
        """What is added, in words."""
        places = (("before", self.begin), ("after", self.end))
        added = [f"{token[0]} ({token[1]}) {place}" for place, token in places if token]
        said = f"{' and '.join(added)} each document" if added else "none added"
        return f"{said}; {_AS_TEXT}"

    def metadata(self) -> dict[str, str]:
        """Return what a shard's metadata says of them."""
        said = {"vocab_size": str(self.vocab_size), "special_tokens": self.policy}
        for name, token in (("begin", self.begin), ("end", self.end)):
            if token is not None:
                said |= {f"{name}_token": token[0], f"{name}_token_id": str(token[1])}
        return said

    def around(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Put the tokens around documents whose ids follow each other; return ids and lengths."""
        if not self.per_document:
            return ids, lengths
        ends = np.cumsum(lengths)
        places, values = [], []
        for token, bounds in ((self.begin, ends - lengths), (self.end, ends)):
            if token is not None:
                places.append(bounds)
                values.append(np.full(len(lengths), token[1], np.int32))
        # A document's end comes before the next one's beginning, at the same place.
        at, what = np.stack(places, axis=1).ravel(), np.stack(values, axis=1).ravel()
        return np.insert(ids, at, what), lengths + self.per_document


def special_tokens(
    tokenizer: Tokenizer | SentencePieceModel, options: TokenOptions
) -> SpecialTokens:
    """Return the special tokens that a recipe asks for.

    UsageError for one that the tokenizer does not have, or that a text could spell.
    """
    vocab: Mapping[str, int] = tokenizer.get_vocab()
    special = {
        token.content: number
        for number, token in tokenizer.get_added_tokens_decoder().items()
        if token.special
    }
    found = {
        name: _found(name, getattr(options, name), special, vocab)
        for name in ("begin", "end", "pad")
    }
    pad = found["pad"] or found["end"]
    size = max(vocab.values(), default=-1) + 1
    return SpecialTokens(size, found["begin"], found["end"], pad[1] if pad else 0)


def _found(
    option: str, token: str | None, special: Mapping[str, int], vocab: Mapping[str, int]
) -> tuple[str, int] | None:
    if token is None:
        return None
    if token in special:
        return token, special[token]
    own = "is a token of text in this tokenizer, which a page may spell"
    fact = own if token in vocab else "is no token of this tokenizer"
    close = nearest(token, special)
    listed = ", ".join(list(special)[:_SHOWN]) or "none"
    hint = f"Did you mean '{close}'?  " if close else ""
    raise UsageError(
        f"tokens.{option}: '{token}' {fact}.\n  {hint}Special tokens that it has: {listed}."
    )
