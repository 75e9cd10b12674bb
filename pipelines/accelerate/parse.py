"""Parsing a page, and what must be known before."""

import re

from lxml.etree import ElementDefaultClassLookup
from lxml.html import HtmlElement, HTMLParser

_CONTROL = re.compile(
    "&#(?:"
    "0*(?:[0-8]|1[1-24-9]|2[0-9]|3[01]|6553[45])(?![0-9])|"
    "[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF])(?![0-9a-fA-F]))"
)


def has_control_characters(html: str) -> bool:
    """Return whether a page writes characters that XML forbids, as `&#1;` does.

    Moving a text that holds one is an error, so each step of an extraction can be the one that
    fails on it. Written as themselves trafilatura removes them before it parses.
    """
    return _CONTROL.search(html) is not None


def fast_parser() -> HTMLParser:
    """Return trafilatura's parser, but for how nodes get their class.

    lxml.html looks the class of every node up in Python, so that a form is a FormElement; the
    extractor needs HtmlElement and no more, which lxml can give in C.
    """
    parser = HTMLParser(
        collect_ids=False,
        default_doctype=False,
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
    )
    parser.set_element_class_lookup(ElementDefaultClassLookup(element=HtmlElement))
    return parser
