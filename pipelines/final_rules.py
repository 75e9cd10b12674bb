"""The rules that a recipe puts after deduplication, which decide on pages that it kept.

What they read was measured before, on the texts that came to deduplication: nothing is measured
again, so another threshold is a matter of settling, not of curating.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from filters.judge import Decision, asked_rules, decide
from filters.rule import Rule
from pipelines.recipe.model import Recipe
from pipelines.recipe.rule_stages import FINAL

BROKEN = pa.field("broken", pa.string())
"""Of a page that came to deduplication: why signals of these rules have no value, as JSON."""


class FinalRules:
    """The rules after deduplication, by the language of a page."""

    def __init__(self, recipe: Recipe) -> None:
        self._rules = recipe.final_rules
        self._languages = {label for label, _ in recipe.languages}
        self._asked: dict[str | None, tuple[Rule, ...]] = {}

    @property
    def reads(self) -> tuple[str, ...]:
        """The ledger's columns that the rules read."""
        rules = asked_rules(self._rules, None)
        return tuple(dict.fromkeys(name for rule in rules for name in rule.reads))

    def decide(self, row: Mapping[str, Any], broken: str | None = None) -> Decision | None:
        """Return why a page that deduplication kept leaves all the same; None where it stays.

        `row` is the page's in the ledger, `broken` what curation noted of it (`BROKEN`).
        """
        label = row.get("language") if row.get("language") in self._languages else None
        if label not in self._asked:
            self._asked[label] = asked_rules(self._rules, label)
        return decide(self._asked[label], row, FINAL, json.loads(broken) if broken else {})


def broken_signals(recipe: Recipe, broken: Mapping[str, str]) -> dict[str, str]:
    """Return what a candidate's row has besides its text, where signals could not be measured."""
    reads = FinalRules(recipe).reads if broken else ()
    found = {name: broken[name] for name in sorted(broken) if name in reads}
    return {BROKEN.name: json.dumps(found)} if found else {}
