"""Perplexity: CCNet's normal form, back-off models asked as kenlm asks them, and their sum."""

import math
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.arpa import ArpaModel, read_arpa
from filters.perplexity import PerplexityScorer, ccnet_normal, knows
from tests.filters.golden import rows

ARPA = """\
\\data\\
ngram 1=6
ngram 2=5
ngram 3=2

\\1-grams:
-1.1\t<unk>
-99\t<s>\t-0.31
-0.9\t</s>
-0.7\tred\t-0.21
-0.8\tfox\t-0.11
-1.3\truns\t-0.0

\\2-grams:
-0.4\t<s> red\t-0.13
-0.5\tred fox\t-0.17
-0.6\tfox runs
-0.3\truns </s>
-0.8\tfox fox\t0.05

\\3-grams:
-0.2\t<s> red fox
-0.1\tred fox runs

\\end\\
"""
SCORES = {
    "": "-0x1.35c2900000000p+0",
    "red": "-0x1.a3d70a0000000p+0",
    "red fox runs": "-0x1.0000000000000p+0",
    "fox fox fox runs": "-0x1.c147ae0000000p+1",
    "runs blue red": "-0x1.2147ae0000000p+2",
    "red\tfox \u00a0runs": "-0x1.70a3d80000000p+1",
    "</s> red": "-0x1.828f5c0000000p+1",
}
"""What kenlm 0.3.0 gives for this model."""


@pytest.fixture(scope="module")
def arpa() -> ArpaModel:
    return read_arpa(ARPA.splitlines(keepends=True))


@pytest.mark.parametrize("row", rows("perplexity"), ids=lambda row: row["what"])
def test_normal_forms(row):
    assert ccnet_normal(row["text"]) == row["normal"]


@given(st.text())
def test_nothing_that_is_to_go_is_left(text):
    normal = ccnet_normal(text)
    assert not [c for c in normal if unicodedata.category(c) in ("Cc", "Mn")]
    assert not [c for c in normal if unicodedata.category(c) == "Nd" and c != "0"]
    assert "\n" not in normal
    assert ccnet_normal(f" {text}\n") == normal


@pytest.mark.parametrize("sentence", SCORES)
def test_scores_are_those_of_kenlm_bit_for_bit(arpa, sentence):
    assert arpa.score(sentence) == float.fromhex(SCORES[sentence])


def test_a_word_that_no_model_knows_is_unknown(arpa):
    assert "red" in arpa
    assert "blue" not in arpa
    assert "<unk>" not in arpa
    assert arpa.score("blue") == arpa.score("<unk>") == arpa.score("green")
    without = read_arpa(
        ARPA.replace("ngram 1=6", "ngram 1=5").replace("-1.1\t<unk>\n", "").split("\n")
    )
    assert without.score("blue") == pytest.approx(-100 - 0.31 - 0.9, abs=1e-5)
    assert knows(arpa, ["red", "blue", "fox", "green"]) == 0.5
    assert knows(arpa, []) == 1


def test_a_text_is_one_sentence_unless_lines_are_asked_for(arpa):
    text = "Red fox runs\n\nRed"
    whole = PerplexityScorer(arpa, None)
    assert whole(text) == 10 ** (-arpa.score("red fox runsred") / 4)
    by_line = PerplexityScorer(arpa, None, lines=True)
    total = arpa.score("red fox runs") + arpa.score("") + arpa.score("red")
    assert by_line(text) == 10 ** (-total / (4 + 1 + 2))
    as_is = PerplexityScorer(arpa, None, normalize=False)
    total = arpa.score("Red fox runs") + arpa.score("") + arpa.score("Red")
    assert as_is(text) == 10 ** (-total / 7)


def test_pieces_are_words_and_the_end_of_a_text_is_none_of_the_library():
    asked = []

    class Listening:
        def score(self, sentence: str) -> float:
            asked.append(sentence)
            return -1.0

        def __contains__(self, word: str) -> bool:
            return bool(word)

    scorer = PerplexityScorer(Listening(), lambda text: [text[:2], text[2:]])
    assert scorer("Redfox") == math.pow(10, 1 / 3)
    assert asked.pop() == "re dfox"
    PerplexityScorer(Listening(), None, normalize=False)("red\0fox")
    assert asked.pop() == "red fox"


@given(st.lists(st.sampled_from(["red", "fox", "runs", "blue", "\n", "1"])).map(" ".join))
def test_a_perplexity_is_a_number_from_one_on(text):
    read = read_arpa(ARPA.splitlines())
    for lines in (False, True):
        assert 1 <= PerplexityScorer(read, None, lines=lines)(text) < 1e9


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("\\data\\", "", "should stand here"),
        ("ngram 2=5", "ngram 3=5", "line 3: 'ngram 2=' should stand here"),
        ("ngram 2=5", "ngram 2=many", "line 3: 'ngram 2=' should stand here"),
        ("-0.4\t<s> red\t-0.13", "-0.4\t<s>", "line 15: no 2-gram with its numbers"),
        ("-0.4\t<s> red", "half\t<s> red", "line 15: no 2-gram with its numbers"),
        ("-0.4\t<s> red", "0.4\t<s> red", "line 15: a log10 probability that none can be"),
        ("-0.4\t<s> red", "nan\t<s> red", "line 15: a log10 probability that none can be"),
        ("fox fox", "red fox", "fewer 2-grams than the 5 announced"),
        ("\\3-grams:", "\\4-grams:", "'\\3-grams:' should stand here"),
        ("\\end\\\n", "", "'\\end\\' should stand here"),
        ("\t</s>\n", "\tend\n", "the model has no </s>"),
        ("ngram 3=2", "".join(f"ngram {n}=2\n" for n in range(3, 8)), "6 is the most"),
    ],
)
def test_what_is_no_model_is_told_with_its_line(old, new, says):
    assert old in ARPA
    with pytest.raises(ValueError, match=re.escape(says)):
        read_arpa(ARPA.replace(old, new, 1).splitlines())


@given(st.text(alphabet="\\dataengrm:123=-.<>/s \t\n", max_size=200), st.integers(0, len(ARPA)))
def test_whatever_comes_is_a_model_or_told(noise, at):
    try:
        read = read_arpa((ARPA[:at] + noise + ARPA[at:]).split("\n"))
    except ValueError:
        return
    assert math.isfinite(read.score("red fox"))
