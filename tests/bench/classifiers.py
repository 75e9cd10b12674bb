"""What a classifier's score costs: fastText's beside datatrove's filter, then a head's.

Both models are trained here on a few made texts, with the default options of `cuvee classifier
train`: what a page costs depends on their sizes and its length, not on what they have learnt.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from filters.classifier import Scorer
from pipelines.classifiers.files import find_files
from pipelines.classifiers.opened import open_classifier, own_label
from pipelines.classifiers.training.items import Labelled
from pipelines.classifiers.training.train import TrainOptions, train
from pipelines.recipe.classifier import Classifier
from tests.bench.step import Work

_DIGITS = 4
_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "looks")


def _trained(scratch: Path, kind: Literal["fasttext", "embedding"]) -> Classifier:
    texts = (f"{' '.join(_WORDS[n % 5 :])} {n} {' '.join(_WORDS[: n % 9])}" for n in range(120))
    items = [Labelled(text, "", float(n % 2)) for n, text in enumerate(texts)]
    train(items, TrainOptions(kind=kind), scratch / kind)
    file = "model.bin" if kind == "fasttext" else None
    return own_label(Classifier(kind, str(scratch / kind), file=file))


def _scores(scorer: Scorer) -> Work:
    return lambda row: round(scorer(row["text"]), _DIGITS)


@contextmanager
def ours(scratch: Path) -> Iterator[Work]:
    """fastText, two labels."""
    yield _scores(open_classifier(_trained(scratch, "fasttext")))


@contextmanager
def embedding(scratch: Path) -> Iterator[Work]:
    """A linear head on the mean of fastText's vectors of words."""
    scorer = open_classifier(_trained(scratch, "embedding"))

    def work(row: dict[str, Any]) -> bool:
        return isinstance(scorer(row["text"]), float)  # nothing else gives this score

    yield work


@contextmanager
def fasttext_for_embedding(scratch: Path) -> Iterator[Work]:
    """The other kind of classifier, to hold its cost against."""
    scorer = open_classifier(_trained(scratch, "fasttext"))

    def work(row: dict[str, Any]) -> bool:
        return isinstance(scorer(row["text"]), float)

    yield work


@contextmanager
def theirs(scratch: Path) -> Iterator[Work]:
    """datatrove's filter on the same model, which notes every label's score."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import FastTextClassifierFilter

    classifier = _trained(scratch, "fasttext")
    model = str(find_files(classifier).path)
    block = FastTextClassifierFilter(model, [("positive", 0.0)], newline_replacement=" ")

    def work(row: dict[str, Any]) -> float:
        document = Document(text=row["text"].strip(), id="")
        block.filter(document)
        return round(float(document.metadata[classifier.label]), _DIGITS)

    yield work
