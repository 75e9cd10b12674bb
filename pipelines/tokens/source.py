"""Where a tokenizer comes from: a name of the Hub, or a file in one of three forms.

Whatever it was made from, a run has it as a tokenizer.json (`pipelines.tokens.opened`).
"""

from pathlib import Path

from filters.errors import UsageError
from pipelines.hub_file import fetch_hub_file
from pipelines.recipe.parts import GivenTokenizer, TiktokenRanks, TrainedTokenizer
from pipelines.tokens.opened import open_tokenizer, whole_model
from pipelines.tokens.sentencepiece import model_as_tokenizer
from pipelines.tokens.tiktoken import looks_like_ranks, ranks_as_tokenizer

_NAMES = ("tokenizer.json", "tokenizer.model")
"""Files of a folder, the first one that there is."""
_HINT = (
    "  Give a Hub name, the path of a tokenizer.json, or train one on the kept text: "
    "--set 'tokenizer={train: {vocab_size: 32000}}'."
)


def tokenizer_label(tokenizer: GivenTokenizer | TrainedTokenizer) -> str:
    """Return what shards call a tokenizer: of a path the last part, the rest is private."""
    match tokenizer:
        case TrainedTokenizer(vocab_size):
            return f"trained on this run ({vocab_size})"
        case TiktokenRanks(ranks):
            return Path(ranks).name
        case str():
            return Path(tokenizer).name if Path(tokenizer).exists() else tokenizer


def local_tokenizer(tokenizer: GivenTokenizer | TrainedTokenizer) -> Path | None:
    """Return the file of a tokenizer, where it is one of this machine, as it was named."""
    if isinstance(tokenizer, TrainedTokenizer):
        return None
    path = Path(tokenizer if isinstance(tokenizer, str) else tokenizer.ranks)
    return path if path.exists() else None


def find_tokenizer(tokenizer: GivenTokenizer) -> bytes:
    """Return the `tokenizer.json` of a file, a folder with one, or a Hub repository.

    UsageError when there is none, when it cannot be reached or read, or when the library that it
    needs is missing.
    """
    name = tokenizer if isinstance(tokenizer, str) else tokenizer.ranks
    path = Path(name)
    if path.is_dir():
        path = next((path / each for each in _NAMES if (path / each).is_file()), path / _NAMES[0])
    try:
        if isinstance(tokenizer, str):
            found = _converted(name, path.read_bytes()) if path.is_file() else _fetch(name)
        else:
            found = ranks_as_tokenizer(tokenizer, path.read_bytes())
        open_tokenizer(f"tokenizer '{name}'", found)
    except UsageError:
        raise
    except FileNotFoundError as error:
        raise UsageError(f"tokenizer '{name}': there is no such file of ranks.\n{_HINT}") from error
    except Exception as error:
        raise UsageError(
            f"tokenizer '{name}': {type(error).__name__}: not a tokenizer.json that can be read.\n"
            f"{_HINT}"
        ) from error
    return found


def _converted(name: str, data: bytes) -> bytes:
    """Return a file as a tokenizer.json; by its content, because `.model` names two forms."""
    if (model := whole_model(data)) is not None:
        return model_as_tokenizer(name, model)
    if data.lstrip()[:1] == b"{":
        return data
    if looks_like_ranks(data):
        return ranks_as_tokenizer(TiktokenRanks(name), data)
    return model_as_tokenizer(name, data)


def _fetch(name: str) -> bytes:
    """Fetch from the Hub, or take what an earlier fetch has left in the Hub's cache."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return fetch_hub_file(name, "tokenizer.json").read_bytes()
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UsageError(
            f"tokenizer '{name}': neither a file here nor reachable on the Hub "
            f"({type(error).__name__}).\n{_HINT}"
        ) from error
