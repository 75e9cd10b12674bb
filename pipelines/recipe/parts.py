"""What a recipe's keys hold that are more than a word: plain frozen data, as `model` has them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """The fastText model that names a page's language: a pinned model's name, or a file."""

    model: str = "lid.176.ftz"


@dataclass(frozen=True, slots=True)
class Extract:
    """An extractor and all of its options."""

    extractor: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CascadeOptions:
    """Which pages are spared the extraction, and how many of them are not all the same."""

    language: float = 0.05
    """Margin: a page is skipped where its cheap text scores less for the wanted language."""
    check: float = 0.02
    """Share of those pages, by hash of their id, that measures what the others would have been."""


@dataclass(frozen=True, slots=True)
class TrainedTokenizer:
    """A byte-level BPE of `vocab_size` tokens, trained on `sample_bytes` of the kept text."""

    vocab_size: int
    sample_bytes: int = 100_000_000


@dataclass(frozen=True, slots=True)
class TiktokenRanks:
    """A file of ranks as tiktoken reads it, and the pattern by which it parts a text first."""

    ranks: str
    pattern: str | None = None
    """Name of a pattern, or a regular expression; None for what the file's name says."""


GivenTokenizer: TypeAlias = str | TiktokenRanks
"""A tokenizer that is there before the run: a Hub name or a file, or ranks."""


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """What token shards hold besides the tokens of a text."""

    begin: str | None = None
    end: str | None = None
    packed: int = 0
    packing: Literal["best_fit", "in_order"] = "best_fit"
    pad: str | None = None


@dataclass(frozen=True, slots=True)
class SignalModule:
    """A module outside the repository that registers signals, with its source."""

    name: str
    sha256: str
    """Of the file; of a package, of its modules' names and digests."""
    sources: tuple[tuple[str, bytes], ...] = field(repr=False)
    """Dotted name and source of the module, or of each of a package."""
    paths: tuple[str, ...] = field(compare=False)
    """Where each source was read, for messages."""
    is_package: bool = False


def plain_tokenizer(tokenizer: GivenTokenizer | TrainedTokenizer) -> str | dict[str, Any]:
    """Return a tokenizer as a recipe writes it."""
    match tokenizer:
        case TrainedTokenizer():
            return {"train": asdict(tokenizer)}
        case TiktokenRanks():
            return {"tiktoken": asdict(tokenizer)}
        case str():
            return tokenizer
