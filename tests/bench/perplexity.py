"""What a perplexity costs: the same model asked by kenlm, and by the reader of ARPA's text form.

The model is made of this repository's documents: 5-grams of 2,000 pieces. Where kenlm is not
installed, the reader is on both sides.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.bench.step import Work

ROOT = Path(__file__).parents[2]
_PIECES, _ORDER = 2000, 5


def _trained(folder: Path) -> tuple[Path, Path]:
    """Write an n-gram model and its pieces into a folder."""
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    from filters.perplexity import ccnet_normal
    from tests.pipelines.ngrams import train_arpa

    texts = [path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))]
    lines = [ccnet_normal(line) for text in texts for line in text.split("\n")]
    (folder / "lines.txt").write_text("\n".join(lines), "utf-8")
    SentencePieceTrainer.train(
        input=str(folder / "lines.txt"), model_prefix=str(folder / "en.sp"),
        vocab_size=_PIECES, model_type="unigram", minloglevel=2, num_threads=1,
    )  # fmt: skip
    pieces = SentencePieceProcessor(model_file=str(folder / "en.sp.model"))
    cut = [pieces.encode(line, out_type=str) for line in lines]
    return train_arpa(cut, _ORDER, folder / "en.arpa"), folder / "en.sp.model"


@contextmanager
def by_reader(folder: Path) -> Iterator[Work]:
    """The reader of ARPA's text form."""
    from filters.arpa import read_arpa
    from filters.perplexity import PerplexityScorer
    from pipelines.tokens.opened import SentencePieceModel

    model, pieces = _trained(folder)
    with model.open(encoding="utf-8") as lines:
        read = read_arpa(lines)
    scorer = PerplexityScorer(read, SentencePieceModel(pieces.read_bytes()).pieces)
    yield lambda row: scorer(row["text"])


@contextmanager
def by_kenlm(folder: Path) -> Iterator[Work]:
    """The library kenlm, where it is installed."""
    if find_spec("kenlm") is None:
        with by_reader(folder) as work:
            yield work
        return
    import kenlm

    from filters.perplexity import PerplexityScorer
    from pipelines.tokens.opened import SentencePieceModel

    model, pieces = _trained(folder)
    cutter = SentencePieceModel(pieces.read_bytes())
    scorer = PerplexityScorer(kenlm.Model(str(model)), cutter.pieces)
    yield lambda row: scorer(row["text"])
