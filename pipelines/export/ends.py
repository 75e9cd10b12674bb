"""What an export has to know of a tokenizer: how many ids it has, and what ends a document."""

from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer

from filters.errors import UsageError, nearest
from pipelines.files import write_whole
from pipelines.tokens.folder import write_folder
from pipelines.tokens.opened import SentencePieceModel, open_tokenizer

TOKENIZER = "tokenizer"
"""Folder of an export with its tokenizer."""
NONE = "none"
"""What is said on the command line for no end at all."""
_KNOWN = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[EOS]")


def read_tokenizer(root: Path) -> Tokenizer | SentencePieceModel:
    """Return the tokenizer of a folder of token shards; UsageError where there is none."""
    path = root / "tokenizer.json"
    try:
        return open_tokenizer(str(path), path.read_bytes())
    except UsageError:
        raise
    except FileNotFoundError:
        raise UsageError(
            f"{path}: is missing.\n  Put back the tokenizer that made the tokens of this folder."
        ) from None
    except Exception as error:  # the library raises nothing more precise
        raise UsageError(
            f"{path}: {error}.\n  Put back the tokenizer that made the tokens of this folder."
        ) from error


def write_tokenizer(run: Path, end: int | None, output: Path) -> None:
    """Write a run's tokenizer into an export: as `transformers` loads it, or as `.model`."""
    tokenizer = read_tokenizer(run)
    folder = output / TOKENIZER
    if isinstance(tokenizer, SentencePieceModel):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "tokenizer.model", tokenizer.data)
        return
    token = None if end is None else tokenizer.id_to_token(end)
    write_folder(folder, (run / "tokenizer.json").read_bytes(), token)


def check_loadable(run: Path, tool: str) -> None:
    """Refuse a tokenizer that `transformers` cannot load, for a tool that does. UsageError.

    What reads the run says where there is none.
    """
    path = run / "tokenizer.json"
    if path.is_file() and isinstance(read_tokenizer(run), SentencePieceModel):
        raise UsageError(
            f"{path}: a SentencePiece model without an equal in the form that {tool} loads.\n"
            "  --format writes token ids with the model beside them, for your own config; or "
            "encode by another tokenizer: 'cuvee tokenize --help'."
        )


def vocabulary_size(metadata: Mapping[str, str], tokenizer: Tokenizer | SentencePieceModel) -> int:
    """Return one more than the highest id, added tokens included.

    That is how many rows an embedding needs; ids may have gaps, so it can be more than there
    are tokens.
    """
    if "vocab_size" in metadata:
        return int(metadata["vocab_size"])
    return max(tokenizer.get_vocab().values(), default=-1) + 1


def end_of_document(
    metadata: Mapping[str, str], tokenizer: Tokenizer | SentencePieceModel, wanted: str | None
) -> int | None:
    """Return the id that has to be put after each document, None for nothing.

    `wanted` is a token, "none", or None for what the tokenizer has for it. Nothing is put
    after documents that have an end in the shards. UsageError where there is no such token,
    or two would be put.
    """
    own = metadata.get("end_token")
    if own is not None:
        if wanted not in (None, own):
            raise UsageError(
                f"--end-of-document {wanted}: the documents end with '{own}' in the shards.\n"
                "  Leave it out, or make shards with another policy: 'cuvee tokenize --help'."
            )
        return None
    if wanted == NONE:
        return None
    special = {
        token.content: number
        for number, token in tokenizer.get_added_tokens_decoder().items()
        if token.special  # a page may spell any other
    }
    tokens = (wanted,) if wanted is not None else _KNOWN
    end = next((special[token] for token in tokens if token in special), None)
    if end is None:
        raise _no_end(list(special), wanted)
    return int(end)


def _no_end(special: list[str], wanted: str | None) -> UsageError:
    close = nearest(wanted, special) if wanted is not None else None
    if close is not None:
        hint = f"Did you mean '{close}'?"
    else:
        hint = f"It has {', '.join(special[:8]) or 'none'}; --end-of-document none puts nothing."
    asked = f"'{wanted}'" if wanted is not None else "that is known to end a text"
    return UsageError(f"--end-of-document: the tokenizer has no special token {asked}.\n  {hint}")
