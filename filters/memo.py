"""What has been found of one page, so that several recipes find each thing once."""

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

Found = TypeVar("Found")


class Memo:
    """Finds what is asked for, and remembers it until the next page.

    A key's first part says what kind of thing it is; all of it together must determine what is
    found. A plain memo forgets at once: one recipe asks for nothing twice.
    """

    def __init__(self, *, remembers: bool = False) -> None:
        self._remembers = remembers
        self._found: dict[tuple[Hashable, ...], Any] = {}
        self.asked: Counter[str] = Counter()
        """How often something was asked for, by kind; counted only where things are remembered."""
        self.done: Counter[str] = Counter()
        """How often it had to be found."""

    def forget(self) -> None:
        """Begin another page."""
        self._found.clear()

    def once(self, key: tuple[Hashable, ...], find: Callable[[], Found]) -> Found:
        """Return what `find` gives, which is asked only if nothing is known by that key."""
        if not self._remembers:
            return find()
        kind = str(key[0])
        self.asked[kind] += 1
        if key not in self._found:
            self._found[key] = find()
            self.done[kind] += 1
        return cast("Found", self._found[key])
