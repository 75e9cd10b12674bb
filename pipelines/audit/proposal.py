"""What FineWeb-2 has a file for, proposed from a run: thresholds and stop words of a language.

Thresholds of rules are those that `tune` has found. That of the language's score is the median
less the standard deviation of the scores of pages in that language, between 0.3 and 0.9, as
summaries of FineWeb-2 (arXiv 2506.20920) tell it. Stop words are the words that make up most of
the text, as in FineWeb-2's files, but counted on the pages of the run instead of Wikipedia.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from filters.errors import UsageError
from filters.segment import segmenter
from pipelines.audit.ledger import Ledger
from pipelines.audit.tune import Tuned
from pipelines.recipe.dump import recipe_yaml
from pipelines.recipe.fineweb2 import FILE_KEYS, fineweb2_settings
from pipelines.tables import read_table

LEAST_SCORE, MOST_SCORE = 0.3, 0.9
_OFTEN = 0.008
"""Share of all words from which on a word is a stop word."""
_FEWEST = 8
"""So many at least, the most frequent ones: Gopher's rule wants two of eight."""
_PAGES = 5_000
"""Pages on which words are counted."""


def proposed_file(ledger: Ledger, tuned: Tuned) -> str:
    """Return a language's file in FineWeb-2's form, for the ledger of one language.

    UsageError for a ledger of several, a recipe that lacks rules of FineWeb-2's, or no texts.
    """
    if ledger.language is None:
        raise UsageError(
            "tune: a file of thresholds is of one language.\n  Say which: --language LABEL"
        )
    constants = dict(zip(tuned.rules["rule"], tuned.rules["after"], strict=True))
    constants["unsure_language"] = score_threshold(ledger)
    missing = [rule for rule in FILE_KEYS if rule not in ledger.plan.names()]
    if len(missing) == len(FILE_KEYS):
        raise UsageError(
            f"{ledger.root}: its recipe has none of FineWeb-2's rules.\n"
            "  Tune a run of fineweb2, or of a recipe that extends it."
        )
    return recipe_yaml(fineweb2_settings(constants, stop_words(ledger)))


def score_threshold(ledger: Ledger) -> float:
    """Return the least score of the language model for pages in the ledger's language."""
    with ledger.connect() as connection:
        rows = connection.execute(
            "SELECT median(language_score), stddev_pop(language_score) FROM ledger"
        ).fetchone()
    middle, spread = rows if rows and rows[0] is not None else (1.0, 0.0)
    return round(float(np.clip(middle - spread, LEAST_SCORE, MOST_SCORE)), 3)


def stop_words(ledger: Ledger) -> list[str]:
    """Return the most frequent words of the language's pages, the most frequent first.

    Words with a letter, as not all of Hindi's or Thai's signs count as letters, nor does the
    apostrophe of `l'`. UsageError where the run has kept no text.
    """
    named = ledger.recipe.map.get("words")
    words = segmenter(str(named.plain()) if named else "en")
    counts: Counter[str] = Counter()
    for text in _texts(ledger):
        counts.update(word.lower() for word in words.words(text) if any(map(str.isalpha, word)))
    if not counts:
        raise UsageError(
            f"{ledger.root}: it has no text in {ledger.language} to find stop words in.\n"
            "  A run keeps texts in documents/ as its recipe's keep_text says."
        )
    total = counts.total()
    often = [word for word, count in counts.most_common() if count >= _OFTEN * total]
    return often if len(often) >= _FEWEST else [word for word, _ in counts.most_common(_FEWEST)]


def _texts(ledger: Ledger) -> Iterator[str]:
    """Yield stored texts of pages past the gates, in the ledger's order."""
    left = _PAGES
    for path in ledger.files:
        beside = ledger.root / "documents" / path.name
        if left <= 0 or not beside.exists():
            continue
        rows = read_table(path, ["record", "language", "stage"])
        past = pc.and_(
            pc.equal(rows["language"], ledger.language),
            pc.fill_null(pc.not_equal(rows["stage"], "language"), fill_value=True),
        )
        records = rows.filter(past)["record"]
        texts = read_table(beside, ["record", "text"])
        for text in texts.filter(pc.is_in(texts["record"], records.combine_chunks()))["text"]:
            left -= 1
            yield str(text)
