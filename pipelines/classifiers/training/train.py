"""A classifier from labelled texts: trained, measured on held-out sites, described."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from filters.classifier import Embed, Gives, Scorer
from filters.errors import UsageError
from filters.importance import BUCKETS, word_count
from pipelines.classifiers.embeddings import keep_embeddings, open_embeddings
from pipelines.classifiers.encoder import Pooling, chosen_encoder, keep_encoder, open_encoder
from pipelines.classifiers.files import BESIDE, HEAD, find_files
from pipelines.classifiers.importance import GIVES, IMPORTANCE, plain_importance
from pipelines.classifiers.opened import ENCODER, FORMAT, open_classifier
from pipelines.classifiers.training.card import write_model_card
from pipelines.classifiers.training.fasttext_trainer import (
    POSITIVE,
    FastTextOptions,
    train_classifier,
    train_vectors,
)
from pipelines.classifiers.training.head_trainer import embedded, plain_head, train_head
from pipelines.classifiers.training.importance_trainer import train_importance
from pipelines.classifiers.training.items import Labelled
from pipelines.classifiers.training.metrics import measure, scored_of
from pipelines.classifiers.training.split import site_of, split
from pipelines.files import write_whole
from pipelines.recipe.classifier import Classifier

METRICS = "metrics.json"
_MODEL, _VECTORS = "model.bin", "vectors.bin"
_SCORED_FROM, _EVEN = 3.0, 0.5
COUNTED = "counted"
"""In classifier.json: the n-grams behind importance weights."""
_FILES = (_MODEL, HEAD, METRICS, "README.md")


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """Which transformer embeds the texts."""

    model: str
    """A repository of the Hub, or a folder."""
    revision: str | None = None
    pooling: Pooling = "cls"


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a classifier is trained."""

    kind: Literal["fasttext", "embedding", "importance"] = "fasttext"
    held_out: float = 0.2
    positive_from: float | None = None
    """Label from which a text is one that is looked for; None for 3 of scores, 0.5 of classes."""
    embeddings: str | None = None
    """Table of static embeddings; None for vectors trained on the texts."""
    encoder: EncoderOptions | None = None
    """A transformer whose embeddings a head is on, instead of static ones."""
    penalty: float = 0.001
    buckets: int = BUCKETS
    """Of importance weights."""
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
    _check_options(options)
    _check_output(output)
    trained_on, held = split(items, options.held_out, options.seed)
    values = {item.value for item in items}
    scores = not values <= {0.0, 1.0}
    positive_from = options.positive_from or (_SCORED_FROM if scores else _EVEN)
    _check_both(trained_on, positive_from)
    gives = _gives(options, scores=scores)
    output.mkdir(parents=True, exist_ok=True)
    classifier = _make(trained_on, options, gives, positive_from, output)
    scorer = open_classifier(classifier)
    metrics: dict[str, Any] = {
        "kind": options.kind,
        "gives": gives,
        "positive_from": positive_from,
        "options": _plain_options(options),
        **_facts_in(output),
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
    words = [word_count(item.text) for item in items] if gives == GIVES else None
    return measure(scored_of(scores, values, languages, gives, positive_from, words))


def _check_output(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file.\n  Choose another folder with --output.")
    others = {path.name for path in output.iterdir()} if output.is_dir() else set()
    if others and not (METRICS in others and others <= {*_FILES, *BESIDE}):
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
            f"every label to train on lies on one side of {positive_from:g}, so there is one "
            "class only.\n"
            "  Say from which label on a text is looked for: --positive-from NUMBER"
        )


def _gives(options: TrainOptions, *, scores: bool) -> Gives:
    if options.kind == IMPORTANCE:
        return GIVES
    return "score" if scores and options.kind == "embedding" else "probability"


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
    if options.kind == IMPORTANCE:
        weights, counted = train_importance(items, positive_from, options.buckets)
        _write_head(output, {"labels": [], COUNTED: counted, **plain_importance(weights)})
        return Classifier("trained", str(output))
    embed, pin = _embed(items, options, output)
    rows = embedded(items, embed)
    wanted = [item.value for item in items]
    if gives == "probability":
        wanted = [float(value >= positive_from) for value in wanted]
    scale: Literal["probability", "score"] = "probability" if gives == "probability" else "score"
    head = train_head(rows, np.array(wanted), scale, options.penalty)
    labels = ["negative", "positive"] if gives == "probability" else []
    _write_head(output, {"labels": labels, **pin, **plain_head(head)})
    return Classifier("trained", str(output), label="positive" if labels else None)


def _write_head(output: Path, facts: dict[str, Any]) -> None:
    write_whole(output / HEAD, json.dumps({"format": FORMAT, **facts}).encode() + b"\n")


def _embed(
    items: Sequence[Labelled], options: TrainOptions, output: Path
) -> tuple[Embed, dict[str, Any]]:
    """Return what embeds texts, kept beside the head, and what the head says of it."""
    asked = options.encoder
    if asked is not None:
        encoder, found = chosen_encoder(asked.model, asked.revision, asked.pooling)
        keep_encoder(encoder, found, output)
        return open_encoder(found, encoder.pooling), {ENCODER: encoder.plain()}
    table = output / "embeddings"
    if options.embeddings is None:
        table.mkdir()
        train_vectors(items, options.fasttext, table / _VECTORS)
    else:
        keep_embeddings(Path(options.embeddings), table)
    return open_embeddings(table), {}


def _check_options(options: TrainOptions) -> None:
    """Refuse an encoder that nothing would use or that is not there, before there is work."""
    if options.encoder is None:
        return
    if options.kind != "embedding" or options.embeddings is not None:
        other = "--embeddings" if options.kind == "embedding" else f"--kind {options.kind}"
        raise UsageError(
            f"--encoder names what embeds the texts, and {other} does not need it.\n"
            "  For a head on a transformer: --kind embedding --encoder NAME"
        )
    asked = options.encoder
    chosen_encoder(asked.model, asked.revision, asked.pooling)


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


def _plain_options(options: TrainOptions) -> dict[str, Any]:
    """Return the options as metrics.json has them, without paths of this machine."""
    if options.kind == IMPORTANCE:
        used = ("kind", "held_out", "positive_from", "buckets", "seed")
        return {name: getattr(options, name) for name in used}
    name = Path(options.embeddings).name if options.embeddings else None
    plain = {**asdict(options), "embeddings": name}
    del plain[ENCODER], plain["buckets"]
    if options.encoder is not None:
        plain["encoder"] = Path(options.encoder.model).name
        plain["pooling"] = options.encoder.pooling
    return plain


def _facts_in(output: Path) -> dict[str, Any]:
    """Return what classifier.json says of its making: a transformer, or what was counted."""
    path = output / HEAD
    head = json.loads(path.read_bytes()) if path.is_file() else {}
    return {name: head[name] for name in (ENCODER, COUNTED) if name in head}
