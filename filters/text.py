"""One revision of one text, with the views that signals read, each made once."""

import re
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:  # whoever only looks at an address need not wait for NumPy
    from filters.segment import Segmenter
    from filters.words import Words

_LINE_RUN = re.compile(r"\n+")
_PARAGRAPH_BREAK = re.compile(r"\n{2,}")

Found = TypeVar("Found")


class Text:
    r"""A text and its views.

    There are three views of lines, because datatrove uses all three: `"a\n \nb\n"`
    has 3 lines, 4 line runs and 2 nonblank lines.
    """

    def __init__(
        self,
        raw: str,
        segmenter: "Segmenter",
        word_count: int | None = None,
        language: str | None = None,
    ) -> None:
        self.raw = raw
        self.language = language
        """Label of the language, as the recipe's gate has found it; None where none asks."""
        self.segmenter = segmenter
        self._word_count = word_count
        self._shared: dict[Hashable, Any] = {}

    @property
    def chars(self) -> int:
        """Length in code points."""
        return len(self.raw)

    @cached_property
    def words(self) -> list[str]:
        """Words and marks, as datatrove's `split_into_words` gives them."""
        return self.numbered_words.all

    @property
    def word_count(self) -> int:
        """Number of words; no words are made where whoever made the text has counted them."""
        return len(self.numbered_words) if self._word_count is None else self._word_count

    @cached_property
    def numbered_words(self) -> "Words":
        """The words, with what is known of each distinct one."""
        return self.segmenter.numbered(self.raw)

    @cached_property
    def lines(self) -> list[str]:
        """Lines by any line boundary of Unicode (`str.splitlines`)."""
        return self.raw.splitlines()

    @cached_property
    def line_runs(self) -> list[str]:
        r"""Parts between runs of `\n`; a newline at either end makes an empty part."""
        if "\n\n" not in self.raw:
            return self.raw.split("\n")
        return _LINE_RUN.split(self.raw)

    @cached_property
    def nonblank_lines(self) -> list[str]:
        r"""Parts between single `\n` that hold more than whitespace."""
        return [line for line in self.raw.split("\n") if line.strip() != ""]

    @cached_property
    def paragraphs(self) -> list[str]:
        r"""Parts of the stripped text between runs of two or more `\n`; never none."""
        stripped = self.raw.strip()
        return _PARAGRAPH_BREAK.split(stripped) if "\n\n" in stripped else [stripped]

    def share(self, measure: "Callable[[Text], Found]") -> Found:
        """Return `measure(self)`, computed once, for signals that share their work."""
        if measure not in self._shared:
            self._shared[measure] = measure(self)
        return cast("Found", self._shared[measure])


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which are no Unicode text and have no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
