"""The files of a classifier: on this machine, or of a repository on the Hub; and their digest."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from filters.errors import UsageError
from pipelines.files import sha256_of
from pipelines.hub_file import fetch_hub_file
from pipelines.recipe.classifier import Classifier

Kind: TypeAlias = Literal["fasttext", "embedding", "transformer"]
HEAD = "classifier.json"
"""What makes a folder one of `cuvee classifier train`."""
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


def find_files(classifier: Classifier) -> ModelFiles:
    """Return the files of a classifier, fetched if need be.

    UsageError where there are none, or where they are not the ones that the recipe pins.
    """
    path = Path(classifier.model)
    if path.is_file():
        found = ModelFiles("fasttext", path, ())
    elif path.is_dir():
        found = _in_folder(classifier, path)
    elif _REPOSITORY.fullmatch(classifier.model):
        found = _on_hub(classifier)
    else:
        raise UsageError(
            f"classifier '{classifier.name}': there is no model '{classifier.model}'.\n"
            "  Give a file (.bin, .ftz), a folder of 'cuvee classifier train', or a name of the "
            "Hub:\n"
            f"  --set classifiers.{classifier.name}.model=PATH"
        )
    if classifier.sha256 not in (None, found.sha256):
        raise UsageError(
            f"classifier '{classifier.name}': {classifier.model} has another sha256:\n"
            f"  {found.sha256}, not {classifier.sha256}.\n"
            f"  Put the old model back, or mend the recipe: classifiers.{classifier.name}.sha256"
        )
    return found


def _in_folder(classifier: Classifier, folder: Path) -> ModelFiles:
    if classifier.file is not None:
        path = folder / classifier.file
        if path.is_file():
            return ModelFiles("fasttext", path, ())
        raise _nothing(classifier, f"{folder} has no file '{classifier.file}'")
    if (folder / HEAD).is_file():
        return ModelFiles("embedding", folder, head_files(folder))
    if (folder / CONFIG).is_file() and (folder / _WEIGHTS).is_file():
        there = tuple(name for name in _TOKENIZER if (folder / name).is_file())
        return ModelFiles("transformer", folder, (CONFIG, _WEIGHTS, *there))
    models = sorted(path for path in folder.iterdir() if path.suffix in _FASTTEXT)
    if len(models) == 1:
        return ModelFiles("fasttext", models[0], ())
    what = "no model" if not models else f"{len(models)} fastText models; name one with 'file'"
    raise _nothing(classifier, f"{folder} has {what}")


def head_files(folder: Path) -> tuple[str, ...]:
    """Return what belongs to a folder of `cuvee classifier train --kind embedding`."""
    inside = sorted(path for path in (folder / "embeddings").rglob("*") if path.is_file())
    return (HEAD, *(path.relative_to(folder).as_posix() for path in inside))


def _on_hub(classifier: Classifier) -> ModelFiles:
    if classifier.file is not None:
        return ModelFiles("fasttext", _fetch(classifier, classifier.file), ())
    config = _fetch(classifier, CONFIG)
    _fetch(classifier, _WEIGHTS)
    there = [name for name in _TOKENIZER if _fetch_if_there(classifier, name) is not None]
    return ModelFiles("transformer", config.parent, (CONFIG, _WEIGHTS, *there))


def _fetch(classifier: Classifier, name: str) -> Path:
    found = _fetch_if_there(classifier, name)
    if found is None:
        raise _nothing(classifier, f"the repository {classifier.model} has no file '{name}'")
    return found


def _fetch_if_there(classifier: Classifier, name: str) -> Path | None:
    """Return a file of the repository; None where it has none of that name."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return fetch_hub_file(classifier.model, name, classifier.revision)
    except LocalEntryNotFoundError as error:  # the Hub does not answer; it may be a needless file
        if name in _TOKENIZER:
            return None
        raise _unreachable(classifier, error) from error
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise _unreachable(classifier, error) from error


def _unreachable(classifier: Classifier, error: Exception) -> UsageError:
    name = type(error).__name__
    return _nothing(
        classifier, f"{classifier.model} is no file here, nor reachable on the Hub ({name})"
    )


def _nothing(classifier: Classifier, fact: str) -> UsageError:
    return UsageError(
        f"classifier '{classifier.name}': {fact}.\n"
        f"  Fetch the model where there is a network, and name its file or folder:\n"
        f"  --set classifiers.{classifier.name}.model=PATH"
    )


def _digest(path: Path) -> str:
    facts = path.stat()
    return _digest_of(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest_of(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  the cache's key
    return sha256_of(path)
