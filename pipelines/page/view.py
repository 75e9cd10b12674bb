"""A page with what explains it: the rules' answers, the parts that made the number, repeats."""

from dataclasses import asdict, dataclass
from typing import Any

from filters.c4 import C4_LINES
from filters.cuts import cut_lines
from filters.span import Span
from filters.text import Text
from pipelines.audit.ledger import Ledger
from pipelines.page.answers import Answer, answers, deciding
from pipelines.page.marker import Marker
from pipelines.pages import Pages, ShownPage

MOST_ALIKE = 2
"""Pages of the same cluster that are shown beside one."""


@dataclass(frozen=True, slots=True)
class PageView:
    """One page, explained."""

    page: ShownPage
    answers: list[Answer]
    marks: list[Span]
    """What the rule that decided has counted, where that can be marked."""
    cuts: list[Span]
    """Lines and citations that the edit `c4_lines` took out, where it came to that."""
    alike: list[ShownPage]
    """Others of its cluster."""

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        page = self.page
        return {
            **page.row,
            "signals": page.signals,
            "rules": [asdict(answer) for answer in self.answers],
            "text": page.text,
            "marks": [asdict(span) for span in self.marks],
            "cuts": [asdict(span) for span in self.cuts],
            "alike": [{**other.row, "text": other.text} for other in self.alike],
        }


class Explainer:
    """Explains pages of one run."""

    def __init__(self, ledger: Ledger, pages: Pages) -> None:
        self._ledger = ledger
        self._pages = pages
        self._marker = Marker(ledger.recipe)

    def explain(self, page: ShownPage) -> PageView:
        """Return a page with what explains it."""
        found = answers(self._ledger.plan, page)
        rule = deciding(found)
        marks = self._marks(page, rule.reads) if rule else []
        return PageView(page, found, marks, self._cuts(page), self._pages.alike(page, MOST_ALIKE))

    def _marks(self, page: ShownPage, signal: str) -> list[Span]:
        return self._marker.marks(page.text, signal, page.row["language"]) if page.text else []

    def _cuts(self, page: ShownPage) -> list[Span]:
        """Return what the line filter took out of a page's text, where it came to that."""
        edits, words = self._marker.edits, self._marker.segmenter(page.row["language"])
        edited = page.signals.get(f"{C4_LINES.name}.removed_lines") is not None
        if not (page.text and edited and words) or next(iter(edits)) != C4_LINES.name:
            return []
        cut = cut_lines(Text(page.text, words), edits[C4_LINES.name])
        return [*cut.lines, *cut.citations]
