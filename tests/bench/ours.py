"""Cuvée's side: the functions that `cuvee run` calls, one loader a step, as in `theirs`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tests.bench import classifiers
from tests.bench.perplexity import by_reader
from tests.bench.step import Work

if TYPE_CHECKING:
    from filters.segment import Segmenter


perplexity = by_reader


@contextmanager
def url(_: Path) -> Iterator[Work]:
    """The URL gate."""
    from pipelines.blocklist import load_blocker

    blocker = load_blocker()
    yield lambda row: blocker.block_reason(row["url"])


@contextmanager
def extract(_: Path) -> Iterator[Work]:
    """trafilatura as the FineWeb recipe has it."""
    from pipelines.extract import make_extractor
    from pipelines.recipe import load_recipe

    recipe = load_recipe("fineweb")
    run = make_extractor(recipe.extract.extractor, recipe.extract.options, recipe.accelerate)
    yield lambda row: run(row["html"])


trafilatura = extract
classifier, embedding = classifiers.ours, classifiers.embedding


@contextmanager
def language(_: Path) -> Iterator[Work]:
    """fastText."""
    from pipelines.assets import load_language_identifier

    identifier = load_language_identifier("lid.176.ftz")
    yield lambda row: list(identifier.identify(row["text"]))


def _new_segmenter() -> "Segmenter":
    """Return one that remembers nothing, as in a new worker."""
    from filters import segment  # the start of the URL gate is not to pay for this

    _forget(segment)
    return segment.segmenter("en")


def _forget(module: ModuleType) -> None:
    for found in vars(module).values():
        if hasattr(found, "cache_clear"):
            found.cache_clear()


@contextmanager
def words(_: Path) -> Iterator[Work]:
    """Words and sentences of the whole text."""
    english = _new_segmenter()
    yield lambda row: [english.words(row["text"]), english.sentence_count(row["text"])]


@contextmanager
def quality(_: Path) -> Iterator[Work]:
    """All rules behind the gates: the rule that fires first, and the text."""
    from filters.judge import Judge
    from pipelines.recipe import load_recipe

    judge = Judge(load_recipe("fineweb").blocks, _new_segmenter())

    def work(row: dict[str, Any]) -> list[Any]:
        judgement = judge.judge(row["text"])
        if judgement.decision is not None:
            return [judgement.decision.rule, None]
        return [None, judgement.text]

    yield work


@contextmanager
def minhash(_: Path) -> Iterator[Work]:
    """The signature."""
    from filters import minhash as kernel

    _new_segmenter()
    _forget(kernel)
    hasher = kernel.MinHasher()

    def work(row: dict[str, Any]) -> list[int]:
        signature = hasher.signature(row["text"])
        return [] if signature is None else [int(h) for h in signature]

    yield work


@contextmanager
def pii(_: Path) -> Iterator[Work]:
    """Stand-ins for e-mail and IP addresses."""
    from filters.pii import PII
    from filters.text import Text

    english = _new_segmenter()
    yield lambda row: PII.apply(Text(row["text"], english), PII.options).text
