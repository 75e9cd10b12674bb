"""Where a special case of spaCy's tokenizer may straddle two chunks of a text.

spaCy tokenises each whitespace-separated chunk by itself, then matches the token texts
of its special cases over the whole document (`tokenizer.pyx`, `_apply_special_cases`):
the longest match first, and a match that overlaps an earlier one is given up. So `:3` is
a token in `:3pm`, but after `)` and a space the match of `) :` takes the colon away.
"""

import re
from itertools import pairwise
from typing import Any


class Straddling:
    """Finds the single spaces that a special case of spaCy's tokenizer may straddle.

    A multi-token special case is matched on token texts alone, so `x` ending one chunk
    and `y` beginning the next may be two of its tokens. Whether a chunk really ends with
    the token `x` is not asked: tokenising more together than needed changes nothing.
    """

    def __init__(self, pairs: set[tuple[str, str]]) -> None:
        befores: dict[str, set[str]] = {}
        for before, after in pairs:
            befores.setdefault(after, set()).add(before)
        self._befores = {after: tuple(sorted(found)) for after, found in befores.items()}
        self._longest = max((len(after) for after in befores), default=0)
        self._candidate = _candidates(pairs)

    def spaces(self, text: str) -> set[int]:
        """Return the positions in `text` of such spaces."""
        if self._candidate is None:
            return set()
        found = (match.start() for match in self._candidate.finditer(text))
        return {at for at in found if self._straddled(text, at)}

    def _straddled(self, text: str, at: int) -> bool:
        start = at + 1
        for end in range(start + 1, start + 1 + self._longest):
            befores = self._befores.get(text[start:end])
            if befores is not None and text.endswith(befores, 0, at):
                return True
        return False


def _candidates(pairs: set[tuple[str, str]]) -> re.Pattern[str] | None:
    """Return a pattern of the spaces worth a closer look.

    Letters and digits that may follow are kept apart from marks, because nearly every
    word begins with a letter but few letters stand in an emoticon. Both sides ask twice:
    for any character of any pair, which most spaces do not have, then for those of one.
    """
    befores: dict[str, set[str]] = {}
    for before, after in pairs:
        befores.setdefault(after[0], set()).add(before[-1])
    sides = []
    for wanted in (True, False):
        chosen = {after: last for after, last in befores.items() if after.isalnum() is wanted}
        if chosen:
            each = "|".join(_between(last, {after}) for after, last in sorted(chosen.items()))
            sides.append(f"{_between(set().union(*chosen.values()), set(chosen))}(?:{each})")
    return re.compile(f" (?:{'|'.join(sides)})") if sides else None


def _between(before: set[str], after: set[str]) -> str:
    """Return a pattern that fits behind a space between two of these characters."""
    return f"(?=[{_class(after)}])(?<=[{_class(before)}] )"


def _class(characters: set[str]) -> str:
    return "".join(re.escape(character) for character in sorted(characters))


def runs(text: str, spaces: set[int]) -> list[str]:
    """Return the chunks of `text` in order, those on both sides of one of `spaces` as one.

    Each of `spaces` is a single one, with a chunk on either side.
    """
    ends = [*sorted(spaces), len(text)]
    found = text[: ends[0]].split()
    for before, end in pairwise(ends):
        first, *others = text[before + 1 : end].split()
        found[-1] += f" {first}"
        found += others
    return found


def special_pairs(tokenizer: Any) -> set[tuple[str, str]]:
    """Return all pairs of neighbouring tokens in the special cases of a spaCy tokenizer.

    The cases are tokenised without special cases, as spaCy does for its matcher
    (`Tokenizer.add_special_case`).
    """
    plain = type(tokenizer)(
        tokenizer.vocab,
        rules={},
        prefix_search=tokenizer.prefix_search,
        suffix_search=tokenizer.suffix_search,
        infix_finditer=tokenizer.infix_finditer,
        token_match=tokenizer.token_match,
        url_match=tokenizer.url_match,
    )
    pairs: set[tuple[str, str]] = set()
    for case in tokenizer.rules:
        tokens = [token.text for token in plain(case)]
        pairs.update(pairwise(tokens))
    return pairs
