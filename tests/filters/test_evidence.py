"""What is marked is what is counted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.c4 import C4_LINES, edit_lines
from filters.catalog import EDITS, text_signals
from filters.cuts import cut_lines
from filters.differences import differing as differences
from filters.dolma_pii import DOLMA_PII
from filters.evidence import _FINDERS, can_mark, evidence
from filters.parts import word_places
from filters.pii import PII, redact
from filters.segment import segmenter
from filters.span import Span
from filters.text import Text
from tests.filters.golden import rows
from tests.filters.marked import COUNTED, differing

# Few pieces, so that lines, paragraphs and words come again; every kind of line boundary.
PIECES = st.sampled_from(
    ["a", "b ", "the ", "of ", "- ", "•", "…", "...", "#", "\n", "\n\n", "\u2028", "\x85", "\r\n",
     " ", "\t", "x.", "1", "{", "Lorem ipsum ", "javascript ", "use cookies ", "[12]", "[edit]",
     "IS_ALPHA", "é", "AB", "ABC\n", "İ", "don't ", "a@b.org ", "8.8.8.8 ", "10.0.0.1 "]
)  # fmt: skip
DOLMA = ("dolma_emails", "dolma_phones", "dolma_ips", "dolma_personal_data")
TEXTS = st.lists(PIECES, max_size=80).map("".join)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "terminal_punctuation": st.booleans(),
        "min_words_per_line": st.integers(0, 3),
        "max_word_length": st.sampled_from([3, 1000]),
        "javascript": st.booleans(),
        "policy": st.booleans(),
        "citations": st.booleans(),
    },
)


def text_of(raw: str) -> Text:
    return Text(raw, segmenter("en"))


def measured(text: Text) -> dict[str, int]:
    counts = {name: item for name, item in text_signals().items() if item.kind is int}
    return {name: item.measure(text) for name, item in counts.items() if item.measure}


def test_every_signal_that_marks_is_compared():
    assert set(COUNTED) | {"emails", "ips", *DOLMA} == set(_FINDERS)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_marked_parts_add_up_to_the_counts(raw):
    # Where IS_ALPHA is a word, the words are those of a text without it: nothing can be marked.
    assert all(isinstance(evidence(text_of(raw), name), list) for name in COUNTED)
    text = text_of(raw.replace("IS_ALPHA", ""))
    assert differing(text, measured(text)) == {}
    places = [text.raw[start:end] for start, end in word_places(text)]
    assert places == text.words


@settings(max_examples=300, deadline=None)
@given(TEXTS, OPTIONS)
def test_what_is_cut_is_what_the_edit_removes(raw, options):
    text = text_of(raw)
    edited = edit_lines(text, {**C4_LINES.options, **options})
    cut = cut_lines(text, options)
    assert cut.text == edited.text
    assert len(cut.lines) == edited.counts["removed_lines"]
    for place, character in zip(cut.places, cut.text, strict=True):
        assert character == "\n" if place < 0 else raw[place] == character
    edits = {"c4_lines": options}
    for name in ("removed_lines", "lorem_lines", "lorem_first", "curly_lines"):
        assert len(evidence(text, f"c4_lines.{name}", edits)) == edited.counts[name], name


@settings(max_examples=200, deadline=None)
@given(TEXTS, OPTIONS)
def test_parts_behind_the_edit_are_those_of_the_text_before_it(raw, options):
    """Lines lie whole in one line, so what is marked before the edit is what was counted after."""
    text = text_of(raw)
    left = text_of(cut_lines(text, {**options, "citations": False}).text)
    for name in ("short_lines", "dup_nonblank_chars", "bullet_lines", "hashes"):
        edits = {"c4_lines": {**options, "citations": False}}
        before = evidence(text, f"c4_lines.{name}", edits)
        after = evidence(left, name)
        shown = [left.raw[span.start : span.end].strip() for span in after]
        assert [raw[span.start : span.end].strip() for span in before] == shown


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_personal_data_is_marked_where_it_is_replaced(raw):
    text = text_of(raw)
    counts = redact(text, PII.options).counts
    for name in ("emails", "ips"):
        assert len(evidence(text, f"pii.{name}")) == counts[name]


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_personal_data_of_dolma_is_marked_where_it_is_replaced(raw):
    text = text_of(raw)
    counts = DOLMA_PII.apply(text, DOLMA_PII.options).counts
    assert len(evidence(text, "dolma_personal_data")) == sum(counts.values())
    for name in DOLMA[:-1]:
        assert len(evidence(text, name)) == measured(text)[name]


def test_reasons_of_cut_lines_are_told():
    raw = (
        "Too short.\nThis line says javascript, too.\nA line without an end\nIt is a good line.[1]"
    )
    cut = cut_lines(text_of(raw), {})
    assert [span.what for span in cut.lines] == [
        "cut line: fewer than 3 words",
        "cut line: says 'javascript'",
        "cut line: does not end as a sentence",
    ]
    assert cut.citations == [Span(len(raw) - 3, len(raw), "cut citation")]
    assert cut.text == "It is a good line."


def test_names_are_those_of_rules():
    text = text_of("one\none")
    assert evidence(text, "dup_lines") == evidence(text, "text.dup_lines") != []
    assert evidence(text, "chars") == evidence(text, "no_such_signal") == []
    assert evidence(text, "pii.words") == evidence(text, "other.dup_lines") == []
    # Behind another edit it is not known what came from where.
    assert evidence(text, "c4_lines.dup_lines", {"pii": {}, "c4_lines": {}}) == []
    assert can_mark("c4_lines.short_lines")
    assert can_mark("dup_5gram_chars")
    assert not can_mark("words")
    assert not can_mark("c4_lines.sentences")


LINES = st.lists(st.sampled_from(["a b c\n", "a x c\n", "\n", "the same line\n", "d"]), max_size=12)


@settings(max_examples=200, deadline=None)
@given(LINES.map("".join), LINES.map("".join))
def test_texts_without_what_differs_are_the_same(one, other):
    ours, theirs = differences(one, other)
    assert without(one, ours) == without(other, theirs)
    assert (ours == theirs == []) == (one == other)


def without(text: str, spans: list[Span]) -> str:
    covered = {at for span in spans for at in range(span.start, span.end)}
    return "".join(character for at, character in enumerate(text) if at not in covered)


def test_long_texts_are_told_apart_in_bounded_time():
    one, other = ("".join(f"{part}{n}\n" for n in range(2_000)) for part in "ab")
    assert differences(one, other) == (
        [Span(0, len(one), "differs")],
        [Span(0, len(other), "differs")],
    )


@pytest.mark.slow
def test_marked_parts_add_up_on_every_page_of_the_demo(demo_run):
    import pyarrow.parquet as pq

    pages = 0
    for path in sorted((demo_run / "documents").glob("*.parquet")):
        for raw in pq.read_table(path, columns=["text"])["text"].to_pylist():
            text = text_of(raw)
            assert differing(text, measured(text)) == {}, raw[:80]
            pages += 1
    assert pages > 900


def test_stop_words_are_the_recipes():
    text = Text("le chat de la mer, the cat", segmenter("fra_Latn"))
    french = evidence(text, "text.distinct_stop_words", {}, ("le", "la"))
    assert [text.raw[span.start : span.end] for span in french] == ["le", "la"]
    english = evidence(text, "distinct_stop_words")
    assert [text.raw[span.start : span.end] for span in english] == ["the"]


@pytest.mark.parametrize("edit", ["refinedweb_lines", "ended_lines"])
@pytest.mark.parametrize("row", [*rows("refinedweb"), *rows("dolma")], ids=lambda row: row["what"])
def test_lines_that_an_edit_takes_out_are_marked(edit, row):
    text = Text(row["text"], segmenter("en"))
    spans = evidence(text, f"{edit}.removed_lines", {edit: {}})
    counts = EDITS[edit].apply(text, EDITS[edit].options).counts
    assert len(spans) == counts["removed_lines"]
    lines = text.raw.split("\n")
    assert all(text.raw[span.start : span.end] in lines for span in spans)
    assert can_mark(f"{edit}.removed_lines")
