"""The faster parts give trafilatura's text, byte by byte, and leave trafilatura as it is."""

import gc
import os
import subprocess
import sys
import types
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import trafilatura
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml.html import document_fromstring
from trafilatura import core, xpaths
from trafilatura.settings import BASIC_CLEAN_XPATH

from filters.errors import UsageError
from pipelines.accelerate import choose, support
from pipelines.accelerate.choose import compared
from pipelines.accelerate.marks import Marker
from pipelines.accelerate.needed import needed_runs
from pipelines.accelerate.parse import fast_parser
from pipelines.accelerate.twin import linked_copy
from pipelines.accelerate.xpath import read_xpath
from pipelines.crawl import Page, find_inputs, read_pages
from pipelines.crawl.archive.decode import decode_page
from pipelines.extract import make_extractor
from pipelines.recipe import load_recipe
from tests.pipelines.odd_pages import nested, pages
from tests.pipelines.small_run import RECIPE, do_run, edited

EVERYTHING = bool(os.environ.get("CUVEE_FULL_PARITY"))
STEP = 1 if EVERYTHING else 4
"""`make parity` compares every page, `make test` every fourth."""
PRECISE = {"favor_precision": True, "include_comments": False}
EXPRESSIONS = [
    *(one for name in dir(xpaths) if name.endswith(("_XPATH", "_ELEMENTS")) and name[0] != "_"
      for one in getattr(xpaths, name)),
    BASIC_CLEAN_XPATH,
]  # fmt: skip

options = st.fixed_dictionaries(
    {name: st.sampled_from(values) for name, values in support.PROVED.items()}
)


def decoded(folder: Path, step: int = 1) -> list[str]:
    found = [
        page
        for file in find_inputs([str(folder)])
        for page in read_pages(file, Counter())
        if isinstance(page, Page)
    ]
    return [decode_page(page).text for page in found[::step]]


@pytest.fixture(scope="module")
def sample(sample_crawl: Path) -> list[str]:
    gc.freeze()
    return decoded(sample_crawl, STEP)


def differing(html: list[str], wanted: dict[str, bool]) -> list[str]:
    """Return pages that the faster parts see otherwise; each page is seen once."""
    slow, fast = both(frozenset(wanted.items()))
    return [page[:80] for page in html if slow(page) != fast(page)]


@cache
def both(wanted: frozenset[tuple[str, bool]]):
    """Return trafilatura itself and the faster parts with the same options."""
    slow = make_extractor("trafilatura", dict(wanted))
    return slow, make_extractor("trafilatura", dict(wanted), accelerate=True)


def outcome(run, html: str) -> str:
    """Return a page's text, or what went wrong with it."""
    try:
        return run(html)
    except Exception as error:  # noqa: BLE001  a page that fails must fail likewise
        return f"error: {type(error).__name__}"


@pytest.mark.slow
@pytest.mark.parametrize("deduplicate", [True, *([False] if EVERYTHING else [])])
def test_the_sample_crawl_has_the_same_text(sample, deduplicate):
    assert len(sample) > 1000 / STEP
    assert differing(sample, {**PRECISE, "deduplicate": deduplicate}) == []


@pytest.mark.skipif(not EVERYTHING, reason="a minute; make parity compares these pages")
@pytest.mark.parametrize("deduplicate", [True, False])
def test_third_party_pages_have_the_same_text(test_data, deduplicate):
    found = decoded(test_data / "crawl")
    assert len(found) > 500
    assert differing(found, {**PRECISE, "deduplicate": deduplicate}) == []


@given(pages, options)
@settings(max_examples=600 if EVERYTHING else 60, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
def test_odd_pages_have_the_same_text(html, wanted):
    slow, fast = both(frozenset(wanted.items()))
    assert outcome(fast, html) == outcome(slow, html)


@pytest.mark.parametrize("tag", ["div", "ul", "table", "blockquote", "aside", "p", "span", "b"])
@pytest.mark.parametrize("depth", [3, 300, 3000])
def test_deep_pages_have_the_same_text(tag, depth):
    wanted = {**PRECISE, "deduplicate": True}
    html = nested(depth, tag)
    slow, fast = both(frozenset(wanted.items()))
    assert outcome(fast, html) == outcome(slow, html)


@given(pages)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_marks_select_what_the_expressions_select(html):
    tree = document_fromstring(f"<html><body>{html}</body></html>", parser=fast_parser())
    marker = Marker()
    chosen = [marker.selection(expression) for expression in EXPRESSIONS]
    marker.mark(tree)
    for element in tree.iter("ul", "ol", "li"):
        element.tag = "item" if element.tag == "li" else "list"  # as the extractor renames them
    for expression, select in zip(EXPRESSIONS, chosen, strict=True):
        selectors = read_xpath(expression.path)
        wanted, found = expression(tree), select(tree)
        only_first = selectors and selectors[0].first
        assert found == (wanted[:1] if only_first else wanted), expression.path


def test_every_list_of_the_text_is_read():
    lists = [name for name in dir(xpaths) if name.endswith(("_XPATH", "_ELEMENTS"))]
    assert len(lists) == 10
    assert all(read_xpath(expression.path) for expression in EXPRESSIONS)


@pytest.mark.parametrize("path", ["//a", ".//a/b", ".//a[b]", ".//a[@x and @y]", ".//a[2]"])
def test_an_expression_of_another_form_is_used_as_it_is(path):
    from lxml.etree import XPath

    expression = XPath(path)
    assert Marker().selection(expression) is expression


@pytest.mark.parametrize(
    ("pattern", "runs"),
    [
        ("bread-?crumb", {"bread"}),
        ("(?:entry|art)-content", {"content"}),
        ("^(?:jp-|dpsp-content)", {"jp", "content"}),
        ("[Cc]omment(?!ary)", {"comment"}),
        (r"(^|\s)bottom|bottom(\s|$)", {"bottom"}),
        ("-|_", set()),
    ],
)
def test_what_a_pattern_needs(pattern, runs):
    assert needed_runs(pattern) == runs


def test_trafilatura_itself_stays_as_it_is():
    program = (
        "import sys, trafilatura\n"
        "from trafilatura import core, external, htmlprocessing, utils, xml\n"
        "from trafilatura import main_extractor, settings, xpaths\n"
        "kept = [dict(vars(m)) for m in (core, external, htmlprocessing, utils, xml,\n"
        "        main_extractor, settings, xpaths)]\n"
        "from pipelines.accelerate.engine import accelerated\n"
        "accelerated({'favor_precision': True}, str)('<html><body><p>x</p></body></html>')\n"
        "now = [vars(m) for m in (core, external, htmlprocessing, utils, xml,\n"
        "       main_extractor, settings, xpaths)]\n"
        "names = {'compare', 'cleaning', 'JT_STOPLIST'}\n"
        "for a, b in zip(kept, now):\n"
        "    assert a.keys() == b.keys()\n"
        "    assert all(a[key] is b[key] for key in a), [k for k in a if a[k] is not b[k]]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert trafilatura.extract is core.extract


def test_a_linked_copy_calls_its_own_replacements():
    module = types.ModuleType("made_up")
    sys.modules["made_up"] = module
    exec("def low(): return 1\ndef high(*, add=1): return low() + add", vars(module))  # noqa: S102  made here
    for value in (module.low, module.high):
        value.__module__ = "made_up"
    copied = linked_copy(["made_up"], [(module.low, lambda: 10)])["made_up"]
    del sys.modules["made_up"]
    assert (copied["high"](), module.high(), copied["high"](add=2)) == (11, 2, 12)


def test_a_forum_is_forgotten_with_its_page():
    forum = (
        '<html><body><script type="application/ld+json">{"@type": "DiscussionForumPosting"}'
        '</script><div class="comments"><p>'
        + "A post of a thread, long enough. " * 9
        + "</p></div>"
    )
    plain = forum.replace("DiscussionForumPosting", "Article")
    slow, fast = (
        make_extractor("trafilatura", PRECISE),
        make_extractor("trafilatura", PRECISE, accelerate=True),
    )
    expected = [slow(html) for html in (plain, forum, plain, forum)]
    assert [fast(html) for html in (plain, forum, plain, forum)] == expected


def reference(html: str) -> str:
    return f"trafilatura: {html}"


@pytest.mark.parametrize(
    ("wanted", "installed", "said"),
    [
        (PRECISE, "2.4.0", "trafilatura 2.4.0 is installed"),
        ({"include_images": True}, support.MADE_FOR, "they do not know include_images"),
        ({**PRECISE, "fast": 2}, support.MADE_FOR, "fast must be as in FineWeb"),
        ({**PRECISE, "favor_recall": True}, support.MADE_FOR, "favor_recall must be"),
        ({"include_comments": False}, support.MADE_FOR, "favor_precision must be"),
    ],
)
def test_anything_else_steps_aside_with_one_warning(wanted, installed, said, monkeypatch):
    monkeypatch.setattr(support, "version", lambda _: installed)
    counts: Counter[str] = Counter()
    with pytest.warns(UserWarning, match=said) as told:
        run = choose(True, wanted, reference, counts)
    assert len(told) == 1
    assert [run("a"), run("b")] == ["trafilatura: a", "trafilatura: b"]
    assert counts == {"aside": 2}


def test_false_asks_nothing_of_trafilatura(monkeypatch):
    monkeypatch.setattr(support, "version", lambda _: "1.0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose(False, {}, reference, Counter()) is reference


def test_comparing_finds_what_differs_and_gives_trafilaturas_text():
    counts: Counter[str] = Counter()
    spoiled = compared(lambda html: reference(html).replace("7", "1"), reference, counts, 0.3)
    html = [str(number) for number in range(1000)]
    texts = [spoiled(page) for page in html]
    own = {page for page, text in zip(html, texts, strict=True) if text == reference(page)}
    assert 250 < counts["checked"] < 350
    assert counts["differing"] > 50
    with_seven = {page for page in html if "7" in page}
    assert len(with_seven & own) == counts["differing"]
    again: Counter[str] = Counter()
    same = compared(lambda html: reference(html).replace("7", "1"), reference, again, 0.3)
    assert [same(page) for page in html] == texts
    assert again == counts


def test_a_page_that_only_the_faster_parts_fail_on_has_trafilaturas_text(monkeypatch):
    from pipelines.accelerate import compare, engine

    def spoiled(*_):
        raise RuntimeError

    monkeypatch.setattr(compare, "extract_and_compare", spoiled)
    assert engine.compare.extract_and_compare is spoiled
    html = nested(2, "div")
    counts: Counter[str] = Counter()
    for way in (True, "verify"):
        run = make_extractor("trafilatura", PRECISE, way, counts)
        assert run(html) == make_extractor("trafilatura", PRECISE)(html) != ""


@pytest.mark.parametrize(
    ("written", "meant"), [("true", True), ("false", False), ("verify", "verify")]
)
def test_the_recipes_key_loads_and_is_written_again(written, meant, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"accelerate: {written}\n{RECIPE}")
    recipe = load_recipe(str(path))
    assert recipe.accelerate == meant
    path.write_text(recipe.to_yaml())
    assert load_recipe(str(path)) == recipe
    assert load_recipe(str(path), [f"accelerate={written}"]) == recipe


@pytest.mark.parametrize("written", ["yes please", "1", "[verify]", "null"])
def test_another_value_is_an_error_in_words(written, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"accelerate: {written}\n{RECIPE}")
    with pytest.raises(UsageError, match="accelerate must be true, false or verify, not ") as told:
        load_recipe(str(path))
    assert len(str(told.value).splitlines()) <= 3


def test_the_default_is_true():
    assert load_recipe("fineweb").accelerate is True


def test_a_run_tells_how_many_pages_it_compared(small_crawl, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules["pipelines.accelerate.choose"], "_SCALE", 1 << 80
    )  # chooses every page
    here = "accelerate: verify\nlimits: false"  # in this process, where every page is chosen
    recipe = edited(RECIPE, "keep_text: gated", f"keep_text: gated\n{here}")
    outcome = do_run(recipe, small_crawl, tmp_path / "run")
    counts = outcome.manifest["accelerate"]
    assert counts["checked"] > 10
    assert counts["differing"] == 0
