"""Selecting elements by marks that one pass over the tree leaves on them.

The extractor's lists of XPath expressions test the same few attributes of every element again
and again, each test a call from C into Python. Here every element is looked at once, what a
value matches is remembered, and an element that some list may select carries a mark: an
attribute, so that copies of the tree keep it and `attrib.clear()` removes it together with the
attributes it was read from. A selection then looks at tags and marks.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from lxml.etree import XPath, _Element

from pipelines.accelerate.needed import Words
from pipelines.accelerate.xpath import AttributeTest, Selector, read_xpath

Element = Any  # lxml.html.HtmlElement, which has no types
Select = Callable[[Element], list[Element]]

MARK = "M"
"""No page has such an attribute: the HTML parser makes every name lower case."""
_REMEMBERED = 1 << 16
"""Values remembered of each attribute, so that memory stays flat on an endless crawl."""
_REGULAR = {"re": "http://exslt.org/regular-expressions"}


_Letters = tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]
"""Letters that a value earns, and those it earns only as the first of several attributes."""


class _Page(threading.local):
    """What the page at hand has marks for."""

    letters: frozenset[str] = frozenset()


class _Values(dict[str, _Letters]):
    """What a value of one attribute earns, remembered."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self._tests: list[tuple[str, AttributeTest]] = []
        self._earn: dict[str, int] = {}
        """The tests by which a letter can be earned, as bits."""
        self._words = Words(_REMEMBERED)

    def add(self, letter: str, test: AttributeTest) -> None:
        """Let values that pass a test earn a letter."""
        number = len(self._tests)
        self._words.need(test.pattern, number)
        self._tests.append((letter, test))
        if len(test.attributes) == 1:
            self._earn[letter] = self._earn.get(letter, 0) | 1 << number

    def __missing__(self, value: str) -> _Letters:
        if len(self) >= _REMEMBERED:
            self.clear()
        own, first = "", []
        candidates = self._words.candidates(value)
        while candidates:
            number = candidates.bit_length() - 1
            candidates ^= 1 << number
            letter, test = self._tests[number]
            if not test.matches(value):
                continue
            if len(test.attributes) == 1:
                own += letter
                candidates &= ~self._earn[letter]
            elif letter not in own:
                first.append((letter, test.attributes))
        found = self[value] = (own, tuple(first))
        return found


class Marker:
    """Marks trees, and selects from them what XPath expressions would."""

    def __init__(self) -> None:
        self._values: dict[str, _Values] = {}
        self._letters: dict[Selector, str] = {}
        self._page = _Page()

    def selection(self, expression: XPath) -> Select:
        """Return what stands for one expression: the expression itself, if it cannot be read."""
        selectors = read_xpath(expression.path)
        if selectors is None:
            unread: Select = expression
            return unread
        return _selection([(one, self._letter(one)) for one in selectors], self._page)

    def mark(self, tree: Element) -> None:
        """Mark a tree that was just parsed, its root included."""
        values = self._values
        put = _Element.set  # lxml.html has one in Python, for attributes without a value
        seen: set[str] = set()
        for element in tree.iter("*"):
            letters = ""
            for name, value in element.items():
                if name in values:
                    own, first = values[name][value]
                    letters += own
                    if first:
                        letters += _as_first(name, first, element.keys())
            if letters:
                put(element, MARK, letters)
                seen.update(letters)
        self._page.letters = frozenset(seen)

    def _letter(self, selector: Selector) -> str:
        """Return the letter of elements that pass a selector's tests; empty for no tests."""
        if not selector.tests or selector in self._letters:
            return self._letters.get(selector, "")
        letter = self._letters[selector] = chr(ord("A") + len(self._letters))
        for test in selector.tests:
            for name in test.attributes:
                self._values.setdefault(name, _Values(name)).add(letter, test)
        return letter


def _as_first(name: str, first: Sequence[tuple[str, tuple[str, ...]]], names: Sequence[str]) -> str:
    """Return letters of tests on several attributes of which this one is the page's first."""
    return "".join(
        letter for letter, among in first if next(key for key in names if key in among) == name
    )


def _selection(selectors: Sequence[tuple[Selector, str]], page: _Page) -> Select:
    """Return what selects elements that pass any of several selectors."""
    anywhere = any(not one.tags for one, _ in selectors)
    tags = ("*",) if anywhere else tuple({tag for one, _ in selectors for tag in one.tags})
    passes = _any_passes(selectors) if len(selectors) > 1 else _one_passes(*selectors[0])
    letters = [letter for _, letter in selectors]
    limit = 1 if selectors[0][0].first else None

    def select(tree: Element) -> list[Element]:
        if "" not in letters and page.letters.isdisjoint(letters):
            return []
        return list(islice(filter(passes, tree.iterdescendants(*tags)), limit))

    return select


def _any_passes(selectors: Sequence[tuple[Selector, str]]) -> Callable[[Element], bool]:
    parts = [(one.tags, _one_passes(one, letter)) for one, letter in selectors]

    def passes(element: Element) -> bool:
        tag = element.tag
        return any((not tags or tag in tags) and test(element) for tags, test in parts)

    return passes


def _one_passes(selector: Selector, letter: str) -> Callable[[Element], bool]:
    """Return a test of an element that has one of a selector's tags."""
    if not letter:
        return lambda _: True
    if not selector.rest:
        return lambda element: letter in element.get(MARK, "")
    rest = XPath(f"self::*{selector.rest}", namespaces=_REGULAR)
    return lambda element: letter in element.get(MARK, "") and bool(rest(element))
