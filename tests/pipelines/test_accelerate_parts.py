"""Each faster part beside the part of trafilatura that it stands for."""

import random
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml.etree import tostring
from lxml.html import document_fromstring
from trafilatura import core, deduplication, htmlprocessing, utils
from trafilatura.settings import Extractor

from pipelines.accelerate import cleaning, lighten, links
from pipelines.accelerate.parse import fast_parser
from pipelines.accelerate.repeated import Repeated, body_duplicate_test
from tests.pipelines.odd_pages import pages

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PRECISE = Extractor(precision=True, comments=False)
ROUNDS = ("div", "list", "p")


def parsed(html: str):
    return document_fromstring(f"<html><body>{html}</body></html>", parser=fast_parser())


def converted(html: str):
    """Return a page as it is when its links are judged."""
    tree = htmlprocessing.tree_cleaning(parsed(html), PRECISE)
    return htmlprocessing.convert_tags(tree, PRECISE)


def outcome(work, *arguments) -> bytes | str:
    """Return what becomes of a tree, or the name of the error that ends it: lxml's, as a rule."""
    try:
        return tostring(work(*arguments))
    except ValueError as error:  # control characters that a reference stands for
        return f"error: {error}"


def judged(delete, html: str, favor_precision: bool):
    """Convert a page and judge its links."""
    return density(delete, converted(html), favor_precision)


def density(delete, tree, favor_precision: bool):
    """Judge a tree's links as the extractor does, twice, with a change in between."""
    for _ in range(2):
        for tag in (*ROUNDS, *ROUNDS, "head", "quote"):
            delete(tree, tag, tag == "div", favor_precision)
        for element in tree.iter("span", "li", "item"):
            element.tag = "ref" if element.tag == "span" else "p"
    return tree


@given(pages, st.booleans())
@quick
def test_links_are_judged_alike(html, favor_precision):
    wanted = outcome(judged, htmlprocessing.delete_by_link_density, html, favor_precision)
    assert outcome(judged, links.delete_by_link_density, html, favor_precision) == wanted


LINK = "<a href='/x'>{}</a>"
SIZES = (3, 9, 10, 11, 25, 29, 30, 31, 59, 60, 61, 99, 100, 101, 199, 200, 299, 300, 301, 400)


@pytest.mark.parametrize("favor_precision", [True, False])
@pytest.mark.parametrize("around", ["div", "p", "ul", "li", "td", "blockquote", "h2"])
def test_links_of_any_length_and_number_are_judged_alike(around, favor_precision):
    chance = random.Random(around)
    for _ in range(150):
        count = chance.choice((1, 1, 2, 4, 5, 6, 9))
        inside = "".join(
            f"<p>{LINK.format('x' * chance.choice(SIZES))}</p>"
            if chance.random() < 0.2
            else LINK.format("x" * chance.choice(SIZES))
            for _ in range(count)
        )
        text = "y" * chance.choice((0, 0, 0, 1, 8, 20, *SIZES))
        html = f"<div><{around}>{inside}{text}</{around}>{chance.choice(('', '<p>z</p>'))}</div>"
        wanted = tostring(judged(htmlprocessing.delete_by_link_density, html, favor_precision))
        found = tostring(judged(links.delete_by_link_density, html, favor_precision))
        assert found == wanted, html


def test_a_second_round_looks_again_only_where_something_was_deleted(monkeypatch):
    asked = []
    judged = links._is_boilerplate
    monkeypatch.setattr(
        links, "_is_boilerplate", lambda e, *rest: asked.append(e.tag) or judged(e, *rest)
    )
    prose = "Words enough that nobody takes them for a list of links. " * 9
    quiet = converted(f"<div><p>{prose}{LINK.format('one')}</p></div>")
    for tag in ROUNDS * 2:
        links.delete_by_link_density(quiet, tag, tag == "div", True)
    assert sorted(asked) == ["div", "p"]
    asked.clear()
    for tag in ROUNDS * 2:  # who asks a third time has changed the tree
        links.delete_by_link_density(quiet, tag, tag == "div", True)
    assert sorted(asked) == ["div", "p"]
    asked.clear()
    loud = converted(f"<div><p>{LINK.format('x' * 50)}</p><p>{prose}{LINK.format('one')}</p></div>")
    for tag in ROUNDS * 2:
        links.delete_by_link_density(loud, tag, tag == "div", True)
    assert sorted(asked) == ["div", "div", "p", "p", "p"]


@given(pages, st.booleans(), st.booleans())
@quick
def test_pages_are_cleaned_alike(html, tables, precision):
    options = Extractor(precision=precision, comments=False, tables=tables)
    wanted = outcome(htmlprocessing.tree_cleaning, parsed(html), options)
    assert outcome(cleaning.tree_cleaning, parsed(html), options) == wanted


def test_a_deletion_that_ends_the_look_for_a_kind_ends_it_alike():
    html = "<div>" + "<aside>a<aside>b</aside>c</aside>d" * 3 + "<nav>e</nav></div>"
    wanted = tostring(htmlprocessing.tree_cleaning(parsed(html), PRECISE))
    assert b"aside" in wanted  # as trafilatura leaves some
    assert tostring(cleaning.tree_cleaning(parsed(html), PRECISE)) == wanted


@pytest.mark.parametrize("changed", [{"images": True}, {"recall": True}])
def test_cleaning_for_other_options_is_trafilaturas(changed):
    options = Extractor(comments=False, **changed)
    html = "<nav><p>only paragraph</p></nav><figure><img src='a.png'></figure>"
    wanted = tostring(htmlprocessing.tree_cleaning(parsed(html), options))
    assert tostring(cleaning.tree_cleaning(parsed(html), options)) == wanted


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_repeated_texts_are_counted_alike(size):
    chance = random.Random(size)
    theirs, ours = deduplication.LRUCache(maxsize=size), Repeated()
    ours.maxsize = size
    for _ in range(500):
        text = str(chance.randrange(8))
        assert ours.increment(text) == theirs.increment(text)
    assert bool(ours)  # which turns deduplication on, empty or not


@pytest.mark.parametrize("times", [0, 1, 2, 3, 4])
def test_a_body_that_is_one_repeated_text_is_a_duplicate_alike(times):
    body = parsed(f"<p>{'A text that is long enough to be a duplicate of another. ' * 3}</p>")
    found = []
    for cache, test in ((deduplication.LRUCache(9), deduplication.duplicate_test),
                        (Repeated(), body_duplicate_test)):  # fmt: skip
        options = Extractor(dedup=cache)
        for _ in range(times):
            deduplication.duplicate_test(body, options)
        found.append(test(body, options))
    assert found == [times > PRECISE.max_repetitions] * 2


@given(st.text(st.characters(codec="utf-16", exclude_categories=["Cs"]) | st.sampled_from(
    "\0\x08\t\n\x0b\x0c\r\x1b\x1f \x7f\x85\xa0￾￿\U0001f642")))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_forbidden_characters_are_removed_alike(text):
    wanted = utils.INVALID_XML_CHARS.sub("", text)
    assert lighten.ForbiddenCharacters().sub("", text) == wanted


def test_every_forbidden_character_is_known():
    everything = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10100))))
    wanted = utils.INVALID_XML_CHARS.sub("", everything)
    assert lighten.ForbiddenCharacters().sub("", everything) == wanted


@given(pages)
@quick
def test_what_is_let_go_of_is_what_cleaning_deletes(html):
    whole, light = parsed(html), parsed(html)
    assert lighten.forum_thread_page(light) == core._forum_thread_page(whole)
    assert next(light.iter("script", "style"), None) is None
    wanted = outcome(htmlprocessing.tree_cleaning, whole, PRECISE)
    # What trafilatura cannot clean has no text; test_accelerate compares such pages as a whole.
    assume(isinstance(wanted, bytes))
    assert outcome(htmlprocessing.tree_cleaning, light, PRECISE) == wanted


def test_a_part_leaves_a_copy_as_it_is():
    tree = converted(f"<div>{LINK.format('x' * 50)}</div><div>{'words ' * 99}</div>")
    kept = deepcopy(tree)
    before = tostring(kept)
    links.delete_by_link_density(tree, "div", True, True)
    assert tostring(tree) != before == tostring(kept)
