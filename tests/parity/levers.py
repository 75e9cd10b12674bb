"""One lever per rule: a change of a text whose dose moves the rule's ratio through its threshold.

`edge` finds the dose at which our rule changes its mind, so that the texts on both sides
of it, one dose apart, can be put to the oracle.
"""

import random
import re
from collections.abc import Callable
from itertools import count
from typing import TypeAlias

from filters.gopher import STOP_WORDS

Lever: TypeAlias = Callable[[str, int, random.Random], str]

_LETTERS = "abcdefghijklmnoprstuvw"


def _word(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_LETTERS, k=length))


def _phrase(rng: random.Random, size: int) -> str:
    return " ".join(_word(rng, rng.randint(4, 8)) for _ in range(size))


def append(piece: str) -> Lever:
    return lambda text, dose, _: text + piece * dose


def append_words(low: int, high: int) -> Lever:
    def pull(text: str, dose: int, rng: random.Random) -> str:
        return text + "".join(f" {_word(rng, rng.randint(low, high))}" for _ in range(dose))

    return pull


def repeat_passage(separator: str) -> Lever:
    """Append `dose` characters of prose twice, as a line or paragraph of its own."""

    def pull(text: str, dose: int, rng: random.Random) -> str:
        passage = _phrase(rng, 1 + dose // 4)[:dose].strip()
        spread = text.replace("\n", separator)
        return f"{spread}{separator}{passage}{separator}Between the two.{separator}{passage}"

    return pull


def commonest_phrase(size: int) -> Lever:
    """Append one phrase `dose` times, with another word after it each time."""

    def pull(text: str, dose: int, rng: random.Random) -> str:
        phrase = _phrase(rng, size)
        return text + "".join(f" {phrase} {_word(rng, 9)}" for _ in range(dose))

    return pull


def phrases_twice(size: int) -> Lever:
    """Append `dose` phrases, each of them twice, with other words between."""

    def pull(text: str, dose: int, rng: random.Random) -> str:
        for _ in range(dose):
            phrase = _phrase(rng, size)
            text += f" {phrase} {_word(rng, 3)} {phrase} {_word(rng, 3)}"
        return text

    return pull


def first_words(text: str, dose: int, _: random.Random) -> str:
    return " ".join(text.split()[: 160 - dose])


def change_lines(change: Callable[[str], str]) -> Lever:
    def pull(text: str, dose: int, _: random.Random) -> str:
        lines = text.splitlines()
        return "\n".join([*map(change, lines[:dose]), *lines[dose:]])

    return pull


def drop_stop_words(text: str, dose: int, _: random.Random) -> str:
    for word in STOP_WORDS[:dose]:
        text = re.sub(rf"\b{word}\b", "so", text)
    return text


def few_sentences(text: str, dose: int, _: random.Random) -> str:
    """Make one line with 12 - `dose` full stops; all other sentence marks become commas."""
    left = count(1)
    line = " ".join(text.split())
    return re.sub(r"[.!?]+", lambda _: ". " if next(left) <= 12 - dose else ",", line)


def only_citations(text: str, dose: int, _: random.Random) -> str:
    """Give every line to the javascript filter but lines that are nothing without citations."""
    lines = [re.sub(r"[^\w\s]", "", line) + " javascript" for line in text.splitlines()]
    lines += [f"[] [{n}] []" for n in range(5)]
    return "\n".join(lines + ["A line that is kept as it is." for _ in range(1 - dose)])


def insert_line(line: str) -> Lever:
    def pull(text: str, dose: int, rng: random.Random) -> str:
        lines = text.splitlines()
        for _ in range(dose):
            lines.insert(rng.randint(0, len(lines)), line)
        return "\n".join(lines)

    return pull


def short_lines(text: str, dose: int, rng: random.Random) -> str:
    return text + "".join(f"\n{_phrase(rng, 3)}." for _ in range(dose))


def list_lines(text: str, dose: int, rng: random.Random) -> str:
    """Append lines of three long words, too long to be short; one in six ends a sentence."""
    text = text[:600]
    for i in range(dose):
        words = [_word(rng, 13), rng.choice(["that", "with", "have"]), _word(rng, 12)]
        text += "\n" + " ".join(words) + ("." if i % 6 == 0 else "")
    return text


def repeat_line(text: str, dose: int, rng: random.Random) -> str:
    line = _phrase(rng, 1 + dose // 4)[:dose].strip() + "."
    return f"{text}\n{line}\nThe line before and the line after are one.\n{line}"


def many_words(_: str, dose: int, rng: random.Random) -> str:
    """Return a text of 99,990 + `dose` words (about 600 kB), none of them punctuation."""
    size = 99_990 + dose
    words = [_word(rng, rng.randint(5, 8)) for _ in range(size - 4)] + ["the", "to", "of", "and"]
    return "\n".join(" ".join(words[at : at + 40]) for at in range(0, size, 40))


LEVERS: dict[str, tuple[Lever, int]] = {
    "dup_para_frac": (append("\n\nYes, indeed."), 60),
    "dup_para_char_frac": (repeat_passage("\n\n"), 3000),
    "dup_line_frac": (append("\nYes, indeed."), 200),
    "dup_line_char_frac": (repeat_passage("\n"), 3000),
    **{f"top_{n}_gram": (commonest_phrase(n), 400) for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": (phrases_twice(n), 200) for n in range(5, 11)},
    "gopher_short_doc": (first_words, 160),
    "gopher_below_avg_threshold": (append_words(1, 2), 4000),
    "gopher_above_avg_threshold": (append_words(24, 30), 1000),
    "gopher_too_many_hashes": (append(" #"), 400),
    "gopher_too_many_ellipsis": (append(" …"), 400),
    "gopher_too_many_bullets": (change_lines(lambda line: f" \t• {line}"), 200),
    "gopher_too_many_end_ellipsis": (change_lines(lambda line: f"{line}... "), 200),
    "gopher_below_alpha_threshold": (append(" 1 ٣ ½ = 4,000"), 300),
    "gopher_enough_stop_words": (drop_stop_words, 8),
    "lorem_ipsum": (insert_line("Here Lorem Ipsum { stands."), 1),
    "curly_bracket": (insert_line("Here stands a { of its own."), 1),
    "too_few_sentences": (few_sentences, 12),
    "empty": (only_citations, 1),
    "line_punct_ratio": (change_lines(lambda line: line.rstrip(".?!\"')") + ","), 200),
    "short_line_ratio": (short_lines, 400),
    "char_dup_ratio": (repeat_line, 400),
    "list_ratio": (list_lines, 600),
}
"""By rule: the lever, and a dose that is surely enough."""

HUGE_LEVERS: dict[str, tuple[Lever, int]] = {"gopher_long_doc": (many_words, 20)}
"""Levers that make texts of 600 kB; few of them, for they take seconds."""


def edge(fires: Callable[[int], bool], most: int) -> int | None:
    """Return a dose that fires while one less does not; None if `most` does not fire or 0 does."""
    if fires(0) or not fires(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fires(middle) else (middle, high)
    return high
