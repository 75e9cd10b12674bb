"""Deleting what is mostly links, with each link's text looked at once.

Says what trafilatura.htmlprocessing.delete_by_link_density says. The extractor asks it of `div`,
`list` and `p`, and once more; where nothing was deleted since, the second answer is the first.
"""

import threading
from collections.abc import Sequence
from typing import Any

from trafilatura.htmlprocessing import is_paragraph_listing
from trafilatura.utils import LINK_FARM_RATIO
from trafilatura.xml import delete_element

Element = Any  # lxml.html.HtmlElement, which has no types

_ROUNDS = ("div", "list", "p")
"""Tags that are asked for in two rounds, the first of them at the beginning of each."""
_SHORT_LINK = 10
_SHORT_SHARE = 0.8
_ALONE_SHARE = 0.9
_FARM = 4
_CARD = 100
_LAST, _NOT_LAST = 300, 100
_LAST_PARAGRAPH, _PARAGRAPH = 60, 30


class _Rounds(threading.local):
    """What is known of the subtree at hand while nothing is deleted from it."""

    subtree: Element = None
    begun: int = 0
    quiet: frozenset[str] = frozenset()
    """Tags asked for in the first round that had nothing to delete."""

    def __init__(self) -> None:
        self.lengths: dict[Element, int] = {}
        """Of the links' texts."""

    def ask(self, subtree: Element, tag: str) -> bool:
        """Return whether the answer for a tag is known to be: nothing."""
        if tag == _ROUNDS[0]:
            self.begun = self.begun + 1 if subtree is self.subtree and self.begun == 1 else 1
            if self.begun == 1:
                self.subtree = subtree
                self.changed()
        return self.begun > 1 and tag in self.quiet

    def changed(self) -> None:
        """Forget what may be otherwise now."""
        self.quiet, self.lengths = frozenset(), {}


_ROUND = _Rounds()


def delete_by_link_density(
    subtree: Element, tagname: str, backtracking: bool = False, favor_precision: bool = False
) -> Element:
    """Delete what is mostly links (trafilatura.htmlprocessing.delete_by_link_density)."""
    in_rounds = tagname in _ROUNDS
    if in_rounds and _ROUND.ask(subtree, tagname):
        return subtree
    if next(subtree.iterdescendants("ref"), None) is None:
        return subtree
    lengths = _ROUND.lengths if in_rounds and _ROUND.subtree is subtree else {}
    deletions = [
        element
        for element in subtree.iter(tagname)
        if _is_boilerplate(element, lengths, backtracking, favor_precision)
    ]
    for element in deletions:
        delete_element(element)
    if in_rounds and deletions:
        _ROUND.changed()
    elif in_rounds:
        _ROUND.quiet |= {tagname}
    return subtree


def _is_boilerplate(
    element: Element, lengths: dict[Element, int], backtracking: bool, favor_precision: bool
) -> bool:
    links = list(element.iterdescendants("ref"))
    if not links or next(element.iterdescendants("graphic"), None) is not None:
        return False
    size = _size(element.text_content())
    found, short = _density(element, links, size, lengths, favor_precision)
    if not found and backtracking and short:
        enough, most = (1, 200) if favor_precision else (3, 100)
        found = len(element) >= enough and size < most
    if found and element.tag == "p":  # the content of a list item or cell stays
        parent = element.getparent()
        return parent is None or parent.tag not in ("item", "td", "th")
    return found


def _density(
    element: Element,
    links: Sequence[Element],
    size: int,
    lengths: dict[Element, int],
    favor_precision: bool,
) -> tuple[bool, bool]:
    """Return whether links make up too much of an element, and whether it is short.

    Says what trafilatura.htmlprocessing.link_density_test says of one that has links.
    """
    texts = [_link_size(link, lengths) for link in links]
    if len(texts) == 1:
        alone = _SHORT_LINK if favor_precision else _CARD
        if texts[0] > alone and texts[0] > size * _ALONE_SHARE:
            return True, False
    linked, some = sum(texts), [length for length in texts if length]
    if size < _limit(element):
        if not some:
            return True, False
        few = sum(length < _SHORT_LINK for length in some) / len(some)
        return linked > size * _SHORT_SHARE or (len(some) > 1 and few > _SHORT_SHARE), True
    farm = (
        len(texts) > _FARM
        and linked > size * LINK_FARM_RATIO
        and linked < _CARD * len(some)
        and not is_paragraph_listing(list(links))
    )
    return farm, False


def _limit(element: Element) -> int:
    """Return the length that an element's text must have to be judged as a whole."""
    last = element.getnext() is None
    if element.tag == "p":
        return _LAST_PARAGRAPH if last else _PARAGRAPH
    return _LAST if last else _NOT_LAST


def _link_size(link: Element, lengths: dict[Element, int]) -> int:
    size = lengths.get(link)
    if size is None:
        text = link.text_content() if len(link) else link.text or ""
        size = lengths[link] = _size(text)
    return size


def _size(text: str) -> int:
    """Return the length of a text whose runs of whitespace are one space each."""
    return len(" ".join(text.split()))
