"""Names: what a recipe may write, and what it is told when it writes something else."""

import pytest

from filters.catalog import EDITS, GATE_SIGNALS, TEXT, names, resolve, text_signals
from filters.errors import UsageError
from filters.signal import Signal, register

BOTH = [TEXT, "c4_lines"]


def test_all_signals_of_fineweb_are_there():
    expected = {
        "chars", "words", "lines", "line_runs", "paragraphs", "dup_paragraphs",
        "dup_paragraph_chars", "dup_lines", "dup_line_chars", "lexical_words",
        "lexical_word_chars", "hashes", "ellipses", "bullet_lines", "ellipsis_lines",
        "alpha_words", "distinct_stop_words", "sentences", "nonblank_lines", "terminal_lines",
        "short_lines", "dup_nonblank_chars", "nonnewline_chars", "newlines",
        *(f"top_{n}gram_chars" for n in (2, 3, 4)), *(f"dup_{n}gram_chars" for n in range(5, 11)),
    }  # fmt: skip
    assert expected <= set(text_signals())


def test_bare_names_are_of_the_extracted_text():
    assert resolve("words") is resolve("text.words") is resolve("c4_lines.words", BOTH)
    assert resolve("sentences") is text_signals()["sentences"]


def test_an_edits_own_signals_come_first():
    own = resolve("c4_lines.sentences", BOTH)
    assert own is EDITS["c4_lines"].signals["sentences"]
    assert own.measure is None
    assert own.source == "filters/c4.py"


def test_gates():
    assert resolve("url.block_reason").kind is str
    assert resolve("language.score").kind is float
    assert all(item.measure is None for item in GATE_SIGNALS.values())


@pytest.mark.parametrize(
    ("name", "revisions", "hint"),
    [
        ("top_2gram_char", [TEXT], "Did you mean 'top_2gram_chars' (filters/ngrams.py)?"),
        ("lorem_first", [TEXT], "nothing measures 'lorem_first'"),
        ("c4_lines.words", [TEXT], "nothing measures 'c4_lines.words'"),
        ("c4_lines.curly", BOTH, "nothing measures 'c4_lines.curly'"),
        ("c4_lines.curly_line", BOTH, "Did you mean 'c4_lines.curly_lines' (filters/c4.py)?"),
        ("language.scor", [TEXT], "Did you mean 'language.score' (filters/language.py)?"),
        (".", [TEXT], "List all: cuvee signals"),
    ],
)
def test_unknown_names(name, revisions, hint):
    with pytest.raises(UsageError) as caught:
        resolve(name, revisions)
    assert hint in str(caught.value)
    assert str(caught.value).count("\n") < 3


def test_every_name_resolves():
    for name, item in names(BOTH).items():
        assert resolve(name, BOTH) is item


def test_every_signal_says_what_it_counts_and_has_a_fingerprint():
    items = names([TEXT, "c4_lines", "pii"]).values()
    assert all(item.summary and item.summary.endswith(".") for item in items)
    prints = {item.fingerprint("spacy-3:en") for item in text_signals().values()}
    assert len(prints) == len(text_signals())
    item = text_signals()["short_lines"]
    assert item.fingerprint("spacy-3:en") != item.fingerprint("spacy-4:en")


def test_a_taken_name_is_refused():
    with pytest.raises(UsageError, match=r"already defined in filters/gopher\.py"):
        register(Signal("words", int, "Count words.", "somewhere.else"))
