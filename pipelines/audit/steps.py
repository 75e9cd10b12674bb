"""Where each rule of a run's recipe stands, and where each page's decision was taken.

Read from the run's recipe without importing what it names: a run may be somebody else's.
Pages meet the URL gates first, then those on the language, then the blocks in their order
(`pipelines.curator`), wherever a recipe writes its gates. Rules after deduplication read what
was measured before it, of every page that came to it, so together they are one block.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from filters.errors import UsageError
from filters.judge import qualified
from filters.rule import Rule, parse_rule
from pipelines.recipe.rule_stages import FINAL, LedgerStage, ledger_stage
from pipelines.recipe.source import Node

COLUMNS: Mapping[str, str] = {"language.code": "language", "language.score": "language_score"}
"""The ledger's columns of signals that have another name there."""

_GATES: Mapping[LedgerStage, int] = {"url": 0, "optout": 0, "licence": 0, "language": 1}
"""The block of a gate's rules; of those of one block every signal is measured on every page."""
FIRST_BLOCK = 2
"""Number of the first block behind the gates."""

_BEFORE: Mapping[str, float] = {"read": -1, "url": -0.5, "extract": 0.5, "language": 0.75}
"""Where pages leave that no rule of a block has decided: as a block number, between others."""

Reasons: TypeAlias = Mapping[str, str]
"""Which block of datatrove gave a reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule where it stands; `rule` reads the ledger's columns by their full names."""

    rule: Rule
    kind: Literal["gate", "drop"]
    stage: LedgerStage
    block: int
    """Gates on URL and opt-outs are block 0, on the language 1, what follows counts from 2;
    rules after deduplication are `FINAL_BLOCK`."""

    @property
    def measured_from(self) -> float:
        """The block from which on every page that comes to it has what the rule reads."""
        return min(float(self.block), DEDUP)

    @property
    def columns(self) -> tuple[str, ...]:
        """The ledger's columns that the rule reads."""
        return tuple(COLUMNS.get(name, name) for name in self.rule.reads)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a recipe in the order in which pages meet them."""

    steps: tuple[Step, ...]
    foreign: Mapping[str, int]
    """Blocks of datatrove by the name of their revision, with their number."""
    dedup: tuple[str, ...]
    """Kinds of deduplication, in order."""

    def names(self) -> list[str]:
        """Return the names of all rules, in order."""
        return [step.rule.name for step in self.steps]

    def step(self, name: str) -> Step | None:
        """Return the step of a rule's name."""
        return next((step for step in self.steps if step.rule.name == name), None)

    def is_blind_behind(self, block: float) -> bool:
        """Whether a block of datatrove lies behind: of a page that left before, none knows."""
        return any(number > block for number in self.foreign.values())

    def last_block(self) -> int:
        """Return the number of the last block that has rules."""
        return max((step.block for step in self.steps), default=FIRST_BLOCK)

    @property
    def final(self) -> int:
        """Rank of the first rule after deduplication; the number of rules where there is none."""
        return sum(step.block < FINAL_BLOCK for step in self.steps)


Place: TypeAlias = tuple[float, int]
"""Block and rank in it: where a page's decision was taken; compares as pages meet them."""
KEPT: Place = (float("inf"), 1)
"""Where a page is that nothing has removed."""
DEDUP: float = 1e9
"""Block number of deduplication."""
FINAL_BLOCK = 1_000_000_001
"""Block number of the rules after it."""


def passed_rules(block: float) -> bool:
    """Return whether no rule has removed the pages that were decided at a block of that number."""
    return block >= DEDUP and block != FINAL_BLOCK


def read_plan(recipe: Node) -> Plan:
    """Return the steps of a recipe's tree; UsageError for rules that cannot be read."""
    gates: dict[LedgerStage, list[Step]] = {stage: [] for stage in _GATES}
    drops: list[Step] = []
    foreign: dict[str, int] = {}
    dedup: tuple[str, ...] = ()
    block = FIRST_BLOCK
    for kind, body in _stages(recipe):
        if kind == "gate":
            for rule in _rules(body):
                stage = ledger_stage(rule)
                gates[stage].append(Step(rule, "gate", stage, _GATES[stage]))
        elif kind == "drop" and dedup:
            drops += [Step(_full(rule), "drop", FINAL, FINAL_BLOCK) for rule in _rules(body)]
        elif kind == "drop":
            drops += [Step(_full(rule), "drop", "quality", block) for rule in _rules(body)]
            block += 1
        elif kind == "datatrove" and not dedup:
            foreign |= {name.rpartition(".")[2]: block for name in body.map}
            block += 1
        elif kind == "dedup":
            dedup = tuple(body.map)
    in_order = (step for steps in gates.values() for step in steps)
    return Plan((*in_order, *drops), foreign, dedup)


def _stages(recipe: Node) -> Iterator[tuple[str, Node]]:
    for stage in recipe.map["stages"].items if "stages" in recipe.map else []:
        yield from stage.map.items()


def _rules(body: Node) -> Iterator[Rule]:
    for name, node in body.map.items():
        try:
            yield parse_rule(name, str(node.value))
        except ValueError as error:
            raise UsageError(f"{node.place}: rule '{name}' {error}.") from None


def _full(rule: Rule) -> Rule:
    bottom = rule.denominator and qualified(rule.denominator)
    return replace(rule, numerator=qualified(rule.numerator), denominator=bottom)


def place_of(
    plan: Plan, reasons: Reasons, status: str, stage: str | None, rule: str | None
) -> Place:
    """Return where a page was decided, from what the ledger says of it.

    A page that failed for another reason than a rule's stands before all rules of its stage:
    nothing can be said of what they would do.
    """
    if status == "kept" or stage is None or rule is None:
        return KEPT
    if stage == "dedup":
        return (DEDUP, plan.dedup.index(rule) if rule in plan.dedup else -1)
    rank = _rank(plan, stage, rule)
    if rank is not None:
        return rank
    if stage == "quality":
        block = plan.foreign.get(reasons.get(rule, ""))
        return (float(block), 0) if block is not None else (FIRST_BLOCK - 0.5, 0)
    return (_BEFORE.get(stage, -1.0), 0)


def _rank(plan: Plan, stage: str, rule: str) -> Place | None:
    """Return the place of the rule that decided, by its name or by the signal that it reads."""
    name = rule.removeprefix("undefined:")
    error = rule.split(":")[1] if rule.startswith("error:") and rule.count(":") > 1 else None
    for rank, step in enumerate(plan.steps):
        if step.stage != stage:
            continue
        reads = [column.rpartition(".")[2] for column in step.rule.reads]
        if step.rule.name == name or (error is not None and error in reads):
            return (float(step.block), rank)
    return None


def rank_place(plan: Plan, rank: int) -> Place:
    """Return the place of the step of that rank in `plan.steps`."""
    return (float(plan.steps[rank].block), rank)
