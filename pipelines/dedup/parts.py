"""What the stages of a clustering hand to each other: sources of keys, and written tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pipelines.dedup.numbers import Keys, Numbers

KeysOf: TypeAlias = Callable[[Any], Iterator[tuple[Keys, Numbers]]]
"""A module-level function that yields the keys of some documents at a time, with their numbers.

Two arrays of one length; a document has as many rows as it has keys. Numbers ascend, also
from one yield to the next. A document without keys need not appear.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A group of curated files: what makes a run of keys, and what gets labels of its own.

    The documents of a source come before those of the next one.
    """

    unit: str
    argument: Any
    """What the key function takes."""
    content: Any
    """Plain data that differs where the keys would."""


@dataclass(frozen=True, slots=True)
class Part:
    """A committed table that a later stage reads."""

    path: Path
    content: str
    """The file's sha256."""
    rows: int
    shift: int = 0
    """Added to the document numbers in it: those of an earlier release come before all of ours."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much fits the memory of a task; measured, with a third to spare."""

    memory: int

    @property
    def rows(self) -> int:
        """Rows of two numbers that a task may hold, with what it takes to sort some of them."""
        return max(self.memory // 128, 16)

    @property
    def rows_at_once(self) -> int:
        """Rows that are sorted together: fewer than would fit.

        Arrays of 16 MB come from memory that the process has already, larger ones from the
        system, page by page, which took longer than to sort them.
        """
        return min(self.rows, 1 << 21)

    @property
    def nodes(self) -> int:
        """Documents that a union-find with labels and sizes may have."""
        return max(self.memory // 80, 32)
