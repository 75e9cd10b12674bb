"""Reading an XPath expression of the extractor's lists into parts that Python can test.

Covers the forms that trafilatura/xpaths.py uses: descendants by tag, filtered by a disjunction
of tests on single attributes. What has another form is not read; its XPath is used as it is.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Matches = Callable[[str], object]

_STEP = re.compile(r"\.//(\*|[a-z0-9]+)\s*(?=\[|$)")
_SELF = re.compile(r"self::([a-z0-9]+)")
_NAMES = r"(@[\w-]+(?:\|@[\w-]+)?)"
_QUOTED = r"'([^']*)'"
_ATTRIBUTE = re.compile(_NAMES)
_EQUAL = re.compile(rf"{_NAMES}\s*=\s*{_QUOTED}")
_CALL = re.compile(rf"(re:test|contains|starts-with)\({_NAMES}, ?{_QUOTED}(?:, ?'(i)')?\)")
_FOLDED = re.compile(rf"contains\(translate\({_NAMES}, ?{_QUOTED}, ?{_QUOTED}\), ?{_QUOTED}\)")


@dataclass(frozen=True, slots=True)
class AttributeTest:
    """A test on one attribute, or on whichever of several the page names first."""

    attributes: tuple[str, ...]
    pattern: str
    """A regular expression that says the same, but for letters' case."""
    matches: Matches


@dataclass(frozen=True, slots=True)
class Selector:
    """Descendants with one of the tags (none: any) that pass a test, and then the rest."""

    tags: tuple[str, ...]
    tests: tuple[AttributeTest, ...]
    """Empty: every element with the tags."""
    rest: str
    """More predicates, as XPath; empty for none."""
    first: bool
    """Whether only the first in document order is asked for."""


def read_xpath(path: str) -> tuple[Selector, ...] | None:
    """Return the parts of a union of paths; None for a form that this module does not know."""
    found = [_read_path(part.strip()) for part in _split(path, "|")]
    known = tuple(selector for selector in found if selector is not None)
    return known if len(known) == len(found) else None


def _read_path(path: str) -> Selector | None:
    first = path.startswith("(") and path.endswith(")[1]")
    inner = path[1 : -len(")[1]")].strip() if first else path
    step = _STEP.match(inner)
    if step is None:
        return None
    tags: tuple[str, ...] = () if step[1] == "*" else (step[1],)
    predicates = list(_predicates(inner[step.end() :]))
    if predicates and not tags:
        named = [_SELF.fullmatch(part.strip()) for part in _split(predicates[0], " or ")]
        tags = tuple(match[1] for match in named if match)
        if tags and len(tags) != len(named):
            return None
        predicates = predicates[1:] if tags else predicates
    if not predicates:
        return Selector(tags, (), "", first)
    known: list[AttributeTest] = []
    for part in _split(predicates[0], " or "):
        tests = _read_test(part.strip())
        if not tests:
            return None
        known += tests
    if predicates[1:] == ["1"]:  # the first of each parent's; no other is asked for
        return Selector(tags, tuple(known), "", True)
    return Selector(tags, tuple(known), "".join(f"[{part}]" for part in predicates[1:]), first)


def _read_test(text: str) -> list[AttributeTest]:
    """Return tests of which one must pass; none for a form that is not known."""
    if match := _ATTRIBUTE.fullmatch(text):
        return [AttributeTest(_attributes(match[1]), "", lambda _: True)]
    if match := _EQUAL.fullmatch(text):
        return [AttributeTest(_attributes(match[1]), re.escape(match[2]), match[2].__eq__)]
    if match := _FOLDED.fullmatch(text):
        table, sought = str.maketrans(match[2], match[3]), match[4]
        folded = lambda value: sought in value.translate(table)  # noqa: E731  one of four of a kind
        return [AttributeTest(_attributes(match[1]), re.escape(sought), folded)]
    if match := _CALL.fullmatch(text):
        return list(_read_call(match[1], _attributes(match[2]), match[3], bool(match[4])))
    return []


def _read_call(
    name: str, attributes: tuple[str, ...], argument: str, ignore_case: bool
) -> Iterator[AttributeTest]:
    if name == "contains":
        yield AttributeTest(attributes, re.escape(argument), lambda value: argument in value)
    elif name == "starts-with":
        starts = lambda value: value.startswith(argument)  # noqa: E731
        yield AttributeTest(attributes, re.escape(argument), starts)
    else:  # lxml's own implementation of re:test is a search by Python's re
        for pattern in _split(argument, "|"):
            if not ignore_case and pattern == re.escape(pattern).replace("\\-", "-"):
                yield from _read_call("contains", attributes, pattern, ignore_case)
                continue
            search = re.compile(pattern, re.IGNORECASE if ignore_case else 0).search
            yield AttributeTest(attributes, pattern, search)


def _attributes(names: str) -> tuple[str, ...]:
    return tuple(name.removeprefix("@") for name in names.split("|"))


def _predicates(text: str) -> Iterator[str]:
    """Yield what stands in each of a row of brackets."""
    depth, start, quoted = 0, 0, False
    for at, character in enumerate(text):
        quoted ^= character == "'"
        if quoted:
            continue
        if character == "[":
            depth += 1
            start = at + 1 if depth == 1 else start
        elif character == "]":
            depth -= 1
            if depth == 0:
                yield text[start:at].strip()


def _split(text: str, separator: str) -> Iterator[str]:
    """Yield what stands between separators outside quotes, brackets and parentheses."""
    depth, start, quoted = 0, 0, False
    text = " ".join(text.split("\n"))
    for at, character in enumerate(text):
        quoted ^= character == "'"
        if quoted:
            continue
        depth += (character in "([") - (character in ")]")
        if depth == 0 and text.startswith(separator, at):
            yield text[start:at]
            start = at + len(separator)
    yield text[start:]
