"""Signals that an input brings along: measured by whoever made it, read and never recomputed.

Each has the name of its input's format before its own (`redpajama2.rps_doc_word_count`), as a
revision would have, and is a column like any other: for rules, what-if, sweeps and reports. Numbers
are kept as float64, as they stand in the input; null where it says nothing of a document.
RedPajama-V2 (arXiv 2411.12372, tables 11 to 15), FineWeb, FineWeb-2 and The Pile have a fixed set;
the attributes of Dolma's taggers are whatever somebody has called them: `dolma.NAME`, where
anything but letters, digits and `_` is written as `_`. Of a signal on lines or paragraphs
`NAME__spans`, `__sum`, `__least`, `__most` and `__chars` can be read (`filters/spans.py`).
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from filters.signal import Signal, Value
from filters.spans import REDUCTIONS, reduced, split_name
from filters.text import without_surrogates

_CCNET = {
    "ccnet_bucket": "Number of the perplexity bucket: head, middle or tail",
    "ccnet_language_score": "Score of CCNet's language identification",
    "ccnet_length": "Characters",
    "ccnet_nlines": "Lines",
    "ccnet_original_length": "Characters before CCNet removed lines that repeat",
    "ccnet_original_nlines": "Lines before CCNet removed lines that repeat",
    "ccnet_perplexity": "Perplexity to a model of Wikipedia",
}
_NATURAL = {
    "rps_doc_curly_bracket": "Curly brackets, by characters",
    "rps_doc_frac_all_caps_words": "Words in capitals only, by words",
    "rps_doc_frac_lines_end_with_ellipsis": "Lines that end with an ellipsis, by lines",
    "rps_doc_frac_no_alph_words": "Words without a letter, by words",
    "rps_doc_frac_unique_words": "Distinct words, by words",
    "rps_doc_lorem_ipsum": "Occurrences of 'lorem ipsum', by characters",
    "rps_doc_mean_word_length": "Mean length of a word",
    "rps_doc_num_sentences": "Sentences",
    "rps_doc_stop_word_fraction": "Stop words, by words",
    "rps_doc_symbol_to_word_ratio": "Number signs and ellipses, by words",
    "rps_doc_unigram_entropy": "Entropy of the distribution of words",
    "rps_doc_word_count": "Words after normalisation",
}
_REPEATED = {
    **{
        f"rps_doc_frac_chars_dupe_{n}grams": f"Characters in repeated {n}-grams of words, by all"
        for n in range(5, 11)
    },
    **{
        f"rps_doc_frac_chars_top_{n}gram": f"Characters in the commonest {n}-gram of words, by all"
        for n in (2, 3, 4)
    },
}
_CONTENT = {
    "rps_doc_ldnoobw_words": "Occurrences of words of the LDNOOBW list",
    "rps_doc_ut1_blacklist": "Number of the domain's category in the UT1 lists",
}
_MODELS = {
    **{
        f"rps_doc_{domain}_importance{kind}": f"Log of how much likelier in {title}{what}"
        for domain, title in (
            ("books", "books"),
            ("openwebtext", "OpenWebText"),
            ("wikipedia", "Wikipedia"),
        )
        for kind, what in (("", ""), ("_length_correction", ", corrected for length"))
    },
    "rps_doc_ml_palm_score": "Score for a page like Wikipedia, OpenWebText or books; English",
    "rps_doc_ml_wikipedia_score": "Score for a page like a Wikipedia article; not English",
    "rps_doc_ml_wikiref_score": "Score for a page that Wikipedia refers to; English",
}
_LINES = {
    "rps_lines_ending_with_terminal_punctution_mark": "whether it ends as a sentence does",
    "rps_lines_javascript_counts": "occurrences of 'javascript'",
    "rps_lines_num_words": "words",
    "rps_lines_numerical_chars_fraction": "digits, by characters",
    "rps_lines_start_with_bulletpoint": "whether it begins with a bullet",
    "rps_lines_uppercase_letter_fraction": "capitals, by characters",
}
"""The name with `punctution` is the one in the data."""


def _signal(name: str, summary: str, kind: type = float, **settings: Any) -> Signal:
    return Signal(name, kind, f"{summary}.", __name__, settings=settings)


def _by_name(*signals: Signal) -> Mapping[str, Signal]:
    return MappingProxyType({signal.name: signal for signal in signals})


def _redpajama2() -> Mapping[str, Signal]:
    documents = {**_CCNET, **_NATURAL, **_REPEATED, **_CONTENT, **_MODELS}
    lines = {
        f"{name}__{how}": f"By line, {what}: {meaning}"
        for name, what in _LINES.items()
        for how, (_, meaning) in REDUCTIONS.items()
    }
    return _by_name(
        *(_signal(f"redpajama2.{name}", summary) for name, summary in documents.items()),
        *(_signal(f"redpajama2.{name}", summary) for name, summary in lines.items()),
    )


_SCORE = "Score of the language identification"
CATALOGS: Mapping[str, Mapping[str, Signal]] = MappingProxyType(
    {
        "redpajama2": _redpajama2(),
        "fineweb": _by_name(
            _signal("fineweb.language_score", _SCORE, column="language_score"),
            _signal("fineweb.token_count", "Tokens of GPT-2", column="token_count"),
            _signal("fineweb.score", "Educational score, of FineWeb-Edu", column="score"),
            _signal("fineweb.int_score", "The same as a whole number", column="int_score"),
        ),
        "fineweb2": _by_name(
            _signal("fineweb2.language_score", _SCORE, column="language_score"),
            _signal(
                "fineweb2.minhash_cluster_size",
                "Documents of the near-duplicates' cluster",
                column="minhash_cluster_size",
            ),
        ),
        "pile": _by_name(
            _signal(
                "pile.pile_set_name", "Name of the component", str, column="meta.pile_set_name"
            ),
        ),
    }
)
"""Formats whose signals are known, with these by full name. `column` is where a row has it."""

OPEN = ("dolma",)
"""Formats whose signals have whatever names somebody has given them."""
FAMILIES = (*CATALOGS, *OPEN)
_LONGEST_LABEL = 200
"""Characters; what is longer is a text and says nothing here."""
_UNNAMED = re.compile(r"[^A-Za-z0-9_]")


def family_of(name: str) -> str | None:
    """Return the format that brings a signal of this full name; None for what we measure."""
    family, dot, _ = name.partition(".")
    return family if dot and family in FAMILIES else None


def imported_signal(name: str) -> Signal | None:
    """Return the imported signal of a full name; None where no format brings such a one."""
    family = family_of(name)
    if family is None:
        return None
    if family in CATALOGS:
        return CATALOGS[family].get(name)
    own, how = split_name(name.partition(".")[2])
    what = f": {REDUCTIONS[how][1]}" if how else ""
    return _signal(name, f"Dolma's attribute {own}{what}") if own else None


def always_imported(family: str) -> tuple[str, ...]:
    """Return what is imported of every document, whether a rule reads it or not.

    These are the numbers of whole documents: they cost little, and make another rule on them
    a question to the ledger.
    """
    return tuple(
        name for name in CATALOGS.get(family, ()) if split_name(name.partition(".")[2])[1] is None
    )


def numbers_in(attributes: Mapping[str, Any], names: Iterable[str]) -> dict[str, Value]:
    """Return what a document's signals or attributes say under these full names; not the nulls."""
    by_name = attributes
    if any(_UNNAMED.search(key) for key in attributes):
        by_name = {rule_name(key): value for key, value in attributes.items()}
    found: dict[str, Value] = {}
    for name in names:
        own, how = split_name(name.partition(".")[2])
        value = reduced(by_name.get(own), how)
        if value is not None:
            found[name] = value
    return found


def rule_name(key: str) -> str:
    """Return an attribute's name as a rule can write it."""
    return _UNNAMED.sub("_", key)


def in_row(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Value]:
    """Return what the columns of a row say under full names: numbers or labels, not the nulls."""
    found: dict[str, Value] = {}
    for name in names:
        value = values.get(name)
        signal = imported_signal(name)
        if signal is not None and signal.kind is str:
            if isinstance(value, str) and len(value) <= _LONGEST_LABEL:
                found[name] = without_surrogates(value)
        elif (number := reduced(value, None)) is not None:
            found[name] = number
    return found


def column_in_row(name: str) -> str | None:
    """Return the dotted name of the column that holds a signal; None for one of another file."""
    signal = imported_signal(name)
    column = signal.settings.get("column") if signal is not None else None
    return str(column) if column is not None else None
