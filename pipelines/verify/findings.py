"""What a check has looked at, and what differs."""

from collections import Counter
from dataclasses import dataclass, field

MOST_TOLD = 100
"""Differences that are kept in words; all are counted."""


@dataclass
class Findings:
    """Counts of what was checked, and each difference in one line."""

    checked: Counter[str] = field(default_factory=Counter)
    """`files`, `bytes`, `rows`, `tokens`; `pages` whose decision was taken again."""
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was not checked, and why."""
    differing: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differing

    def differ(self, place: str, fact: str) -> None:
        """Note a difference."""
        self.differing += 1
        if len(self.differences) < MOST_TOLD:
            self.differences.append(f"{place}: {fact}")

    def expect(self, place: str, what: str, found: object, wanted: object) -> None:
        """Note a difference unless two values are the same."""
        if found != wanted:
            self.differ(place, f"{what} {_short(found)}, and should be {_short(wanted)}")


def _short(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)[:80]
