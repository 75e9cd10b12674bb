"""The line filter against datatrove's, with every option and each veto on and off."""

import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter
from datatrove.pipeline.filters.base_filter import get_filter_result
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.catalog import EDITS
from filters.segment import segmenter
from filters.text import Text

DATATROVES = {
    "terminal_punctuation": "filter_no_terminal_punct",
    "min_words_per_line": "min_words_per_line",
    "max_word_length": "max_word_length",
    "javascript": "filter_javascript",
    "policy": "filter_policy",
    "citations": "remove_citations",
}
PIECES = st.sampled_from([
    "one two three", "Four five six.", "two words", "Lorem ipsum dolor sit", "a { b",
    "use JavaScript now", "\n", "\n", "our Privacy Policy is", "[1]", "[edit]", " ", "\u2028",
    "...", "!", '"', "a" * 1001, "b" * 12, "?", " \t", "See. This? Yes!",
])  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {
        "terminal_punctuation": st.booleans(),
        "min_words_per_line": st.integers(0, 4),
        "max_word_length": st.sampled_from([10, 11, 12, 1000]),
        "javascript": st.booleans(),
        "policy": st.booleans(),
        "citations": st.booleans(),
    }
)


def oracle(raw: str, options, **vetoes: bool) -> tuple[str | None, str]:
    named = {DATATROVES[name]: value for name, value in options.items()}
    block = C4QualityFilter(min_num_sentences=0, **named, **vetoes)
    document = Document(text=raw, id="0")
    kept, reason = get_filter_result(block.filter(document))
    return (None if kept else reason), document.text


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join), OPTIONS)
def test_text_and_vetoes_equal_datatroves(raw, options):
    edited = EDITS["c4_lines"].apply(Text(raw, segmenter("en")), options)
    reason, _ = oracle(raw, options)
    vetoes = {"lorem_ipsum": "lorem_first", "curly_bracket": "curly_lines"}
    assert reason == next((rule for rule, own in vetoes.items() if edited.counts[own]), None)
    _, text = oracle(raw, options, filter_lorem_ipsum=False, filter_curly_bracket=False)
    assert edited.text == text
    without_curly, _ = oracle(raw, options, filter_curly_bracket=False)
    assert (without_curly == "lorem_ipsum") is (edited.counts["lorem_lines"] > 0)


def test_the_edit_leaves_its_options_alone_and_counts_lines():
    edit = EDITS["c4_lines"]
    edited = edit.apply(Text("one two three.\nfour\n", segmenter("en")), edit.options)
    assert edited.text == "one two three."
    assert edited.counts["removed_lines"] == 1
    assert set(edited.counts) == set(edit.signals)
    with pytest.raises(TypeError):
        edit.options["policy"] = False
