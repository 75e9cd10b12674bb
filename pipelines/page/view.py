"""A page with what explains it: the rules' answers, the parts that made the number, repeats."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from filters.c4 import C4_LINES
from filters.cuts import cut_lines
from filters.edit import Options
from filters.errors import UsageError
from filters.evidence import can_mark, evidence
from filters.segment import Segmenter, segmenter
from filters.span import Span
from filters.text import Text
from pipelines.audit.ledger import Ledger
from pipelines.page.answers import Answer, answers, deciding
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

    def explain(self, page: ShownPage) -> PageView:
        """Return a page with what explains it."""
        found = answers(self._ledger.plan, page)
        rule = deciding(found)
        marked = rule is not None and can_mark(rule.reads)
        edited = page.signals.get(f"{C4_LINES.name}.removed_lines") is not None
        marks: list[Span] = []
        cuts: list[Span] = []
        if page.text and (marked or edited) and self._segmenter is not None:
            text = Text(page.text, self._segmenter)
            if rule is not None and marked:
                marks = evidence(text, rule.reads, self._edits)
            if edited and next(iter(self._edits)) == C4_LINES.name:
                cut = cut_lines(text, self._edits[C4_LINES.name])
                cuts = [*cut.lines, *cut.citations]
        return PageView(page, found, marks, cuts, self._pages.alike(page, MOST_ALIKE))

    @cached_property
    def _edits(self) -> Mapping[str, Options]:
        """The recipe's edits with their options, in order; blocks of datatrove by their names."""
        recipe = self._ledger.recipe
        found: dict[str, Options] = {}
        for stage in recipe.map["stages"].items if "stages" in recipe.map else []:
            for kind, body in stage.map.items():
                if kind in ("edit", "datatrove"):
                    found |= {name: node.plain() or {} for name, node in body.map.items()}
        return found

    @cached_property
    def _segmenter(self) -> Segmenter | None:
        words = self._ledger.recipe.map.get("words")
        try:
            return segmenter(str(words.plain()) if words else "en")
        except UsageError:  # its package is not here: then the page is shown without marks
            return None
