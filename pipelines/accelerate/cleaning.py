"""Cleaning a page: only the kinds of elements that it has are looked for."""

from typing import Any

from lxml.etree import strip_tags
from trafilatura import htmlprocessing
from trafilatura.htmlprocessing import prune_html, recover_math
from trafilatura.settings import MANUALLY_CLEANED, MANUALLY_STRIPPED, Extractor
from trafilatura.xml import delete_element

_FORM = "form"
_TABLE = ("table", "td", "th", "tr")
_DECORATIVE = ("presentation", "none")


def tree_cleaning(tree: Any, options: Extractor) -> Any:
    """Delete what is no text (trafilatura.htmlprocessing.tree_cleaning).

    Every look for one of half a hundred kinds of elements is a way through the whole tree.
    With images, or where recall matters, it is trafilatura's own.
    """
    if options.images or options.focus == "recall":
        return htmlprocessing.tree_cleaning(tree, options)
    recover_math(tree)
    if options.tables:
        _free_layout_tables(tree)
    strip_tags(tree, MANUALLY_STRIPPED)
    unwanted = [*MANUALLY_CLEANED, *(() if options.tables else _TABLE)]
    present = {element.tag for element in tree.iter(unwanted)}
    for tag in unwanted:  # one kind after the other, as a deletion may end the look for a kind
        if tag in present and tag != _FORM:
            for element in tree.iter(tag):
                delete_element(element)
    if _FORM in present:
        htmlprocessing._handle_forms(tree)  # noqa: SLF001  stands for its caller
    return prune_html(tree, options.focus)


def _free_layout_tables(tree: Any) -> None:
    """Make a plain container of a table that is layout, and of a figure around a table."""
    for element in tree.iter("figure", "table"):
        if element.tag == "figure":
            layout = next(element.iterdescendants("table"), None) is not None
        else:
            layout = element.get("role") in _DECORATIVE
        if layout:
            element.tag = "div"
