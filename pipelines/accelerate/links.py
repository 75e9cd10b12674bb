"""Deleting what is mostly links, where there are links at all."""

from typing import Any

from trafilatura import htmlprocessing


def delete_by_link_density(
    subtree: Any, tagname: str, backtracking: bool = False, favor_precision: bool = False
) -> Any:
    """Delete what is mostly links (trafilatura.htmlprocessing.delete_by_link_density)."""
    if next(subtree.iterdescendants("ref"), None) is None:
        return subtree
    return htmlprocessing.delete_by_link_density(subtree, tagname, backtracking, favor_precision)
