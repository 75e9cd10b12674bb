"""Every golden row measures what it says, and every threshold is met from both sides."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from filters.rule import Rule, parse_rule
from filters.segment import segmenter
from tests.filters.golden import measure, revision, rows
from tests.parity.dolma_numbers import ours

RECIPE = Path(__file__).parents[2] / "configs" / "fineweb.yaml"
SIGNAL_FILES = ("gopher", "ngrams", "c4", "fineweb", "refinedweb", "redpajama", "pii", "dolma_pii")


def each(*names: str):
    return [pytest.param(row, id=f"{n}: {row['what']}") for n in names for row in rows(n)]


@pytest.mark.parametrize("row", each(*SIGNAL_FILES))
def test_signals(row):
    expected = {key: row[key] for key in row if key not in ("what", "text", "becomes")}
    assert {key: measure(row["text"], key) for key in expected} == expected


@pytest.mark.parametrize("row", each("c4"))
def test_line_filter(row):
    if "becomes" in row:
        assert revision(row["text"], "c4_lines")[0] == row["becomes"]


@pytest.mark.parametrize("row", each("refinedweb"))
def test_line_corrections(row):
    if "becomes" in row:
        assert revision(row["text"], "refinedweb_lines")[0] == row["becomes"]


@pytest.mark.parametrize("row", each("dolma"))
def test_what_the_package_dolma_says(row):
    assert ours(row["text"]) == {"numbers": row["numbers"], "becomes": row["becomes"]}


@pytest.mark.parametrize("row", each("pii"))
def test_personal_data(row):
    assert revision(row["text"], "pii")[0] == row["becomes"]


@pytest.mark.parametrize("row", each("dolma_pii"))
def test_personal_data_as_dolmas_mixer_replaces_it(row):
    assert revision(row["text"], "dolma_pii")[0] == row["becomes"]


@pytest.mark.parametrize("row", each("segment"))
def test_segments(row):
    english = segmenter("en")
    assert english.words(row["text"]) == row["words"]
    assert english.sentence_count(row["text"]) == row["sentences"]


@pytest.fixture(scope="module")
def rules() -> dict[str, Rule]:
    stages = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))["stages"]
    written = {name: line for stage in stages for name, line in stage.get("drop", {}).items()}
    return {name: parse_rule(name, line) for name, line in written.items()}


def exact(left: str) -> Fraction:
    top, _, bottom = left.partition("/")
    return Fraction(int(top), int(bottom or 1))


@pytest.mark.parametrize("row", rows("rules"), ids=lambda row: f"{row['rule']} {row['left']}")
def test_a_rule_decides_by_exact_counts(row, rules):
    rule = rules[row["rule"]]
    values = {name: measure(row["text"], name) for name in rule.reads}
    assert "/".join(str(values[name]) for name in rule.reads) == row["left"]
    limit = Fraction(str(rule.constant))
    expected = {"<": exact(row["left"]) < limit, ">": exact(row["left"]) > limit}[rule.op]
    assert rule.fires(values) is expected


def test_every_rule_is_met_at_its_threshold_and_on_both_sides(rules):
    lefts: dict[str, set[float]] = {name: set() for name in rules}
    for row in rows("rules"):
        distance = exact(row["left"]) - Fraction(str(rules[row["rule"]].constant))
        lefts[row["rule"]].add(math.copysign(1, distance) if distance else 0)
    # Nothing can be less than no line at all, and no page has a negative count of brackets.
    bounded = {"lorem_ipsum", "curly_bracket"}
    for name, sides in lefts.items():
        assert sides == ({0, 1} if name in bounded else {-1, 0, 1}), name
