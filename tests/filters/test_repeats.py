"""What is the same text and the same line; and that nothing else leaves a text."""

import hashlib
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.repeats import hash64, normal_text, passages, without_passages

texts = st.text(st.sampled_from("aAbß\u0130é\u0301,. 12\t\n\n\u2028\u00a0"), max_size=60)
units = st.sampled_from(["line", "paragraph"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A house.\n\nA river.", " a  HOUSE.\ta river. "),
        ("Straße", "STRASSE"),
        ("caf\u00e9", "CAFE\u0301"),
        ("\u1e9b\u0323", "\u1e69"),  # long s with two dots, in two encodings and cases
        ("a\u00a0b\u2003c", "a b c"),
    ],
)
def test_texts_that_are_the_same(one, other):
    assert normal_text(one) == normal_text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a 1", "a 2"), ("a.", "a"), ("cafe", "caf\u00e9"), ("ab", "a b"), ("a", "")],
)
def test_texts_that_are_not(one, other):
    assert normal_text(one) != normal_text(other)


@given(texts)
def test_the_normal_form_is_its_own_and_that_of_every_encoding(text):
    normal = normal_text(text)
    assert normal_text(normal) == normal
    for form in ("NFC", "NFD"):
        assert normal_text(unicodedata.normalize(form, text)) == normal


def test_keys_are_the_same_on_every_machine():
    digest = hashlib.blake2b(b"a\xc3\xa9", digest_size=8).digest()
    assert hash64("aé") == int.from_bytes(digest, "little")


@given(texts, units, st.integers(1, 4))
@example("\n\na\n \nb\n\n", "paragraph", 1)
@example("a\n\n\nb", "line", 1)
def test_passages_are_the_whole_text(text, unit, min_chars):
    found = list(passages(text, unit, min_chars))
    assert "".join(text[one.start : one.end] for one in found) == text
    assert all(one.start < one.end for one in found)
    assert all(one.key is None or one.end - one.start >= min_chars for one in found)


def test_the_same_line_by_ccnets_normal_form():
    lines = [
        "Page 12 of the Café!",
        "page 7 of the cafe",
        "PAGE 3 OF THE CAFE...",
        "Page two of the Café!",
        "Short 1",
    ]
    keys = [one.key for one in passages("\n".join(lines), "line", 10)]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert keys[4] is None


def test_paragraphs_end_at_a_blank_line():
    text = "One line of it\nand another.\n \t\n\nNext.\n"
    assert [text[one.start : one.end] for one in passages(text, "paragraph", 1)] == [
        "One line of it\nand another.\n \t\n\n",
        "Next.\n",
    ]


@given(texts, units, st.data())
def test_only_what_repeats_leaves(text, unit, data):
    found = list(passages(text, unit, 1))
    keys = sorted({one.key for one in found if one.key is not None})
    repeated = set(data.draw(st.lists(st.sampled_from(keys)) if keys else st.just([])))
    shortened = without_passages(text, unit, 1, repeated)
    if not repeated:
        assert (shortened.text, shortened.spans, shortened.chars) == (text, 0, 0)
        return
    kept = "".join(text[one.start : one.end] for one in found if one.key not in repeated)
    assert shortened.text == kept.strip("\n")
    assert shortened.chars == len(text) - len(shortened.text) > 0
    is_lost = [one.key in repeated for one in found]
    begins = [lost and not before for before, lost in zip([False, *is_lost], is_lost, strict=False)]
    assert shortened.spans == sum(begins)
