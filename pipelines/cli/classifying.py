"""Commands that train classifiers, measure them and score texts with them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text as Styled

from filters.errors import UsageError
from pipelines.cli.console import err, out, print_json
from pipelines.cli.options import AsJson, examples

if TYPE_CHECKING:
    from pipelines.classifiers.training.items import Labelled
    from pipelines.recipe.classifier import Classifier

classifier = typer.Typer(
    no_args_is_help=True,
    help="Train a classifier whose score recipes can read; measure one; score texts.",
    epilog=examples("cuvee classifier train --help"),
)

Positive = Annotated[
    list[str] | None,
    typer.Option(
        "--positive",
        metavar="FILE",
        help="Texts that are looked for: .txt (one a line), JSON lines, Parquet, or a finished "
        "run's folder; again for more.",
    ),
]
Negative = Annotated[
    list[str] | None, typer.Option("--negative", metavar="FILE", help="Texts of the other kind.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="JSON lines or Parquet with a label in each row instead: 0 and 1, scores from 0 to 5, "
        "or words.",
    ),
]
Word = Annotated[
    str | None, typer.Option("--label", metavar="WORD", help="The word that is looked for.")
]
PositiveFrom = Annotated[
    float | None,
    typer.Option(help="Label from which on a text counts as positive; 3 of scores."),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Folder of 'cuvee classifier train', a fastText model, or a name of the Hub.",
    ),
]
File = Annotated[
    str | None, typer.Option("--file", metavar="NAME", help="Which file of the repository.")
]


@classifier.command(
    epilog=examples(
        "cuvee classifier train --positive good.jsonl --negative runs/demo --output models/good",
        "cuvee classifier train --labels scored.jsonl --kind embedding --output models/edu",
        "cuvee classifier train --labels scored.jsonl --kind embedding "
        "--encoder Snowflake/snowflake-arctic-embed-m --output models/edu",
        "cuvee classifier train --kind importance --positive good.jsonl --negative runs/demo "
        "--output models/like-good",
    )
)
def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the classifier.")
    ],
    positive: Positive = None,
    negative: Negative = None,
    labels: Labels = None,
    label: Word = None,
    kind: Annotated[
        Literal["fasttext", "embedding", "importance"],
        typer.Option(
            help="fastText on bigrams (DCLM's way), a linear head on embeddings, or importance "
            "weights of words and bigrams (DSIR's way)."
        ),
    ] = "fasttext",
    embeddings: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="For a head: a fastText model, vectors of words (.vec), or a folder of model2vec; "
            "without it vectors are trained on the texts.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="For a head: a frozen transformer instead, by its name on the Hub or its folder "
            "(FineWeb-Edu's way); needs torch and transformers.",
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Branch, tag or commit of the encoder.")
    ] = None,
    pooling: Annotated[
        Literal["cls", "mean"],
        typer.Option(help="The encoder's state of the first token, or the mean of all."),
    ] = "cls",
    positive_from: PositiveFrom = None,
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of the sites to measure on.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of the training.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the texts.")] = 5,
    rate: Annotated[float, typer.Option(min=0.0001, max=10, help="Learning rate.")] = 0.1,
    dimensions: Annotated[int, typer.Option(min=2, max=4096, help="Of fastText's vectors.")] = 100,
    word_ngrams: Annotated[int, typer.Option(min=1, max=10, help="Longest n-gram.")] = 2,
    buckets: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rows for n-grams: 200,000, or 10,000 for importance weights, as in DSIR; "
            "2,000,000 is fastText's own default.",
        ),
    ] = None,
    penalty: Annotated[
        float, typer.Option(min=0, help="On the squares of a head's weights, per text.")
    ] = 0.001,
    as_json: AsJson = False,
) -> None:
    """Train a classifier, and measure it on sites that it has not seen."""
    from pipelines.classifiers.training.fasttext_trainer import FastTextOptions
    from pipelines.classifiers.training.train import EncoderOptions, TrainOptions, train

    fasttext = FastTextOptions(dimensions, epochs, rate, word_ngrams, seed=seed)
    on = EncoderOptions(encoder, revision, pooling) if encoder else None
    options = TrainOptions(
        kind, held_out, positive_from, embeddings, on, penalty, fasttext=fasttext
    )
    if buckets is not None:
        options = replace(options, buckets=buckets, fasttext=replace(fasttext, buckets=buckets))
    items = _items(positive, negative, labels, label)
    with err.status(f"training on {len(items):,} texts"):
        trained = train(items, options, output)
    if as_json:
        print_json({"folder": str(output), **trained.metrics})
        return
    _show(trained.metrics["held_out"])
    named = trained.classifier
    which = f", label: {named.label}" if named.label else ""
    out.print(Styled(f"In a recipe: classifiers: {{NAME: {{model: {output}{which}}}}}"))


@classifier.command(
    name="eval",
    epilog=examples(
        "cuvee classifier eval models/good --positive good.jsonl --negative runs/demo",
    ),
)
def evaluate(
    model: Model,
    positive: Positive = None,
    negative: Negative = None,
    labels: Labels = None,
    label: Word = None,
    positive_from: PositiveFrom = None,
    model_label: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Label of the model; of two the positive.")
    ] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Measure a classifier on labelled texts, all of them."""
    from pipelines.classifiers.opened import gives_of, open_classifier, own_label
    from pipelines.classifiers.training.train import evaluate

    asked = own_label(_classifier(model, model_label, file))
    items = _items(positive, negative, labels, label)
    scores = not {item.value for item in items} <= {0.0, 1.0}
    from_label = positive_from or (3.0 if scores else 0.5)
    found = evaluate(open_classifier(asked), items, gives_of(asked), from_label)
    if as_json:
        print_json({"model": model, **found})
    else:
        _show(found)


@classifier.command(epilog=examples("cuvee classifier score models/good good.jsonl > scores.jsonl"))
def score(
    model: Model,
    inputs: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Texts, as for --positive.")
    ],
    model_label: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Label of the model; of two the positive.")
    ] = None,
    file: File = None,
) -> None:
    """Print the score of every text, as JSON lines."""
    from pipelines.classifiers.opened import open_classifier, own_label
    from pipelines.classifiers.training.items import read_texts

    scorer = open_classifier(own_label(_classifier(model, model_label, file)))
    for number, item in enumerate(read_texts(inputs)):
        row = {"text": number, "url": item.url, "score": scorer(item.text)}
        print(json.dumps(row))  # noqa: T201  lines for programs, not for rich


def _classifier(model: str, label: str | None, file: str | None) -> "Classifier":
    from pipelines.recipe.classifier import Classifier

    return Classifier("score", model, file=file, label=label)


def _items(
    positive: list[str] | None,
    negative: list[str] | None,
    labels: list[str] | None,
    label: str | None,
) -> "list[Labelled]":
    from pipelines.classifiers.training.items import read_classes, read_labels

    if labels and (positive or negative):
        raise UsageError(
            "--labels says what each text is, and so do --positive and --negative.\n"
            "  Give the one or the other."
        )
    return read_labels(labels, label) if labels else read_classes(positive or [], negative or [])


def _show(found: dict[str, Any]) -> None:
    from pipelines.classifiers.training.card import FEWEST, parted
    from pipelines.terminal import harmless

    _show_part("", found)
    many, few = parted(found["languages"])
    for language, part in many.items():
        _show_part(harmless(language), part)
    if few:
        listed = ", ".join(f"{language} {texts}" for language, texts in few.items())
        out.print(Styled(harmless(f"Fewer than {FEWEST} texts, told by --json: {listed}")))


def _show_part(what: str, part: Mapping[str, Any]) -> None:
    from pipelines.classifiers.training.card import beside_curve

    table = Table(box=None, pad_edge=False)
    for head in ("score from", "precision", "recall", "F1", "kept"):
        table.add_column(head, justify="right")
    for row in part["thresholds"]:
        f1 = "–" if row["f1"] is None else f"{row['f1']:.3f}"
        cells = (_interval(row[name]) for name in ("precision", "recall"))
        table.add_row(f"{row['threshold']:g}", *cells, f1, _interval(row["kept"]))
    head = f"{what}: " if what else ""
    auc = "–" if part["roc_auc"] is None else f"{part['roc_auc']:.3f}"
    out.print(
        Styled(
            f"{head}{part['texts']:,} texts, {part['positive']:,} positive; area under the ROC "
            f"curve {auc}{beside_curve(part)}"
        )
    )
    out.print(table)


def _interval(share: dict[str, float] | None) -> str:
    if share is None:
        return "–"
    return f"{share['share']:.3f} ({share['low']:.3f}–{share['high']:.3f})"
