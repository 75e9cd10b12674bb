"""Signals that an input brings along: names, and the numbers that lists of spans come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.catalog import resolve
from filters.errors import UsageError
from filters.imported import (
    CATALOGS,
    always_imported,
    family_of,
    imported_signal,
    in_row,
    numbers_in,
)
from filters.judge import DropStage, Judge
from filters.rule import parse_rule
from filters.segment import segmenter
from filters.spans import REDUCTIONS, reduced, split_name

LINES = [[0, 10, 2.0], [10, 14, -1.0], [14, 20, 0.5]]


@pytest.mark.parametrize(
    ("found", "how", "number"),
    [
        ([[0, 10, 2.5]], None, 2.5),
        ([[0.0, 10.0, 7]], None, 7.0),
        (0.7, None, 0.7),
        (True, None, 1.0),
        (LINES, None, None),
        ([], None, None),
        (None, None, None),
        ([[0, 10, None]], None, None),
        ([[0, 4, None], [4, 9, 3.0]], None, 3.0),
        ("high", None, None),
        ([[0, 10]], None, None),
        ([[0, 10, "high"]], None, None),
        ([[0, 10, float("nan")]], None, None),
        ([[0, 10, 10**400]], None, None),
        (LINES, "spans", 3.0),
        (LINES, "sum", 1.5),
        (LINES, "least", -1.0),
        (LINES, "most", 2.0),
        (LINES, "chars", 20.0 - 4.0 + 3.0),
        ([], "spans", 0.0),
        ([], "sum", 0.0),
        ([], "chars", 0.0),
        ([], "least", None),
        (0.7, "sum", 0.7),
        (0.7, "chars", None),
        ([[0, 1e308, 1e308]], "chars", None),
    ],
)
def test_a_list_of_spans_comes_to_one_number_or_to_none(found, how, number):
    assert reduced(found, how) == number


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists), st.text())
def test_whatever_stands_there_is_a_number_or_none(found, name):
    for how in (None, *REDUCTIONS):
        value = reduced(found, how)
        assert value is None or value == value  # noqa: PLR0124  not NaN
    assert all(isinstance(part, str | None) for part in split_name(name))


def test_a_reduction_is_the_last_part_of_a_name():
    assert split_name("exp__tagger__words") == ("exp__tagger__words", None)
    assert split_name("exp__tagger__words__sum") == ("exp__tagger__words", "sum")
    assert split_name("total__sum__sum") == ("total__sum", "sum")
    assert split_name("__sum") == ("__sum", None)


def test_attributes_are_found_by_the_names_that_rules_can_write():
    attributes = {"exp-1__a.b__x": [[0, 3, 5]], "plain": 2, "label": "x", "none": None}
    names = ["dolma.exp_1__a_b__x", "dolma.plain", "dolma.label", "dolma.none", "dolma.absent"]
    assert numbers_in(attributes, names) == {"dolma.exp_1__a_b__x": 5.0, "dolma.plain": 2.0}


def test_columns_of_a_row_are_numbers_or_labels():
    names = ["fineweb.token_count", "fineweb.score", "pile.pile_set_name"]
    row = {"fineweb.token_count": 12, "fineweb.score": "high", "pile.pile_set_name": "Github"}
    assert in_row(row, names) == {"fineweb.token_count": 12.0, "pile.pile_set_name": "Github"}
    assert in_row({"pile.pile_set_name": 3}, names) == {}
    assert in_row({"pile.pile_set_name": "x" * 201}, names) == {}
    assert in_row({"pile.pile_set_name": "\ud800"}, names) == {"pile.pile_set_name": "?"}


def test_names_of_formats_resolve_and_others_do_not():
    assert (
        resolve("redpajama2.rps_doc_word_count")
        is CATALOGS["redpajama2"]["redpajama2.rps_doc_word_count"]
    )
    assert resolve("dolma.any__thing").kind is float
    assert imported_signal("redpajama2.rps_doc_words") is None
    assert imported_signal("redpajama2.rps_lines_num_words") is None, "which number of a line?"
    assert family_of("text.words") is family_of("dolma") is None
    with pytest.raises(UsageError, match=r"nothing measures 'redpajama2\.rps_doc_words'"):
        resolve("redpajama2.rps_doc_words")


def test_all_numbers_of_documents_are_imported_and_those_of_lines_if_asked_for():
    always = always_imported("redpajama2")
    assert len(always) == 39
    assert "redpajama2.rps_doc_unigram_entropy" in always
    assert not [name for name in always if "rps_lines" in name]
    assert always_imported("dolma") == always_imported("c4") == ()


def test_rules_read_what_was_imported_and_what_is_absent_is_undefined():
    rules = (
        parse_rule("few", "redpajama2.rps_doc_word_count < 3"),
        parse_rule("odd", "redpajama2.ccnet_perplexity / words > 100"),
    )
    judge = Judge([DropStage(rules)], segmenter("en"))
    assert [column.name for column in judge.columns] == ["text.words"]

    def decided(**imported: float) -> str | None:
        values = {f"redpajama2.{name}": value for name, value in imported.items()}
        decision = judge.judge("Two words", imported=values).decision
        return decision and f"{decision.status} {decision.rule}"

    assert decided(rps_doc_word_count=2.0) == "dropped few"
    assert decided(rps_doc_word_count=3.0, ccnet_perplexity=201.0) == "dropped odd"
    assert decided(rps_doc_word_count=3.0, ccnet_perplexity=200.0) is None
    assert decided(ccnet_perplexity=1.0) == "failed undefined:few"
    assert decided(rps_doc_word_count=3.0) == "failed undefined:odd"
