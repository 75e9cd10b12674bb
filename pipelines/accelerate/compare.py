"""Choosing between the extractor's own result and those of readability and jusText.

Says what trafilatura.external.compare_extraction says. readability's result is wanted only
where it is much longer than the extractor's own, and no step of it makes the text longer: what
is left of the page after a step bounds what can come out, and ends most pages early.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from copy import copy
from typing import Any

from lxml.etree import tostring
from lxml.html import HtmlElement
from trafilatura.external import _prefer_readability, justext_rescue, sanitize_tree
from trafilatura.htmlprocessing import prune_unwanted_nodes
from trafilatura.main_extractor import extract_content
from trafilatura.readability_lxml import Document, text_length
from trafilatura.settings import Extractor
from trafilatura.utils import fromstring_bytes, trim
from trafilatura.xpaths import OVERALL_DISCARD_XPATH

LOGGER = logging.getLogger("trafilatura.external")

_UNCLEAN = (
    "aside", "audio", "button", "fencedframe", "fieldset", "figure", "footer", "iframe", "input",
    "label", "link", "nav", "noindex", "noscript", "object", "option", "select", "source", "svg",
    "time",
)  # fmt: skip
"""Elements that make a result suspicious (trafilatura.external.SANITIZED_XPATH)."""
_RAW_TEXT = ("noembed", "noframes", "plaintext", "script", "style", "xmp")
"""Elements whose content reads otherwise when it is written as XML and parsed as HTML again.

A `textarea` is one too, but readability removes it before it writes.
"""
_VIDEO = len(" VIDEO")
"""What readability may write into an iframe."""
_MUCH_LONGER = 2
_JUSTEXT_RATIO = 3
_RECALL_ENOUGH = 10


def extract_and_compare(
    cleaned: Any, backup: Any, tree: Any, options: Extractor
) -> tuple[Any, str]:
    """Return the best body and its text (trafilatura.core._extract_and_compare)."""
    body, text = extract_content(cleaned, options)
    if options.fast:
        return body, text
    if options.focus == "recall" and len(text) > options.min_extracted_size * _RECALL_ENOUGH:
        return body, text
    found = _readability(tree, _worth(body, text, options), body, text, options)
    use_readability = found is not None
    body, text = found or (body, text)
    unclean = next(body.iterdescendants(*_UNCLEAN), None) is not None
    if unclean or len(text) < options.min_extracted_size:
        other, other_text = justext_rescue(backup, options)
        longer = len(other_text) > len(text)
        no_images = not options.images or body.find(".//graphic") is None
        if unclean:
            accepted = len(text) <= _JUSTEXT_RATIO * len(other_text) and (longer or no_images)
        else:
            accepted = longer
        if other_text and accepted:
            return other, other_text
    return sanitize_tree(body, options) if use_readability else (body, text)


def _worth(body: Any, text: str, options: Extractor) -> int:
    """Return a length that readability's text must exceed to be preferred."""
    bounds = [_MUCH_LONGER * len(text)]
    if not body.xpath(".//p//text()") or len(body.findall(".//table")) > len(body.findall(".//p")):
        bounds.append(_MUCH_LONGER * options.min_extracted_size)
    if options.focus == "recall":
        bounds.append(len(text))
    return min(bounds)


def _readability(
    tree: Any, worth: int, body: Any, text: str, options: Extractor
) -> tuple[Any, str] | None:
    """Return readability's body and text if they are to replace the extractor's own."""
    precise = options.focus == "precision"
    if not _may_exceed(tree, worth):
        return None
    # With precision nobody looks at the tree after this. A fragment has its page around it,
    # which a copy has not.
    if not precise or tree.getparent() is not None:
        tree = copy(tree)
    if precise:
        tree = prune_unwanted_nodes(tree, OVERALL_DISCARD_XPATH)
    try:
        summary = _summary(tree, worth)
    except Exception as err:  # noqa: BLE001  trafilatura does without readability then
        LOGGER.warning("readability_lxml failed: %s", err)
        return None
    if summary is None:
        return None
    found = trim(tostring(summary, method="text", encoding="utf-8").decode("utf-8"))
    wanted = _prefer_readability(body, summary, found, len(text), len(found), options)
    return (summary, found) if wanted else None


class _Document(Document):
    """readability, which measures each link once while it scores, not for every element around it.

    Nothing changes the tree while elements are scored.
    """

    _link_chars: Mapping[Any, int] | None = None

    def score_paragraphs(self) -> Any:
        """Return the candidates with their scores."""
        chars: defaultdict[Any, int] = defaultdict(int)
        for link in self.doc.getroottree().iter("a"):
            length = text_length(link)
            for around in link.iterancestors():
                chars[around] += length
        self._link_chars = chars
        try:
            return super().score_paragraphs()
        finally:
            self._link_chars = None

    def get_link_density(self, elem: Any) -> float:
        """Return the characters of an element's links, divided by all of its own."""
        if self._link_chars is None:
            return float(super().get_link_density(elem))
        return self._link_chars.get(elem, 0) / (text_length(elem) or 1)


def _summary(tree: Any, worth: int) -> Any:
    """Return readability's article, or None for one whose text is no longer than `worth`.

    The steps are those of trafilatura.readability_lxml.Document.summary.
    """
    document = _Document(tree, min_text_length=25)
    for element in list(tree.iter("script", "style", "fencedframe")):
        element.drop_tree()
    if not _may_exceed(tree, worth):
        return None
    document.remove_unlikely_candidates()
    if not _may_exceed(tree, worth):
        return None
    document.transform_misused_divs_into_paragraphs()
    candidates = document.score_paragraphs()
    best = document.select_best_candidate(candidates)
    if best:
        article = document.get_article(candidates, best)
    else:
        inner = tree.find("body")
        article = tree if inner is None else inner
    if not _may_exceed(article, worth):
        return None
    summary = fromstring_bytes(document.sanitize(article, candidates))
    return HtmlElement() if summary is None else summary


def _may_exceed(tree: Any, worth: int) -> bool:
    """Return whether a part of the tree can become a text longer than `worth`."""
    if next(tree.iter(*_RAW_TEXT), None) is not None:
        return True
    if any(not title.text for title in tree.iter("title")):
        return True
    most = len(trim(tree.text_content())) + _VIDEO * sum(1 for _ in tree.iter("iframe"))
    return most > worth
