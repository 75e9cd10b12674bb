"""Extraction is a function of the page alone: equal to trafilatura with clean caches."""

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import trafilatura
from justext import get_stoplist, get_stoplists, justext
from lxml.etree import ParserError
from trafilatura.meta import reset_caches

from pipelines.crawl import Page, find_inputs, read_pages
from pipelines.crawl.archive.decode import decode_page
from pipelines.extract import make_extractor
from pipelines.recipe import load_recipe
from pipelines.recipe.extractors import STOPLISTS

STEP = 1 if os.environ.get("CUVEE_FULL_PARITY") else 8
"""Cleaning all caches is slow: `make parity` compares every page, `make test` every eighth."""

REPEATED = "A sentence that the page repeats, long enough to be looked up by the extractor. " * 3
PAGE = (
    "<html><body><article><h1>Title</h1>"
    + f"<p>{REPEATED}</p>" * 4
    + "<p>The end of it, with words of its own.</p></article></body></html>"
)


@pytest.fixture(scope="module")
def pages(sample_crawl: Path) -> list[str]:
    return list(_decoded(sample_crawl))


def _decoded(folder: Path) -> Iterator[str]:
    for file in find_inputs([str(folder)]):
        for page in read_pages(file, Counter()):
            assert isinstance(page, Page)
            yield decode_page(page).text


def clean(html: str, **options: bool) -> str:
    reset_caches()
    return trafilatura.extract(html, include_comments=False, **options) or ""


@pytest.mark.slow
def test_pages_equal_trafilatura_with_clean_caches(pages: list[str]):
    extract = load_recipe("fineweb").extract
    assert extract.options["deduplicate"]
    run = make_extractor(extract.extractor, extract.options)
    gc.freeze()  # cleaning the caches collects garbage, which need not look at pytest's heap
    differing = [
        html[:80]
        for html in pages[::STEP]
        if run(html) != clean(html, favor_precision=True, deduplicate=True)
    ]
    gc.unfreeze()
    assert len(pages) > 1000
    assert differing == []


def test_the_same_page_gives_the_same_text_however_often():
    run = make_extractor("trafilatura", {"favor_precision": True, "deduplicate": True})
    first = run(PAGE)
    assert "words of its own" in first
    assert [run(PAGE) for _ in range(6)] == [first] * 6


def test_deduplicate_is_an_option_that_does_something(pages: list[str]):
    once = make_extractor("trafilatura", {"deduplicate": True})
    often = make_extractor("trafilatura", {"deduplicate": False})
    assert any(len(once(html)) < len(often(html)) for html in pages)


def test_resiliparse_gives_its_plain_text():
    text = make_extractor("resiliparse", {"main_content": True})(PAGE)
    assert "words of its own" in text
    assert "<" not in text


def test_a_page_without_text_is_empty():
    assert make_extractor("trafilatura", {})("<html><body></body></html>") == ""


def jusText_of(html: str) -> str:  # noqa: N802  its name
    """What leogao2/commoncrawl_downloader keeps of a page, joined as lm_dataformat joins it."""
    try:
        paragraphs = justext(html, get_stoplist("English"))
    except ParserError:
        return ""
    return "\n\n".join(part.text for part in paragraphs if not part.is_boilerplate)


@pytest.mark.slow
def test_pages_equal_justext_itself(pages: list[str]):
    extract = load_recipe("pile_cc").extract
    run = make_extractor(extract.extractor, extract.options)
    some = pages[:: STEP if STEP == 1 else 12]
    texts = [run(html) for html in some]
    assert [
        html[:80] for html, text in zip(some, texts, strict=True) if text != jusText_of(html)
    ] == []
    assert sum(map(bool, texts)) > len(some) / 4


def test_justext_takes_its_options_and_leaves_an_empty_page_empty():
    page = f"<html><body><p>{REPEATED}</p><p>Short and plain.</p></body></html>"
    assert make_extractor("justext", {})(page).startswith("A sentence that the page repeats")
    assert make_extractor("justext", {"stoplist": "German"})(page) == ""
    assert make_extractor("justext", {"stoplist": "English", "length_low": 10_000})(page) == ""
    assert make_extractor("justext", {})("") == ""
    assert set(STOPLISTS) == set(get_stoplists())
