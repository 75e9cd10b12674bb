"""What the package dolma says of texts, and what we say, in its terms.

`python -m tests.parity.dolma_numbers < texts.jsonl`, run by a Python that has the package dolma
1.2.1, adds its numbers to each line, which is how `tests/golden/dolma.jsonl` was made. Only the two
taggers' own modules are loaded: the package as a whole wants models and NumPy 1.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

RATIOS = {
    "symbol_to_word_ratio": ("symbol_words", "words"),
    "fraction_of_words_with_alpha_character": ("alpha_words", "words"),
    "fraction_of_lines_starting_with_bullet_point": ("bullet_lines", "lines"),
    "fraction_of_lines_ending_with_ellipsis": ("ellipsis_lines", "lines"),
    "fraction_of_duplicate_lines": ("dup_lines", "lines"),
    "fraction_of_characters_in_duplicate_lines": ("dup_line_chars", "word_chars"),
}
NUMBERS = ("word_count", "median_word_length", "required_word_count", *RATIOS)


def theirs(text: str) -> dict[str, Any]:
    """Return the taggers' numbers, and the text without the lines that their mixer takes out."""
    from dolma.taggers.c4 import get_attributes as c4_attributes
    from dolma.taggers.gopher import get_attributes

    found = get_attributes(text)
    grams = {
        f"{kind}_{n}": share
        for kind, shares in (
            ("top", found.fraction_of_characters_in_most_common_ngram),
            ("dup", found.fraction_of_characters_in_duplicate_ngrams),
        )
        for n, share in shares
    }
    kept, at = "", 0
    for span in c4_attributes(text).lines_with_no_ending_punctuation:
        kept, at = kept + text[at : span.start], span.end
    numbers = {name: getattr(found, name) for name in NUMBERS}
    return {"numbers": {**numbers, **grams}, "becomes": kept + text[at:]}


def ours(raw: str) -> dict[str, Any]:
    """Return the same by our signals, with ratios as rules take them."""
    from filters.catalog import EDITS, text_signals
    from filters.dolma import DUP_SIZES, TOP_SIZES
    from filters.segment import segmenter
    from filters.text import Text

    text, signals = Text(raw, segmenter("en")), text_signals()

    def count(name: str) -> int:
        measure = signals[f"dolma_{name}"].measure
        assert measure is not None
        return measure(text)

    numbers: dict[str, Any] = {
        "word_count": count("words"),
        "median_word_length": count("median_half_chars") / 2,
        "required_word_count": count("stop_words"),
    }
    numbers |= {name: count(a) / max(count(b), 1) for name, (a, b) in RATIOS.items()}
    for n in (*TOP_SIZES, *DUP_SIZES):
        if count("words") >= n:
            kind, whole = ("top", "word_chars") if n in TOP_SIZES else ("dup", f"{n}gram_chars")
            numbers[f"{kind}_{n}"] = count(f"{kind}_{n}gram_chars") / count(whole)
    return {"numbers": numbers, "becomes": EDITS["ended_lines"].apply(text, {}).text}


def only_the_taggers() -> None:
    """Let `dolma.taggers.gopher` be imported without what the packages around it import."""
    found = importlib.util.find_spec("dolma")
    assert found is not None, "the package dolma is not installed here"
    assert found.origin is not None
    for name in ("dolma", "dolma.core", "dolma.taggers"):
        package = types.ModuleType(name)
        package.__path__ = [str(Path(found.origin).parent.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package


if __name__ == "__main__":
    only_the_taggers()
    for line in sys.stdin:
        row = json.loads(line)
        print(json.dumps({**row, **theirs(row["text"])}, ensure_ascii=False))  # noqa: T201
