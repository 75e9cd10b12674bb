"""Seeded cases: real texts pushed to either side of every rule, and damaged at random."""

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from tests.parity.levers import HUGE_LEVERS, LEVERS, Lever, edge

SPACES = [
    *"\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029\xa0\u3000\u2009\u202f\t\r",
    "\r\n",
    "  ",
    "\n \n",
    "\n\n\n",
]

TOKENS = [
    "\x00", "\ufeff", "\u200b", "\u00ad", "é", "e\u0301", "日本語。", "これは文です！",
    "Привет, мир.", "مرحبا؟", "नमस्ते।", "🇩🇪", "👩‍👩‍👧", ":-)", ":o)", "¯\\(ツ)/¯", "(ಠ_ಠ)",
    "8-D", ": )", "o .O", "=3 .", "a.m.", "p. m.", "U.S.", "e.g.", "Dr.",
    "Co .", "St.", "can't", "cannot", "we'll've",
    "gonna", "y'all", "’S", "' s", "10am", "5km", "$1,000.50", "C++", "--", "---", "well-known",
    "and/or", "(see", "below)", '"Quoted."', "“So?”", "?!", "...", "....", "…", ". . .",
    "http://example.com/a?b=c#d", "www.a-b.co.uk/x.html", "IS_ALPHA", "xIS_ALPHAy",
    "(IS_ALPHA).", "NOUN", "IS_PUNCT", "[1]", "[edit]", "[citation needed]", "[]", "#", "##",
    "•", "-", "{", "}", "<b>", "&amp;", "_", "|", "joe.bloggs+x@mail.example.org", "a@b",
    "x@[10.0.0.1]", "8.8.8.8", "192.168.0.1", "1.2.3.4.5", "08.8.8.8", "256.1.1.1",
    "999.8.8.8.8", "a" * 1200, "ab" * 600 + ".", "w" * 1000, "v" * 1001, "\u0130stanbul", "ß",
    "ǅ", "ﬁ", "١٢٣", "½", "x²", "１", "!！", "‽", "𑗊", "\u061d",
]  # fmt: skip

LINES = [
    "Please enable JavaScript to see this.", "Read our Privacy Policy and the terms of use.",
    "This site uses cookies.", "Lorem ipsum dolor sit amet.", "function f() { return 1; }",
    "JavaScript { lorem ipsum } here.", "- a bullet line", "• another one",
    "ends with an ellipsis...", "and so…", "two words", "one", "[1] [2] [3]", "[1] [2]",
    "Yes. No. Why? Because! So.", "A sentence.  With two spaces.  ", "\tA tab. \t Another.",
    '"It ended."', "It ended.'", "It ended.)", "#hash #tags #all #over", ". . . . .",
    "1 2 3 4 5 6 7 8 9",
    "Call 8.8.8.8 or mail joe@example.org, ann@example.org and bob@example.org now.",
    "The quick brown fox jumps over the lazy dog.", "Terms of use {", "javascript", "{ } {",
    "A lorem ipsum.",
]  # fmt: skip

Mutation = Callable[[str, random.Random], str]


def _insert_tokens(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    for _ in range(rng.randint(1, 12)):
        words.insert(rng.randint(0, len(words)), rng.choice(TOKENS))
    return " ".join(words)


def _glue_tokens(text: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 12)):
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(TOKENS) + text[at:]
    return text


def _change_spaces(text: str, rng: random.Random) -> str:
    pieces = text.split(" ")
    chance = rng.choice((0.01, 0.1, 0.5))
    joints = [rng.choice(SPACES) if rng.random() < chance else " " for _ in pieces[1:]]
    return pieces[0] + "".join(
        joint + piece for joint, piece in zip(joints, pieces[1:], strict=True)
    )


def _insert_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(rng.choice((1, 2, 5, 20))):
        lines.insert(rng.randint(0, len(lines)), rng.choice(LINES))
    return rng.choice(("\n", "\n", "\n\n")).join(lines)


def _repeat_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    for line in rng.choices(lines, k=rng.choice((1, 2, 5, 15))):
        lines.insert(rng.randint(0, len(lines)), line)
    return "\n".join(lines)


def _repeat_span(text: str, rng: random.Random) -> str:
    start = rng.randint(0, len(text))
    span = text[start : start + rng.choice((5, 20, 80, 400))]
    at = rng.randint(0, len(text))
    return text[:at] + span * rng.choice((1, 2, 5, 15)) + text[at:]


def _regroup_letters(text: str, rng: random.Random) -> str:
    """Repeat a passage with its spaces elsewhere: joined n-grams do not see the difference."""
    words = text.split()
    start = rng.randint(0, len(words))
    passage = words[start : start + rng.choice((6, 12, 40))]
    moved = [a + b[:1] if i % 2 else a[i and 1 :] for i, (a, b) in enumerate(pairwise(passage))]
    return text + "\n" + " ".join(passage) + " and " + " ".join(moved)


def _cut(text: str, rng: random.Random) -> str:
    a, b = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    return text[a:b] or "."


def _wrap(text: str, rng: random.Random) -> str:
    words = text.split()
    width = rng.choice((1, 2, 3, 4, 6))
    return "\n".join(" ".join(words[i : i + width]) for i in range(0, len(words), width)) or "."


def _strip_marks(text: str, rng: random.Random) -> str:
    return text.translate({ord(mark): rng.choice(("", ",", " ")) for mark in ".!?"}) or "."


def _replace_words(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    fresh = rng.choice(
        (TOKENS, ["#", "…", "..."], ["a", "I", "x"], ["4711", "12:30", "--"], ["ab" * 20])
    )
    share = rng.choice((0.05, 0.2, 0.6))
    return " ".join(rng.choice(fresh) if rng.random() < share else word for word in words)


def _upper(text: str, rng: random.Random) -> str:
    return rng.choice((text.upper, text.lower, text.title, text.swapcase))()


MUTATIONS: tuple[Mutation, ...] = (
    _insert_tokens, _glue_tokens, _change_spaces, _insert_lines, _repeat_lines, _repeat_span,
    _regroup_letters, _cut, _wrap, _strip_marks, _replace_words, _upper,
)  # fmt: skip


def damaged(texts: Sequence[str], seed: int, cases: int) -> Iterator[str]:
    """Yield texts with one to four random mutations; never an empty one."""
    rng = random.Random(seed)
    for _ in range(cases):
        text = rng.choice(texts)
        for mutation in rng.choices(MUTATIONS, k=rng.randint(1, 4)):
            text = mutation(text, rng)
        yield text or "."


def at_edges(
    texts: Sequence[str], seed: int, fires: Callable[[str, str], bool]
) -> Iterator[tuple[str, str, bool]]:
    """Yield `(rule, text, whether ours fires)` one dose before, at and after each rule's edge.

    `fires(rule, text)` is our own rule; texts that a lever cannot take over the edge are left out.
    """
    for levers, bases in ((LEVERS, texts), (HUGE_LEVERS, texts[:1])):
        for rule, (lever, most) in levers.items():
            for i, base in enumerate(bases):
                yield from _around(rule, lever, most, base, f"{seed}/{rule}/{i}", fires)


def _around(
    rule: str, lever: Lever, most: int, base: str, seed: str, fires: Callable[[str, str], bool]
) -> Iterator[tuple[str, str, bool]]:
    def pull(dose: int) -> str:
        # The same seed for every dose, so that one dose differs from the next by one step.
        return lever(base, dose, random.Random(zlib.crc32(seed.encode())))

    flip = edge(lambda dose: fires(rule, pull(dose)), most)
    if flip is not None:
        for dose in (flip - 1, flip, flip + 1):
            text = pull(dose)
            yield rule, text, fires(rule, text)
