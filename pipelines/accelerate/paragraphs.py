"""jusText's verdict on a page, without its events, paths and words where nothing can be good.

jusText (Pomikálek 2011, Removing Boilerplate and Duplicate Content from Web Corpora) keeps a
paragraph only if a good one stands near it, and a good one is longer than 150 characters. So
the short ones need no look at all on a page that has no good one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from justext.core import PARAGRAPH_TAGS, revise_paragraph_classification
from justext.utils import get_stoplist, get_stoplists, is_blank, normalize_whitespace
from lxml.etree import Element, SubElement, iterwalk

_LENGTH_LOW = 50
_LENGTH_HIGH = 150
_STOPWORDS_LOW = 0.1
_STOPWORDS_HIGH = 0.2
_MOST_LINKED = 0.25
"""trafilatura.external.try_justext's settings; it asks for no headings."""


@dataclass(slots=True)
class Paragraph:
    """What jusText knows of a block of text."""

    in_select: bool
    chunks: list[str] = field(default_factory=list)
    chars_in_links: int = 0
    text: str = ""
    heading: bool = False
    cf_class: str = ""
    class_type: str = ""


@cache
def all_stop_words() -> frozenset[str]:
    """Return the stop words of all of jusText's languages, in lower case."""
    return frozenset(
        word.lower() for language in get_stoplists() for word in get_stoplist(language)
    )


def try_justext(tree: Any, *_url_and_language: object) -> Any:
    """Return a body with the paragraphs that jusText keeps.

    Stands for trafilatura.external.try_justext where no language is asked for.
    """
    body = Element("body")
    for text in good_texts(tree):
        SubElement(body, "p").text = text
    return body


def good_texts(tree: Any) -> list[str]:
    """Return the texts of a tree's good paragraphs."""
    paragraphs = list(_paragraphs(tree))
    if not any(map(_is_good, paragraphs)):
        return []
    for paragraph in paragraphs:
        paragraph.cf_class = _class(paragraph)
    revise_paragraph_classification(paragraphs, _LENGTH_HIGH)
    return [paragraph.text for paragraph in paragraphs if paragraph.class_type == "good"]


def _is_good(paragraph: Paragraph) -> bool:
    if sum(map(len, paragraph.chunks)) <= _LENGTH_HIGH:
        return False
    return _class(paragraph) == "good"


def _class(paragraph: Paragraph) -> str:
    """Return the class that a paragraph has by itself (justext.core.classify_paragraphs)."""
    if not paragraph.text:
        paragraph.text = normalize_whitespace("".join(paragraph.chunks).strip())
    text = paragraph.text
    linked = paragraph.chars_in_links / len(text) if text else 0
    if linked > _MOST_LINKED or "\xa9" in text or "&copy" in text or paragraph.in_select:
        return "bad"
    if len(text) < _LENGTH_LOW:
        return "bad" if paragraph.chars_in_links > 0 else "short"
    words = text.lower().split() if text.isascii() else [word.lower() for word in text.split()]
    density = sum(map(all_stop_words().__contains__, words)) / len(words) if words else 0
    if density >= _STOPWORDS_HIGH:
        return "good" if len(text) > _LENGTH_HIGH else "neargood"
    return "neargood" if density >= _STOPWORDS_LOW else "bad"


def _paragraphs(tree: Any) -> Iterator[Paragraph]:
    """Yield the blocks of a tree that hold text (justext.core.ParagraphMaker)."""
    selects = 0
    in_link = after_break = False
    paragraph = Paragraph(False)
    for event, element in iterwalk(tree, events=("start", "end")):
        tag = element.tag
        starts = event == "start"
        selects += ("select" in tag) * (1 if starts else -1)
        if tag in PARAGRAPH_TAGS or (starts and tag == "br" and after_break):
            if paragraph.chunks:
                yield paragraph
                paragraph = Paragraph(selects > 0)
            paragraph.in_select = selects > 0
        elif starts:
            after_break = tag == "br"
            if after_break:
                paragraph.chunks.append(" ")
        if tag == "a":
            in_link = starts
        text = element.text if starts else element.tail
        if is_blank(text):
            continue
        paragraph.chunks.append(text)
        if in_link:
            paragraph.chars_in_links += len(normalize_whitespace(text))
        after_break = False
    if paragraph.chunks:
        yield paragraph
