"""datatrove's side: its own blocks, one loader a step.

A loader returns what takes one page (a row of `pages.jsonl` or `texts.jsonl`) and returns
a plain result that the other side's can be held against.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.extractors.base import ExtractorSandbox
from datatrove.pipeline.filters import LanguageFilter, URLFilter
from datatrove.pipeline.filters.base_filter import get_filter_result
from datatrove.pipeline.formatters import PIIFormatter

from pipelines.assets import model_file
from tests.bench import classifiers
from tests.bench.perplexity import by_kenlm
from tests.bench.step import Work
from tests.parity.oracle import Oracle

classifier, embedding = classifiers.theirs, classifiers.fasttext_for_embedding

SECONDS = 60
"""datatrove's limit for a page is 1 s, which on a busy machine would hit any page."""


class PurePages(Trafilatura):  # type: ignore[misc]  # datatrove has no types
    """datatrove's extractor; segments seen on earlier pages are forgotten at every page.

    As it stands, its text depends on all pages before, so it could not be compared.
    """

    def extract(self, text: str) -> str:
        """Return the text of a page."""
        from trafilatura.deduplication import LRUCache
        from trafilatura.settings import LRU_SIZE

        self.deduplicate = LRUCache(maxsize=LRU_SIZE)
        return super().extract(text) or ""


class PurePii(PIIFormatter):  # type: ignore[misc]  # datatrove has no types
    """datatrove's formatter; its stand-ins begin anew at every page."""

    def format(self, text: str) -> str:
        """Return the text with stand-ins."""
        self.emails_replacer._replace_i = self.ip_replacer._replace_i = 0
        return str(super().format(text))


def url_filter() -> Any:
    """Return the URL gate on its bundled suffix list, so that it asks no network."""
    from tldextract import TLDExtract

    block = URLFilter()
    block.tldextractor = TLDExtract(suffix_list_urls=(), cache_dir=None)
    return block


def language_filter() -> Any:
    """Return the language gate with the pinned model, so that it asks no network."""
    from fasttext.FastText import _FastText

    block = LanguageFilter(languages=["en"])
    block.model._model = _FastText(str(model_file("lid.176.ftz")))
    return block


perplexity = by_kenlm


@contextmanager
def url(_: Path) -> Iterator[Work]:
    """The URL gate."""
    block = url_filter()

    def work(row: dict[str, Any]) -> str:
        kept, reason = get_filter_result(
            block.filter(Document(text="", id="0", metadata={"url": row["url"]}))
        )
        return "none" if kept else str(reason)

    yield work


@contextmanager
def extract(_: Path) -> Iterator[Work]:
    """trafilatura in datatrove's sandbox."""
    import trafilatura  # noqa: F401  so that the sandbox's child need not load it

    block = PurePages(favour_precision=True, timeout=SECONDS)
    with ExtractorSandbox(timeout=SECONDS, warmup_text="") as sandbox:
        yield lambda row: sandbox.process_document(row["html"], block.extract)


@contextmanager
def trafilatura(_: Path) -> Iterator[Work]:
    """trafilatura itself, with the FineWeb recipe's options."""
    from pipelines.extract import make_extractor
    from pipelines.recipe import load_recipe

    run = make_extractor("trafilatura", load_recipe("fineweb").extract.options)
    yield lambda row: run(row["html"])


@contextmanager
def language(_: Path) -> Iterator[Work]:
    """fastText."""
    block = language_filter()

    def work(row: dict[str, Any]) -> list[Any]:
        document = Document(text=row["text"], id="0")
        block.filter(document)
        return [document.metadata["language"], document.metadata["language_score"]]

    yield work


@contextmanager
def words(_: Path) -> Iterator[Work]:
    """Words and sentences of the whole text."""
    from datatrove.utils.text import split_into_sentences, split_into_words

    def work(row: dict[str, Any]) -> list[Any]:
        text = row["text"]
        return [split_into_words(text), len(split_into_sentences(text))]

    yield work


@contextmanager
def quality(_: Path) -> Iterator[Work]:
    """Gopher's repetition and quality, C4 and FineWeb: reason and text."""
    oracle = Oracle(model_file("lid.176.ftz"))

    def work(row: dict[str, Any]) -> list[Any]:
        document = Document(text=row["text"], id="0")
        for block in oracle._quality:
            kept, reason = get_filter_result(block.filter(document))
            if not kept:
                return [reason, None]
        return [None, document.text]

    yield work


@contextmanager
def minhash(folder: Path) -> Iterator[Work]:
    """The signature."""
    block = signature_block(folder / "unused")

    def work(row: dict[str, Any]) -> list[int]:
        shingles = block.get_shingles(row["text"])
        return [h for band in block.get_signature(shingles) for h in band] if shingles.size else []

    yield work


@contextmanager
def pii(_: Path) -> Iterator[Work]:
    """Stand-ins for e-mail and IP addresses."""
    block = PurePii()
    yield lambda row: block.format(row["text"])


def signature_block(folder: Path) -> Any:
    """Return FineWeb's first MinHash block."""
    from datatrove.pipeline.dedup import MinhashDedupSignature

    return MinhashDedupSignature(str(folder), config=minhash_config())


def minhash_config() -> Any:
    """Return FineWeb's settings: 14 bands of 8 hashes over 5-grams, 64 bits of SHA-1."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig

    return MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"))
