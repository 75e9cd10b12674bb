"""Two thousand and more generated cases: the same decision, reason and text, every rule fired."""

from collections import Counter
from dataclasses import replace

import pytest
import yaml

from filters.judge import qualified
from filters.rule import Rule, parse_rule
from tests.parity.compare import difference
from tests.parity.conftest import EVERYTHING
from tests.parity.ours import RECIPE
from tests.parity.perturb import at_edges, damaged

pytestmark = pytest.mark.slow

SEED = 20240625
BASE_CHARS = 2500


@pytest.fixture(scope="module")
def rules() -> dict[str, Rule]:
    stages = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))["stages"]
    written = {name: line for stage in stages for name, line in stage.get("drop", {}).items()}
    parsed = (parse_rule(name, line) for name, line in written.items())
    return {
        rule.name: replace(
            rule,
            numerator=qualified(rule.numerator),
            denominator=rule.denominator and qualified(rule.denominator),
        )
        for rule in parsed
    }


def test_both_sides_of_every_rule(oracle, ours, rules, kept_texts, compared):
    def fires(rule: str, text: str) -> bool:
        return rules[rule].fires(ours.judgement(text).values) is True

    bases = [text[:BASE_CHARS] for text in kept_texts if text[:BASE_CHARS].count("\n") > 8][:7]
    sides: Counter[tuple[str, bool]] = Counter()
    reasons: Counter[str | None] = Counter()
    wrong = []
    for rule, text, fired in at_edges(bases, SEED, fires):
        what, expected = difference(oracle, ours, text, gate=False)
        sides[rule, fired] += 1
        reasons[expected.reason] += 1
        if what:
            wrong.append(f"{rule}: {what}")
    fired = len(set(rules) & set(reasons))
    compared.append(
        f"{sides.total()} cases at the rules' edges, {len(wrong)} differences, "
        f"{fired} of {len(rules)} rules given as the reason"
    )
    assert wrong == []
    assert {(rule, side) for rule in rules for side in (True, False)} == set(sides)
    assert set(rules) <= set(reasons), "the oracle never gave some rule as its reason"
    assert sum(sides.values()) > 550


def test_texts_damaged_at_random(oracle, ours, kept_texts, compared):
    cases = 1500 if EVERYTHING else 500
    bases = [text[:BASE_CHARS] for text in kept_texts]
    reasons: Counter[str | None] = Counter()
    wrong = []
    for number, text in enumerate(damaged(bases, SEED, cases)):
        what, expected = difference(oracle, ours, text, gate=number % 5 == 0)
        reasons[expected.reason] += 1
        if what:
            wrong.append(f"case {number}: {what}")
    compared.append(f"{cases} texts damaged at random, {len(wrong)} differences")
    assert wrong == []
    assert len(reasons) > 25, "the damage is too uniform"
    assert reasons[None] > cases // 10, "too few texts survive to be compared to the end"


def test_a_megabyte_of_damage(oracle, ours, kept_texts):
    text = "\n".join(damaged([text[:BASE_CHARS] for text in kept_texts], SEED + 1, 200))[:600_000]
    assert difference(oracle, ours, text, gate=False)[0] == ""
