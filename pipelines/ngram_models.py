"""N-gram models and their pieces: found, checked before a run begins, and opened in its workers.

A binary model of KenLM is read by the library `kenlm` alone (`cuvee[kenlm]`); one in ARPA's text
form by it or, where it is not installed, by `filters.arpa`, with the same scores.
"""

import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filters.arpa import read_arpa
from filters.errors import UsageError
from filters.perplexity import (
    CASED,
    NO_BUCKET,
    NgramModel,
    Normalize,
    PerplexityScorer,
    bucket_of,
    knows,
)
from filters.signal import NoValueError, Signal
from filters.text import Text
from pipelines.assets import Report, say_nothing
from pipelines.files import sha256_of
from pipelines.hub_file import fetch_hub_file
from pipelines.recipe.model import Recipe
from pipelines.recipe.perplexity import ANY, ModelFiles, Perplexity
from pipelines.tokens.opened import SentencePieceModel

_BINARY = b"mmap lm http://kheafield.com/code"
"""How binary models of KenLM begin."""
_GZIP = b"\x1f\x8b"
_MOST_TEXT = 1 << 27
"""Bytes of ARPA's text that are read without kenlm: it takes about 14 times as many in memory."""
_ON_HUB = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w.-]+))?/(?P<file>.+)")
_SAMPLED = 500
"""Pieces that are looked for in a model."""
_FEW_CAPITALS = 0.01
"""Share of a model's pieces that may have capitals by a slip of its makers."""
_LEAST_KNOWN = 0.5
_DIGESTS = "perplexity "


def perplexity_digests(recipe: Recipe) -> dict[str, str]:
    """Return the sha256 of each file, by what it is for; UsageError where one is not there."""
    return {
        f"{_DIGESTS}{each.name}{f' {language}' if language else ''}: {kind}": digest
        for each in recipe.perplexity
        for language, files in each.files
        for kind, digest in _digests(each, files).items()
    }


def is_perplexity(asset: str) -> bool:
    """Return whether a digest is of a file that judges texts, and has no part in making them."""
    return asset.startswith(_DIGESTS)


def fetch_models(recipe: Recipe, report: Report) -> None:
    """Fetch the files that lie on the Hub; `report` is told of each. Errors as `_find`."""
    for each in recipe.perplexity:
        for _, files in each.files:
            for name in filter(None, (files.model, files.sentencepiece)):
                _find(f"perplexity.{each.name}", name, report)


def check_perplexity(recipe: Recipe) -> None:
    """Open every model once; UsageError, in words, for one that cannot be asked."""
    for each in recipe.perplexity:
        for _, files in each.files:
            _open(each, files, load_all=False)


class PerplexitySignals:
    """A recipe's perplexities as signals that can be measured."""

    def __init__(self, recipe: Recipe) -> None:
        """Errors as `perplexity_digests`; models are opened when they are first asked."""
        self._asked = {each.name: _Asked(each) for each in recipe.perplexity}
        self.by_name = {
            signal.name: signal for asked in self._asked.values() for signal in asked.signals()
        }

    def open_all(self) -> None:
        """Open every model, so that no page takes the time and memory for it."""
        for asked in self._asked.values():
            asked.open_all()


class _Asked:
    """The models of one signal, each opened when a text in its language comes."""

    def __init__(self, named: Perplexity) -> None:
        self._named = named
        self._files = dict(named.files)
        self._scorers: dict[str, PerplexityScorer] = {}

    def signals(self) -> Iterator[Signal]:
        named = self._named
        digests = {language: _digests(named, files) for language, files in named.files}
        settings: dict[str, Any] = {
            "models": digests,
            "normalize": named.normalize,
            "lines": named.lines,
        }
        yield replace(named.signal(), settings=settings, measure=self.measure)
        if named.has_buckets:
            cuts = {language: [files.head, files.tail] for language, files in named.files}
            settings = {**settings, "cut_offs": cuts}
            yield replace(named.bucket(), settings=settings, measure=self.bucket)

    def open_all(self) -> None:
        for language in self._files:
            self._scorer(language)

    def measure(self, text: Text) -> float:
        """Return the perplexity; NoValueError where there is no model for the text's language."""
        language = self._language(text)
        if language not in self._files:
            raise NoValueError(f"no model for '{language}'")
        return text.share(self._perplexity)

    def bucket(self, text: Text) -> str:
        """Return the bucket of the perplexity, rounded to one place as CCNet does; else `all`."""
        files = self._files.get(self._language(text))
        if files is None or not files.tail:
            return NO_BUCKET
        return bucket_of(text.share(self._perplexity), files.head, files.tail)

    def _language(self, text: Text) -> str:
        return ANY if ANY in self._files else text.language or ""

    def _perplexity(self, text: Text) -> float:
        return self._scorer(self._language(text))(text.raw)

    def _scorer(self, language: str) -> PerplexityScorer:
        if language not in self._scorers:
            files = self._files[language]
            self._scorers[language] = _open(self._named, files, load_all=True)
        return self._scorers[language]


def _open(named: Perplexity, files: ModelFiles, *, load_all: bool) -> PerplexityScorer:
    owner = f"perplexity.{named.name}"
    model = _ngram_model(owner, _find(owner, files.model), load_all=load_all)
    pieces = None
    if files.sentencepiece is not None:
        cutter = _sentencepiece(owner, _find(owner, files.sentencepiece))
        _check_pair(owner, files, model, cutter)
        _check_case(owner, files, named.normalize, cutter)
        pieces = cutter.pieces
    return PerplexityScorer(model, pieces, named.normalize, named.lines)


def _find(owner: str, name: str, report: Report = say_nothing) -> Path:
    """Return a file of this machine, or of the Hub's cache, fetched if need be.

    UsageError where it is neither.
    """
    path = Path(name)
    on_hub = _ON_HUB.fullmatch(name)
    if path.is_file():
        return path
    if on_hub is None or path.is_absolute() or name.startswith("."):
        raise UsageError(
            f"{owner}: there is no file '{name}'.\n"
            "  Paths are relative to where the command is typed; of the Hub: OWNER/REPOSITORY/FILE."
        )
    where = on_hub["repository"], on_hub["file"], on_hub["revision"]
    if where not in _FETCHED:
        _FETCHED[where] = _fetched(owner, name, where, report)
    return _FETCHED[where]


_FETCHED: dict[tuple[str, str, str | None], Path] = {}
"""What was looked for in this process: the Hub is not asked for every page."""


def _fetched(owner: str, name: str, where: tuple[str, str, str | None], report: Report) -> Path:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return fetch_hub_file(*where, report)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UsageError(
            f"{owner}: '{name}' is neither a file here nor reachable on the Hub "
            f"({type(error).__name__}).\n"
            "  Fetch it where there is a network, and name the file: docs/perplexity.md."
        ) from error


def _digests(named: Perplexity, files: ModelFiles) -> dict[str, str]:
    names = {"model": files.model, "sentencepiece": files.sentencepiece}
    owner = f"perplexity.{named.name}"
    return {kind: _digest(_find(owner, name)) for kind, name in names.items() if name is not None}


def _digest(path: Path) -> str:
    facts = path.stat()
    return _digest_of(path, facts.st_size, facts.st_mtime_ns)


@cache
def _digest_of(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  which file it was
    """Return the sha256 of a file, which takes seconds for a large one, once in a process."""
    return sha256_of(path)


def _ngram_model(owner: str, path: Path, *, load_all: bool) -> NgramModel:
    with path.open("rb") as stream:
        head = stream.read(len(_BINARY))
    if find_spec("kenlm") is not None:
        return _by_kenlm(owner, path, load_all=load_all)
    if head == _BINARY:
        raise UsageError(
            f"{owner}: '{path}' is a binary model of KenLM, and kenlm is not installed.\n"
            "  Install it: pip install 'cuvee[kenlm]' (it is compiled, with CMake)."
        )
    if path.stat().st_size > _MOST_TEXT:
        raise UsageError(
            f"{owner}: '{path}' has more than {_MOST_TEXT:,} bytes, and kenlm is not installed.\n"
            "  Install it: pip install 'cuvee[kenlm]' (it is compiled, with CMake)."
        )
    try:
        return read_arpa(_lines(path, head))
    except (ValueError, OSError, EOFError) as error:
        raise _broken(owner, path, str(error)) from error


def _lines(path: Path, head: bytes) -> Iterator[str]:
    opener = gzip.open if head.startswith(_GZIP) else io.open
    with opener(path, "rt", encoding="utf-8", newline="\n") as stream:
        yield from stream


def _by_kenlm(owner: str, path: Path, *, load_all: bool) -> NgramModel:
    import kenlm

    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    # A page that is mapped later would count as the page's memory under work.
    config.load_method = kenlm.LoadMethod.POPULATE_OR_READ if load_all else kenlm.LoadMethod.LAZY
    try:
        model: NgramModel = kenlm.Model(str(path), config)
    except OSError as error:
        raise _broken(owner, path, str(error).rpartition(" (")[2].rstrip(")")) from error
    return model


def _broken(owner: str, path: Path, why: str) -> UsageError:
    short = " ".join(why.split())[:200]
    return UsageError(
        f"{owner}: '{path}' is no n-gram model that can be read: {short}.\n"
        "  Give a model in ARPA's form or a binary of KenLM, of at most 6-grams."
    )


def _sentencepiece(owner: str, path: Path) -> SentencePieceModel:
    try:
        return SentencePieceModel(path.read_bytes())
    except ImportError as error:
        raise UsageError(
            f"{owner}: '{path}' needs sentencepiece, which is not installed.\n"
            "  Install it: pip install 'cuvee[sentencepiece]'"
        ) from error
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"{owner}: '{path}' is no SentencePiece model that its library can load.\n"
            "  Give the file as it was published, such as en.sp.model."
        ) from error


def _check_pair(
    owner: str, files: ModelFiles, model: NgramModel, cutter: SentencePieceModel
) -> None:
    """Refuse pieces that the n-gram model does not know: those of another language, or cut."""
    pieces = _own_pieces(cutter)
    share = knows(model, pieces[:: max(1, len(pieces) // _SAMPLED)])
    if share < _LEAST_KNOWN:
        raise UsageError(
            f"{owner}: '{files.model}' knows {share:.0%} of the pieces of "
            f"'{files.sentencepiece}'.\n"
            "  They belong together: take both of one language, and of one release."
        )


def _own_pieces(cutter: SentencePieceModel) -> list[str]:
    special = {added.content for added in cutter.get_added_tokens_decoder().values()}
    return [piece for piece in cutter.get_vocab() if piece not in special]


def _check_case(
    owner: str, files: ModelFiles, normalize: Normalize, cutter: SentencePieceModel
) -> None:
    """Refuse a normal form with which the pieces were not made: they show whether case was kept."""
    pieces = _own_pieces(cutter)
    capitals = sum(piece != piece.lower() for piece in pieces)
    if normalize is True and capitals > _FEW_CAPITALS * len(pieces):
        fact = (
            f"{capitals:,} of the {len(pieces):,} pieces of '{files.sentencepiece}' have capitals"
        )
        raise UsageError(
            f"{owner}: {fact}, which no text has in CCNet's normal form.\n"
            f"  They were made of texts with their case. Write: normalize: {CASED}"
        )
    has_case = any(piece != piece.upper() for piece in pieces)
    if normalize == CASED and has_case and not capitals:
        raise UsageError(
            f"{owner}: no piece of '{files.sentencepiece}' has a capital.\n"
            "  They were made of texts in lower case. Write: normalize: true"
        )
