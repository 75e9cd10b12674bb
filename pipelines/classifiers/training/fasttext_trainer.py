"""fastText models trained so that the same texts give the same bytes.

With one thread fastText 0.9.2 fills only the first tenth of its matrix: it has ten blocks, one a
thread, and the memory of the others is whatever was there (`DenseMatrix::uniform`). Then two
trainings differ, and sometimes end with "Encountered NaN". So memory is handed out as zeros
meanwhile: the vocabulary's commonest rows begin at random and the others at zero.
"""

import ctypes
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filters.classifier import one_line
from filters.errors import UsageError, WorkError
from pipelines.classifiers.training.items import Labelled

POSITIVE, NEGATIVE = "__label__positive", "__label__negative"
_M_PERTURB = -6
_ZEROS = 255
"""glibc fills new memory with the complement of this (mallopt(3))."""


@dataclass(frozen=True, slots=True)
class FastTextOptions:
    """Settings of fastText; what is not here is as in `fasttext.train_supervised`."""

    dimensions: int = 100
    epochs: int = 5
    rate: float = 0.1
    word_ngrams: int = 2
    buckets: int = 200_000
    seed: int = 0
    """From 0; fastText gets one more, because to its generator 0 and 1 are the same."""


def train_classifier(
    items: Iterable[Labelled], positive_from: float, options: FastTextOptions, final: Path
) -> None:
    """Train a supervised model and save it as `final`; WorkError where fastText cannot."""
    lines = (
        f"{POSITIVE if item.value >= positive_from else NEGATIVE} {_plain(item.text)}"
        for item in items
    )
    with _written(lines) as path, _zeroed_memory(), _plain_error():
        import fasttext  # slow to import

        model = fasttext.train_supervised(
            str(path), dim=options.dimensions, epoch=options.epochs, lr=options.rate,
            wordNgrams=options.word_ngrams, bucket=options.buckets, seed=options.seed + 1,
            thread=1, verbose=0,
        )  # fmt: skip
    model.save_model(str(final))


def train_vectors(items: Iterable[Labelled], options: FastTextOptions, final: Path) -> None:
    """Train vectors of words and their n-grams of characters (skip-gram), and save them.

    Errors as `train_classifier`. The library lets nobody choose the seed of these.
    """
    with _written(_plain(item.text) for item in items) as path, _zeroed_memory(), _plain_error():
        import fasttext  # slow to import

        model = fasttext.train_unsupervised(
            str(path), model="skipgram", dim=options.dimensions, epoch=options.epochs,
            bucket=options.buckets, minCount=2, thread=1, verbose=0,
        )  # fmt: skip
    model.save_model(str(final))


def _plain(text: str) -> str:
    """Return a text as one line in which nothing is a label."""
    return one_line(text).rstrip("\n").replace("__label__", "_label_").replace("\0", " ")


@contextmanager
def _written(lines: Iterable[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cuvee-classifier-") as folder:
        path = Path(folder) / "texts.txt"
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in lines)
        yield path


@contextmanager
def _zeroed_memory() -> Iterator[None]:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # only glibc has it; elsewhere large pieces of memory are new, and zeros
        yield
        return
    mallopt(_M_PERTURB, _ZEROS)
    try:
        yield
    finally:
        mallopt(_M_PERTURB, 0)


@contextmanager
def _plain_error() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise WorkError(
            f"fastText cannot train: {error}\n  A lower --rate often helps, or more texts."
        ) from error
    except ValueError as error:
        raise UsageError(f"fastText cannot train: {error}.\n  Are there words in it?") from error
