"""Text that a page repeats, counted for one page and one thread."""

from typing import Any

from trafilatura.deduplication import LRUCache, duplicate_test
from trafilatura.settings import LRU_SIZE, Extractor


class Repeated(LRUCache):
    """trafilatura's cache without its lock; an ordered dictionary, which every dict is."""

    def __init__(self) -> None:
        super().__init__(maxsize=LRU_SIZE)
        self._counts: dict[str, int] = {}

    def increment(self, key: str) -> int:
        """Count a text; return how often it came before, -1 if never."""
        counts = self._counts
        previous = counts.pop(key, -1)
        counts[key] = max(previous, 0) + 1
        if len(counts) > self.maxsize:
            del counts[next(iter(counts))]  # which was not seen for longest
        return previous

    def repeats(self, more_than: int) -> bool:
        """Return whether some text came more often than that."""
        return max(self._counts.values(), default=0) > more_than


def body_duplicate_test(body: Any, options: Extractor) -> bool:
    """Return whether a page's whole text is one of its parts that it repeats too often.

    Stands for trafilatura.deduplication.duplicate_test where it is asked last.
    """
    seen = options.dedup
    if isinstance(seen, Repeated) and not seen.repeats(options.max_repetitions):
        return False
    return duplicate_test(body, options)
