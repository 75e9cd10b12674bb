"""The ledger's names of the stages at which rules drop pages."""

from typing import Literal, TypeAlias

from filters.rule import Rule

LedgerStage: TypeAlias = Literal["url", "optout", "licence", "language", "quality", "final"]
EARLY_STAGES: tuple[LedgerStage, ...] = ("url", "optout", "licence")
"""Gates that need no text: they are judged before a page is extracted."""
GATE_STAGES: tuple[LedgerStage, ...] = (*EARLY_STAGES, "language")
FINAL: LedgerStage = "final"
"""Rules after deduplication: they decide on pages that it kept."""
RULE_STAGES: tuple[LedgerStage, ...] = (*GATE_STAGES, "quality", FINAL)
"""All stages at which rules drop, in order."""
TEXT_STAGES: tuple[LedgerStage, ...] = ("quality", FINAL)
"""Those of rules on the text."""


def ledger_stage(rule: Rule) -> LedgerStage:
    """Return the ledger's name of the stage at which a rule drops before deduplication."""
    family = rule.numerator.partition(".")[0]
    return next((stage for stage in GATE_STAGES if stage == family), "quality")
