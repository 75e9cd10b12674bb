"""A classifier's model, opened; and whether it is what the recipe says, before there is work."""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from filters.classifier import Embed, FastTextScorer, Gives, Head, HeadScorer, Scorer
from filters.errors import UsageError, nearest
from pipelines.classifiers.embeddings import open_embeddings
from pipelines.classifiers.fasttext_header import Header, read_header
from pipelines.classifiers.files import CONFIG, HEAD, ModelFiles, find_files
from pipelines.classifiers.importance import is_importance, read_importance
from pipelines.recipe.classifier import Classifier

if TYPE_CHECKING:
    from pipelines.classifiers.encoder import Encoder

FORMAT = 1
"""Of classifier.json; grows when an older cuvee can no longer read it."""
ENCODER = "encoder"
"""In classifier.json: the transformer of a head that is on one."""
_TWO = 2
_SHOWN = 8
_PREFIX = "__label__"
"""Before every label of fastText's: not what makes two alike."""


def check_classifier(classifier: Classifier) -> str:
    """Return the sha256 of a classifier's model, after checking that it can be used as is said.

    UsageError for a missing or broken file, a model without the label, or a missing library.
    """
    found = find_files(classifier)
    if found.kind == "fasttext":
        _check_label(classifier, _header(classifier, found.path).labels)
    elif found.kind == "embedding":
        head = _read_head(classifier, found.path)
        _check_label(classifier, _labels(head))
        if ENCODER in head:
            _encoder(classifier, head, found.path)
    else:
        from pipelines.classifiers.transformer import check_transformer

        check_transformer(classifier, found.path / CONFIG)
    return found.sha256


def own_label(classifier: Classifier) -> Classifier:
    """Return the classifier with a label, where it names none and the model says which it is.

    That is `positive` of those that `cuvee classifier train` has made.
    """
    found = find_files(classifier)
    if classifier.label is not None or found.kind == "transformer":
        return classifier
    fasttext = found.kind == "fasttext"
    labels = (
        _header(classifier, found.path).labels
        if fasttext
        else _labels(_read_head(classifier, found.path))
    )
    ours = next((each for each in labels if each.removeprefix(_PREFIX) == "positive"), None)
    return replace(classifier, label=ours)


def gives_of(classifier: Classifier) -> Gives:
    """Return what the score of a classifier is; errors as `check_classifier`."""
    check_classifier(classifier)
    found = find_files(classifier)
    if found.kind == "embedding":
        gives: Gives = _read_head(classifier, found.path)["gives"]
        return gives
    return "score" if classifier.label is None else "probability"


def open_classifier(classifier: Classifier) -> Scorer:
    """Return what scores texts as a classifier does; errors as `check_classifier`."""
    sha256 = check_classifier(classifier)
    return _opened(classifier, sha256)


@lru_cache(maxsize=8)
def _opened(classifier: Classifier, sha256: str) -> Scorer:  # noqa: ARG001  a changed file is another
    found = find_files(classifier)
    if found.kind == "fasttext":
        return _open_fasttext(classifier, found)
    if found.kind == "embedding":
        return _open_head(classifier, found.path)
    from pipelines.classifiers.transformer import open_transformer

    return open_transformer(classifier, found.path)


def _open_fasttext(classifier: Classifier, found: ModelFiles) -> Scorer:
    import fasttext  # slow to import

    header = _header(classifier, found.path)
    model = fasttext.load_model(str(found.path))
    assert classifier.label is not None  # noqa: S101  it was checked
    return FastTextScorer(model, classifier.label, len(header.labels))


def _header(classifier: Classifier, path: Path) -> Header:
    try:
        header = read_header(path)
    except (ValueError, OSError) as error:
        raise UsageError(
            f"classifier '{classifier.name}': {path} is no fastText model that can be read.\n"
            f"  {str(error)[:1].upper()}{str(error)[1:]}. Fetch or train it again."
        ) from error
    if not header.supervised or len(header.labels) < _TWO:
        raise UsageError(
            f"classifier '{classifier.name}': {path} is a fastText model without labels.\n"
            "  It has vectors of words and classifies nothing: 'cuvee classifier train --kind "
            "embedding'\n  makes a classifier of it."
        )
    return header


def _check_label(classifier: Classifier, labels: tuple[str, ...]) -> None:
    """Refuse a label that the model does not have; a regression has none."""
    if not labels and classifier.label is None:
        return
    if classifier.label in labels:
        return
    listed = ", ".join(labels[:_SHOWN]) + (" …" if len(labels) > _SHOWN else "")
    has = f"has the labels {listed}" if labels else "gives a score and has no labels"
    if classifier.label is None:
        fact, hint = "names no label", f"label: {labels[-1]}"
    else:
        bare = {label.removeprefix(_PREFIX): label for label in labels}
        close = bare.get(nearest(classifier.label.removeprefix(_PREFIX), bare) or "", "…")
        fact, hint = f"asks for the label '{classifier.label}'", f"label: {close}"
        hint = hint if labels else "leave 'label' out"
    raise UsageError(
        f"classifier '{classifier.name}' {fact}; the model {has}.\n"
        f"  Write in the recipe: {hint}; or --set classifiers.{classifier.name}.label=LABEL"
    )


def _labels(head: dict[str, Any]) -> tuple[str, ...]:
    return tuple(head["labels"])


def _read_head(classifier: Classifier, folder: Path) -> dict[str, Any]:
    try:
        head = json.loads((folder / HEAD).read_bytes())
        if head["format"] != FORMAT:
            raise ValueError("another format")  # noqa: TRY301  told as one
        _labels(head)
        (read_importance if is_importance(head) else _check_linear)(head)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(classifier, folder) from error
    return cast("dict[str, Any]", head)


def _check_linear(head: dict[str, Any]) -> None:
    if len(head["weights"]) != len(head["mean"]) or head["gives"] not in ("probability", "score"):
        raise ValueError("another format")
    if not isinstance(head.get(ENCODER, {}), dict):
        raise TypeError("another format")


def _damaged(classifier: Classifier, folder: Path) -> UsageError:
    return UsageError(
        f"classifier '{classifier.name}': {folder / HEAD} is damaged, or of another version.\n"
        "  Train it again: cuvee classifier train"
    )


def _encoder(
    classifier: Classifier, head: dict[str, Any], folder: Path
) -> "tuple[Encoder, ModelFiles]":
    """Return the transformer that a head is on; UsageError where it is not the one."""
    from pipelines.classifiers.encoder import pinned_encoder

    try:
        return pinned_encoder(head[ENCODER], folder, f"classifier '{classifier.name}'")
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(classifier, folder) from error


def _open_head(classifier: Classifier, folder: Path) -> Scorer:
    plain = _read_head(classifier, folder)
    if is_importance(plain):
        return read_importance(plain)
    head = Head(
        mean=np.array(plain["mean"]),
        scale=np.array(plain["scale"]),
        weights=np.array(plain["weights"]),
        bias=float(plain["bias"]),
        gives=plain["gives"],
    )
    return HeadScorer(_open_embed(classifier, plain, folder), head)


def _open_embed(classifier: Classifier, head: dict[str, Any], folder: Path) -> Embed:
    if ENCODER not in head:
        return open_embeddings(folder / "embeddings")
    from pipelines.classifiers.encoder import open_encoder

    encoder, found = _encoder(classifier, head, folder)
    return open_encoder(found, encoder.pooling)
