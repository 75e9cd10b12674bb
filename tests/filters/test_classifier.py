"""Scores of classifiers: what a model is given, and what is made of its answer."""

import math

import numpy as np
import pytest

from filters.classifier import FastTextScorer, Head, HeadScorer, logistic, one_line
from filters.judge import DropStage, Judge
from filters.rule import parse_rule
from filters.segment import segmenter
from filters.signal import Signal
from filters.static_embeddings import TokenVectors, WordVectors


class Answers:
    """Stands for what fastText's library gives: pairs of score and label, the likeliest first."""

    def __init__(self, *pairs: tuple[float, str]) -> None:
        self.f = self
        self.pairs = pairs
        self.asked: list[str] = []

    def predict(self, text: str, count: int, _least: float, _errors: str) -> list:
        self.asked.append(text)
        return list(self.pairs if count < 0 else self.pairs[:count])


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("a\nb", "a b\n"),
        ("  a\r\nb\u2028c \n\n", "a b c\n"),
        ("a\n\nb", "a  b\n"),
        ("", "\n"),
        ("\udcff a", "? a\n"),
    ],
)
def test_a_text_is_one_line_as_dclm_has_it(text, given):
    assert one_line(text) == given


def test_of_two_labels_the_likelier_one_tells():
    both = Answers((0.75, "cc"), (0.25002, "hq"))
    assert FastTextScorer(both, "cc", 2)("a\nb") == 0.75
    assert FastTextScorer(both, "hq", 2)("a\nb") == 0.25
    assert both.asked == ["a b\n"] * 2
    assert FastTextScorer(Answers(), "hq", 2)("") == 0.0


def test_of_more_labels_ones_own_score_counts():
    three = Answers((0.5, "a"), (0.3, "b"), (0.2, "c"))
    assert [FastTextScorer(three, label, 3)("x") for label in "abcd"] == [0.5, 0.3, 0.2, 0.0]


def test_embeddings_are_means_of_what_is_known():
    table = np.array([[1, 0], [0, 1], [3, 3]], np.float32)
    words = WordVectors(table, {"one": 0, "two": 1, "Three": 2})
    assert words("one\nTWO one four").tolist() == pytest.approx([2 / 3, 1 / 3])
    assert words("Three three").tolist() == [3, 3]
    assert words("").tolist() == [0, 0]
    tokens = TokenVectors(table, lambda text: [len(part) for part in text.split()], normalize=True)
    assert tokens("a bb").tolist() == pytest.approx([3 / 5, 4 / 5])
    assert tokens("").tolist() == [0, 0]


def test_a_head_gives_a_chance_or_a_score():
    parts = np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([1.0, -1.0])
    score = HeadScorer(lambda _: np.array([3.0, 2.0]), Head(*parts, 0.5, "score"))
    assert score("") == 1.5
    chance = HeadScorer(lambda _: np.array([3.0, 2.0]), Head(*parts, 0.5, "probability"))
    assert chance("") == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert (logistic(1e9), logistic(-1e9)) == (1.0, pytest.approx(0.0))


def test_a_score_that_is_no_number_costs_the_page():
    for score, outcome in (
        (0.25, ("dropped", "low")),
        (math.nan, ("failed", "error:good:nan is no score")),
    ):
        good = Signal("good", float, "", __name__, measure=lambda _, score=score: score)
        rule = parse_rule("low", "good < 0.5")
        judge = Judge([DropStage((rule,))], segmenter("en"), {"good": good})
        decision = judge.judge("a text").decision
        assert (decision.status, decision.rule) == outcome
