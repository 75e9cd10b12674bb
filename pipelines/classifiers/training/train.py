"""A classifier from labelled texts: trained, measured on held-out sites, described."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from filters.classifier import Scorer
from filters.errors import UsageError
from pipelines.classifiers.embeddings import keep_embeddings, open_embeddings
from pipelines.classifiers.files import HEAD, find_files
from pipelines.classifiers.opened import FORMAT, open_classifier
from pipelines.classifiers.training.card import write_model_card
from pipelines.classifiers.training.fasttext_trainer import (
    POSITIVE,
    FastTextOptions,
    train_classifier,
    train_vectors,
)
from pipelines.classifiers.training.head_trainer import embedded, plain_head, train_head
from pipelines.classifiers.training.items import Labelled
from pipelines.classifiers.training.metrics import measure, scored_of
from pipelines.classifiers.training.split import site_of, split
from pipelines.files import write_whole
from pipelines.recipe.classifier import Classifier

Gives: TypeAlias = Literal["probability", "score"]
METRICS = "metrics.json"
_MODEL, _VECTORS = "model.bin", "vectors.bin"
_SCORED_FROM, _EVEN = 3.0, 0.5
_FILES = (_MODEL, HEAD, METRICS, "README.md")


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a classifier is trained."""

    kind: Literal["fasttext", "embedding"] = "fasttext"
    held_out: float = 0.2
    positive_from: float | None = None
    """Label from which a text is one that is looked for; None for 3 of scores, 0.5 of classes."""
    embeddings: str | None = None
    """Table of static embeddings; None for vectors trained on the texts."""
    penalty: float = 0.001
    fasttext: FastTextOptions = field(default_factory=FastTextOptions)

    @property
    def seed(self) -> int:
        """Of the split and of the training."""
        return self.fasttext.seed


@dataclass(frozen=True, slots=True)
class Trained:
    """What has been made."""

    classifier: Classifier
    sha256: str
    metrics: dict[str, Any]


def train(items: Sequence[Labelled], options: TrainOptions, output: Path) -> Trained:
    """Train on the texts of most sites, measure on the others, and write everything to `output`.

    UsageError where `output` holds something else, or the texts do not suffice.
    """
    _check_output(output)
    trained_on, held = split(items, options.held_out, options.seed)
    values = {item.value for item in items}
    scores = not values <= {0.0, 1.0}
    positive_from = options.positive_from or (_SCORED_FROM if scores else _EVEN)
    _check_both(items, positive_from)
    gives: Gives = "score" if scores and options.kind == "embedding" else "probability"
    output.mkdir(parents=True, exist_ok=True)
    classifier = _make(trained_on, options, gives, positive_from, output)
    scorer = open_classifier(classifier)
    metrics: dict[str, Any] = {
        "kind": options.kind,
        "gives": gives,
        "positive_from": positive_from,
        "options": {**asdict(options), "embeddings": _name_of(options.embeddings)},
        "data": {"trained_on": _told(trained_on), "held_out": _told(held)},
        "held_out": evaluate(scorer, held, gives, positive_from),
        "model_sha256": find_files(classifier).sha256,
        "label": classifier.label,
    }
    write_whole(output / METRICS, json.dumps(metrics, indent=1).encode() + b"\n")
    write_model_card(output, metrics)
    return Trained(classifier, metrics["model_sha256"], metrics)


def evaluate(
    scorer: Scorer, items: Sequence[Labelled], gives: Gives, positive_from: float
) -> dict[str, Any]:
    """Return what is measured of a classifier on labelled texts."""
    scores = [scorer(item.text) for item in items]
    values = [item.value for item in items]
    languages = [item.language for item in items]
    return measure(scored_of(scores, values, languages, gives, positive_from))


def _check_output(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file.\n  Choose another folder with --output.")
    others = {path.name for path in output.iterdir()} if output.is_dir() else set()
    if others and not (METRICS in others and others <= {*_FILES, "embeddings"}):
        raise UsageError(
            f"{output}: is not empty and not a classifier of cuvee.\n"
            "  Choose a new or empty folder with --output."
        )
    for name in sorted(others):
        path = output / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_both(items: Sequence[Labelled], positive_from: float) -> None:
    if len({item.value >= positive_from for item in items}) == 1:
        raise UsageError(
            f"every label lies on one side of {positive_from:g}, so there is one class only.\n"
            "  Say from which label on a text is looked for: --positive-from NUMBER"
        )


def _make(
    items: Sequence[Labelled],
    options: TrainOptions,
    gives: Gives,
    positive_from: float,
    output: Path,
) -> Classifier:
    if options.kind == "fasttext":
        train_classifier(items, positive_from, options.fasttext, output / _MODEL)
        return Classifier("trained", str(output), file=_MODEL, label=POSITIVE)
    table = output / "embeddings"
    if options.embeddings is None:
        table.mkdir()
        train_vectors(items, options.fasttext, table / _VECTORS)
    else:
        keep_embeddings(Path(options.embeddings), table)
    rows = embedded(items, open_embeddings(table))
    wanted = [item.value for item in items]
    if gives == "probability":
        wanted = [float(value >= positive_from) for value in wanted]
    head = train_head(rows, np.array(wanted), gives, options.penalty)
    labels = ["negative", "positive"] if gives == "probability" else []
    data = {"format": FORMAT, "labels": labels, **plain_head(head)}
    write_whole(output / HEAD, json.dumps(data).encode() + b"\n")
    return Classifier("trained", str(output), label="positive" if labels else None)


def _told(items: Sequence[Labelled]) -> dict[str, Any]:
    labels = sorted({item.value for item in items})
    languages = sorted({item.language for item in items if item.language is not None})
    return {
        "texts": len(items),
        "sites": len({site_of(item) for item in items if item.url}),
        "without_address": sum(not item.url for item in items),
        "labels": {f"{value:g}": sum(item.value == value for item in items) for value in labels},
        "languages": {name: sum(item.language == name for item in items) for name in languages},
    }


def _name_of(path: str | None) -> str | None:
    return Path(path).name if path else None
