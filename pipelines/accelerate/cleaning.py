"""Cleaning a tree: trafilatura's steps, without those that find nothing."""

from copy import deepcopy
from typing import Any

from lxml.etree import strip_tags
from trafilatura import htmlprocessing
from trafilatura.htmlprocessing import _handle_forms, prune_html, recover_math
from trafilatura.settings import MANUALLY_CLEANED, MANUALLY_STRIPPED, Extractor
from trafilatura.xml import delete_element


def tree_cleaning(tree: Any, options: Extractor) -> Any:
    """Delete unwanted elements (trafilatura.htmlprocessing.tree_cleaning, for no images)."""
    recover_math(tree)
    unwanted = [tag for tag in MANUALLY_CLEANED if tag != "form"]  # forms come last
    if options.tables:
        _unwrap_layout(tree)
    else:
        unwanted += ["table", "td", "th", "tr"]
    strip_tags(tree, MANUALLY_STRIPPED)
    backup = deepcopy(tree) if options.focus == "recall" and _loses_all(tree, unwanted) else None
    present = {element.tag for element in tree.iter(*unwanted)}
    for tag in unwanted:
        if tag in present:
            # One pass a tag and deleting while walking: a tag within itself ends its pass early.
            for element in tree.iter(tag):
                delete_element(element)
    if backup is not None and tree.find(".//p") is None:
        tree = backup
    _handle_forms(tree)
    return prune_html(tree, options.focus)


def _unwrap_layout(tree: Any) -> None:
    for element in tree.iter("figure", "table"):
        if element.tag == "figure":
            layout = element.find(".//table") is not None
        else:
            layout = element.get("role") in ("presentation", "none")
        if layout:
            element.tag = "div"


def _loses_all(tree: Any, unwanted: list[str]) -> bool:
    """Return whether there are paragraphs, and all of them within what is to be deleted."""
    paragraphs = list(tree.iter("p"))
    if tree.find(".//p") is None:
        return False
    return not any(next(p.iterancestors(*unwanted), tree) is tree for p in paragraphs)


def delete_by_link_density(
    subtree: Any, tagname: str, backtracking: bool = False, favor_precision: bool = False
) -> Any:
    """Delete what is mostly links (trafilatura.htmlprocessing.delete_by_link_density)."""
    if next(subtree.iterdescendants("ref"), None) is None:
        return subtree
    return htmlprocessing.delete_by_link_density(subtree, tagname, backtracking, favor_precision)
