"""What a regular expression cannot match without: a quick test before the slow one.

Most values of `class` and `id` match none of a hundred patterns. Every pattern needs some run
of letters, and pages are made of few words, so one look at a value's words tells.
"""

import re
from collections.abc import Iterable
from re import _parser  # type: ignore[attr-defined]  # private; there is no public parser
from typing import Any

_WORD = re.compile("[a-z]+")


def needed_runs(pattern: str) -> frozenset[str]:
    """Return lower-case runs of letters of which every match has one, in whichever case.

    Empty for a pattern that can match without any of them.
    """
    return _needed(_parser.parse(pattern))


def _needed(sequence: Iterable[tuple[Any, Any]]) -> frozenset[str]:
    """Return the runs of the part of a sequence whose shortest run is longest; empty for none."""
    parts: list[frozenset[str]] = []
    run = ""
    for operation, argument in sequence:
        letter = _letter(str(operation), argument)
        if letter:
            run += letter
            continue
        parts.append(frozenset({run} if run else ()))
        run = ""
        if str(operation) == "SUBPATTERN":
            parts.append(_needed(argument[3]))
        elif str(operation) == "BRANCH":
            branches = [_needed(branch) for branch in argument[1]]
            parts.append(frozenset().union(*branches) if all(branches) else frozenset())
    parts.append(frozenset({run} if run else ()))
    return max(parts, key=lambda runs: min(map(len, runs), default=0))


def _letter(operation: str, argument: Any) -> str:
    """Return the one letter, in lower case, that a step matches; empty for other steps."""
    codes = {"LITERAL": [argument]}.get(operation, [])
    if operation == "IN" and all(str(kind) == "LITERAL" for kind, _ in argument):
        codes = [code for _, code in argument]
    letters = {chr(code).lower() for code in codes}
    letter = letters.pop() if len(letters) == 1 else ""
    return letter if letter.isascii() and letter.isalpha() else ""


class Words(dict[str, int]):
    """Tells from a value's words which of many patterns it may match, and remembers words."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._runs: list[tuple[str, int]] = []
        self._always = 0
        self._all = 0

    def need(self, pattern: str, number: int) -> None:
        """Add a pattern under its number, which is the bit that stands for it."""
        self._all |= 1 << number
        runs = needed_runs(pattern)
        self._runs += [(run, 1 << number) for run in sorted(runs)]
        self._always |= 0 if runs else 1 << number

    def __missing__(self, word: str) -> int:
        if len(self) >= self._most:
            self.clear()
        found = 0
        for run, bit in self._runs:
            if run in word:
                found |= bit
        self[word] = found
        return found

    def candidates(self, value: str) -> int:
        """Return the bits of patterns that may match; all beyond ASCII, where cases fold oddly."""
        if not value.isascii():
            return self._all
        found = self._always
        for word in _WORD.findall(value.lower()):
            found |= self[word]
        return found
