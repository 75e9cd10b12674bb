"""The files of a classifier: on this machine, or of a repository on the Hub; and their digest."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from filters.errors import UsageError
from pipelines.assets import Report, say_nothing
from pipelines.files import sha256_of
from pipelines.hub_file import fetch_hub_file
from pipelines.recipe.classifier import Classifier

Kind: TypeAlias = Literal["fasttext", "embedding", "transformer"]
HEAD = "classifier.json"
"""What makes a folder one of `cuvee classifier train`."""
BESIDE = ("embeddings", "encoder")
"""Folders in it: the table, or the transformer, that its head is on."""
CONFIG = "config.json"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_FASTTEXT = (".bin", ".ftz")
_WEIGHTS = "model.safetensors"
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a classifier is read from."""

    kind: Kind
    path: Path
    """The file of a fastText model, else the folder."""
    names: tuple[str, ...]
    """Files of the folder that belong to it."""

    @property
    def sha256(self) -> str:
        """Of the file, or of a folder's names and digests, one a line, in order."""
        if self.kind == "fasttext":
            return _digest(self.path)
        lines = (f"{name} {_digest(self.path / name)}\n" for name in sorted(self.names))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model is looked for, and how messages speak of it."""

    model: str
    """A file, a folder, or the name of a repository on the Hub."""
    what: str
    another: str
    """How another one is named: an option of a command."""
    file: str | None = None
    revision: str | None = None
    report: Report = say_nothing


def find_files(classifier: Classifier, report: Report = say_nothing) -> ModelFiles:
    """Return the files of a classifier, fetched if need be; `report` is told of what is fetched.

    UsageError where there are none, or where they are not the ones that the recipe pins.
    """
    key = f"classifiers.{classifier.name}"
    found = files_of(
        Source(
            classifier.model,
            f"classifier '{classifier.name}'",
            f"--set {key}.model=PATH",
            classifier.file,
            classifier.revision,
            report,
        )
    )
    if classifier.sha256 not in (None, found.sha256):
        raise UsageError(
            f"classifier '{classifier.name}': {classifier.model} has another sha256:\n"
            f"  {found.sha256}, not {classifier.sha256}.\n"
            f"  Put the old model back, or mend the recipe: {key}.sha256"
        )
    return found


def files_of(source: Source) -> ModelFiles:
    """Return the files of a model, fetched if need be; UsageError where there are none."""
    path = Path(source.model)
    if path.is_file():
        return ModelFiles("fasttext", path, ())
    if path.is_dir():
        return _in_folder(source, path)
    if is_repository(source.model):
        return _on_hub(source)
    raise UsageError(
        f"{source.what}: there is no model '{source.model}'.\n"
        "  Give a file (.bin, .ftz), a folder of 'cuvee classifier train', or a name of the "
        "Hub:\n"
        f"  {source.another}"
    )


def is_repository(name: str) -> bool:
    """Return whether a name has the form of a repository's on the Hub."""
    return bool(_REPOSITORY.fullmatch(name))


def _in_folder(source: Source, folder: Path) -> ModelFiles:
    if source.file is not None:
        path = folder / source.file
        if path.is_file():
            return ModelFiles("fasttext", path, ())
        raise _nothing(source, f"{folder} has no file '{source.file}'")
    if (folder / HEAD).is_file():
        return ModelFiles("embedding", folder, head_files(folder))
    if (folder / CONFIG).is_file() and (folder / _WEIGHTS).is_file():
        there = tuple(name for name in _TOKENIZER if (folder / name).is_file())
        return ModelFiles("transformer", folder, (CONFIG, _WEIGHTS, *there))
    models = sorted(path for path in folder.iterdir() if path.suffix in _FASTTEXT)
    if len(models) == 1:
        return ModelFiles("fasttext", models[0], ())
    what = "no model" if not models else f"{len(models)} fastText models; name one with 'file'"
    raise _nothing(source, f"{folder} has {what}")


def head_files(folder: Path) -> tuple[str, ...]:
    """Return what belongs to a folder of `cuvee classifier train` with a classifier.json."""
    beside = (folder / name for name in BESIDE)
    inside = sorted(path for each in beside for path in each.rglob("*") if path.is_file())
    return (HEAD, *(path.relative_to(folder).as_posix() for path in inside))


def _on_hub(source: Source) -> ModelFiles:
    if source.file is not None:
        return ModelFiles("fasttext", _fetch(source, source.file), ())
    config = _fetch(source, CONFIG)
    _fetch(source, _WEIGHTS)
    there = [name for name in _TOKENIZER if _fetch_if_there(source, name) is not None]
    return ModelFiles("transformer", config.parent, (CONFIG, _WEIGHTS, *there))


def _fetch(source: Source, name: str) -> Path:
    found = _fetch_if_there(source, name, source.report)
    if found is None:
        raise _nothing(source, f"the repository {source.model} has no file '{name}'")
    return found


def _fetch_if_there(source: Source, name: str, report: Report = say_nothing) -> Path | None:
    """Return a file of the repository; None where it has none of that name."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return fetch_hub_file(source.model, name, source.revision, report)
    except LocalEntryNotFoundError as error:  # the Hub does not answer; it may be a needless file
        if name in _TOKENIZER:
            return None
        raise _unreachable(source, error) from error
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise _unreachable(source, error) from error


def _unreachable(source: Source, error: Exception) -> UsageError:
    name = type(error).__name__
    return _nothing(source, f"{source.model} is no file here, nor reachable on the Hub ({name})")


def _nothing(source: Source, fact: str) -> UsageError:
    return UsageError(
        f"{source.what}: {fact}.\n"
        f"  Fetch the model where there is a network, and name its file or folder:\n"
        f"  {source.another}"
    )


def _digest(path: Path) -> str:
    facts = path.stat()
    return _digest_of(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest_of(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  the cache's key
    return sha256_of(path)
