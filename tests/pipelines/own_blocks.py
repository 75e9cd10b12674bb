"""Blocks of datatrove of one's own, as a person writes them, good and bad."""

import ctypes
import os
import re
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.formatters.base import BaseFormatter


class FewLetters(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Drops without a reason of its own."""

    def __init__(self, letter: str, most: int = 3, exclusion_writer: Any = None) -> None:
        super().__init__(exclusion_writer)
        self.letter, self.most = letter, most

    def filter(self, doc: Document) -> bool:
        return bool(doc.text.count(self.letter) <= self.most)


class Counting(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Keeps state: gives every document its number as the reason."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def filter(self, doc: Document) -> tuple[bool, str]:  # noqa: ARG002 - datatrove's signature
        self.seen += 1
        return False, f"document {self.seen}"


class Batched(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Works on batches; edits what it keeps."""

    def __init__(self) -> None:
        super().__init__(batch_size=100)

    def filter(self, doc: Document) -> bool:  # noqa: ARG002 - datatrove's signature
        raise AssertionError("the batch is filtered, not the document")

    def filter_batch(self, batch: list[Document]) -> list[bool]:
        for doc in batch:
            doc.text = doc.text.upper()
        return [True for _ in batch]


class Telling(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Drops with what it was told of the page, or with anything else as the reason."""

    def __init__(self, reason: Any = None) -> None:
        super().__init__()
        self.reason = reason

    def filter(self, doc: Document) -> tuple[bool, Any]:
        told = " ".join([doc.id, *sorted(doc.metadata)])
        return False, told if self.reason is None else self.reason


class Raising(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Raises on some texts."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def filter(self, doc: Document) -> bool:
        if self.word in doc.text:
            raise KeyError(doc.text)
        return True


class RaisingFormatter(BaseFormatter):  # type: ignore[misc]  # datatrove has no types
    """Rewrites, and raises on some texts."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def format(self, text: str) -> str:
        if self.word in text:
            raise KeyError(text)
        return f"{text}\nrewritten"


class Obeying(BaseFormatter):  # type: ignore[misc]  # datatrove has no types
    """Does what a text asks for, the worst included; numbers the texts, so it keeps state."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def format(self, text: str) -> str:
        self.seen += 1
        obey(text)
        return f"{text}\nText {self.seen}."


def obey(text: str) -> None:
    """Loop in C, crash or take all memory."""
    if "PLEASE LOOP" in text:
        re.match(r"(a|a)*b", "a" * 60)
    if "PLEASE DUMP" in text:
        ctypes.string_at(0)
    held = []
    while "PLEASE FILL" in text:
        held.append(os.urandom(1 << 10) * (1 << 10))


class NoText(BaseFormatter):  # type: ignore[misc]  # datatrove has no types
    """Returns no text, or one that has no UTF-8 form."""

    def __init__(self, result: Any = None) -> None:
        super().__init__()
        self.result = result

    def format(self, text: str) -> Any:  # noqa: ARG002 - datatrove's signature
        return "a\ud800b" if self.result == "surrogate" else self.result


class Unmakeable(BaseFormatter):  # type: ignore[misc]  # datatrove has no types
    """Cannot be made."""

    def __init__(self) -> None:
        super().__init__()
        raise OSError("no such model\nand more")

    def format(self, text: str) -> str:
        return text


class NeedsPackage(BaseFormatter):  # type: ignore[misc]  # datatrove has no types
    """Needs what nobody has installed."""

    _requires_dependencies = (("no_such_package_at_all", "no-such-dist"),)

    def format(self, text: str) -> str:
        return text


class Abstract(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Leaves out what makes it a filter."""


class RunsItself(BaseFilter):  # type: ignore[misc]  # datatrove has no types
    """Does its work elsewhere than in `filter`."""

    def filter(self, doc: Document) -> bool:  # noqa: ARG002 - datatrove's signature
        return True

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Any:  # noqa: ARG002
        yield from data


class NotABlock:
    """Something else."""
