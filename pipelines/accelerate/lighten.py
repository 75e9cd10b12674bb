"""Letting go of what nobody reads, before it is copied and looked through."""

from typing import Any

from lxml.etree import strip_elements
from trafilatura import core

_FORBIDDEN = tuple(map(chr, (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)))


class ForbiddenCharacters:
    """Stands for trafilatura.utils.INVALID_XML_CHARS, which most pages have none of.

    Looking for each by itself is several times as fast as one look for all.
    """

    def sub(self, replacement: str, text: str) -> str:
        """Return a text with every forbidden character replaced."""
        for character in _FORBIDDEN:
            if character in text:
                text = text.replace(character, replacement)
        return text


def forum_thread_page(tree: Any) -> bool:
    """Answer (trafilatura.core._forum_thread_page), and remove all scripts and styles.

    The question is the first that is asked of a parsed page. With precision it is the last that
    reads a script: cleaning deletes them, and so does readability before anything else.
    """
    found = core._forum_thread_page(tree)  # noqa: SLF001  stands for it
    strip_elements(tree, "script", "style", with_tail=False)
    return found
