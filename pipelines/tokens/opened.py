"""A tokenizer.json, opened by the library whose ids it has to give.

Nearly all are of the form of the tokenizers library. A SentencePiece model without an equal there
(`pipelines.tokens.sentencepiece`) is kept whole: `{"sentencepiece": "…", "version": "…"}` has the
model in base64 and which version of its own library encodes. So another version is another
tokenizer, whose shards are made anew; and the tokenizers library reads no such file, so nobody
gets near ids from one by mistake.
"""

import json
from base64 import b64decode, b64encode

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer

from filters.errors import UsageError

_KEY = "sentencepiece"
_BEGINS = b'{"sentencepiece": "'


class SentencePieceModel:
    """A model in its own library; what else it has, it tells by the names of `Tokenizer`."""

    def __init__(self, data: bytes) -> None:
        """Load a model. ImportError without the library, RuntimeError for what it cannot load."""
        from sentencepiece import SentencePieceProcessor

        self.data = data
        self._library = SentencePieceProcessor(model_proto=data)

    def ids(self, text: str) -> NDArray[np.int32]:
        """Return the ids of a text, no special tokens added; UnicodeEncodeError for no Unicode."""
        found: NDArray[np.int32] = self._library.encode(text.encode(), return_type="numpy")
        return found

    def pieces(self, text: str) -> list[str]:
        """Return the pieces of a text; UnicodeEncodeError for no Unicode."""
        found: list[str] = self._library.encode(text.encode(), out_type=str)
        return found

    def get_vocab(self) -> dict[str, int]:
        """Return the id of each piece."""
        return {self._library.id_to_piece(number): number for number in self._numbers()}

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Return the pieces that no text is made of, by id."""
        return {
            number: AddedToken(self._library.id_to_piece(number), special=True)
            for number in self._numbers()
            if self._library.is_control(number) or self._library.is_unknown(number)
        }

    def id_to_token(self, number: int) -> str | None:
        """Return a piece; None for an id that the model does not have."""
        return self._library.id_to_piece(number) if number in self._numbers() else None

    def _numbers(self) -> range:
        return range(self._library.get_piece_size())


def kept_whole(place: str, model: bytes) -> bytes:
    """Return a SentencePiece model as `open_tokenizer` reads it; UsageError without its library."""
    try:
        from sentencepiece import __version__ as encodes
    except ImportError as error:
        raise _missing(place) from error
    return json.dumps({_KEY: b64encode(model).decode(), "version": encodes}).encode()


def whole_model(data: bytes) -> bytes | None:
    """Return the SentencePiece model that a tokenizer.json is; None for one of another form.

    ValueError for one that is cut off, or no base64.
    """
    if not data.startswith(_BEGINS):
        return None
    return b64decode(json.loads(data)[_KEY], validate=True)


def open_tokenizer(place: str, data: bytes) -> Tokenizer | SentencePieceModel:
    """Open a tokenizer.json.

    UsageError where it is a SentencePiece model and that library is missing or cannot load it;
    what the tokenizers library raises for a file of no form.
    """
    if not data.startswith(_BEGINS):
        return Tokenizer.from_buffer(data)
    try:
        return SentencePieceModel(whole_model(data) or b"")
    except ImportError as error:
        raise _missing(place) from error
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"{place}: not a SentencePiece model that its library can load: {error}.\n"
            "  Give the file as it was published."
        ) from error


def _missing(place: str) -> UsageError:
    return UsageError(
        f"{place}: a SentencePiece model whose ids only its own library gives, and that is not "
        "installed.\n"
        "  Install it: pip install 'cuvee[sentencepiece]'"
    )
