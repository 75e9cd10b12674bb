"""What marked spans add up to, to be compared with what the signals count."""

from filters.evidence import COMPLEMENTS, evidence
from filters.parts import word_places
from filters.redpajama import normal_words
from filters.text import Text

COUNTED = (
    "dup_lines", "dup_line_chars", "dup_paragraphs", "dup_paragraph_chars", "dup_nonblank_chars",
    "top_2gram_chars", "top_3gram_chars", "top_4gram_chars", "dup_5gram_chars", "dup_6gram_chars",
    "dup_7gram_chars", "dup_8gram_chars", "dup_9gram_chars", "dup_10gram_chars", "bullet_lines",
    "ellipsis_lines", "short_lines", "terminal_lines", "alpha_words", "distinct_stop_words",
    "hashes", "ellipses", "redpajama_ellipsis_lines", "redpajama_bullet_lines",
    "redpajama_terminal_lines", "redpajama_javascript_lines", "redpajama_wordless_lines",
    "redpajama_one_word_lines", "redpajama_short_lines", "redpajama_capital_lines",
    "redpajama_numeral_lines", "redpajama_symbols", "redpajama_curly_brackets",
    "redpajama_no_alph_words", "redpajama_all_caps_words", "redpajama_top_2gram_chars",
    "redpajama_top_3gram_chars", "redpajama_top_4gram_chars", "redpajama_dupe_5gram_chars",
    "redpajama_dupe_6gram_chars", "redpajama_dupe_7gram_chars", "redpajama_dupe_8gram_chars",
    "redpajama_dupe_9gram_chars", "redpajama_dupe_10gram_chars",
)  # fmt: skip
"""Signals of any text of which parts are marked."""


def added_up(text: Text, name: str, values: dict[str, int]) -> int:
    """Return the number that the marked parts make; `values` are the text's signals."""
    spans = evidence(text, name)
    assert spans == sorted(spans, key=lambda span: (span.start, span.end))
    parts = [text.raw[span.start : span.end] for span in spans]
    if name in COMPLEMENTS:
        return values[COMPLEMENTS[name]] - len(spans)
    if name == "distinct_stop_words":
        return len(set(parts))
    if name.startswith("redpajama_") and "gram" in name:
        return sum(len("".join(normal_words(Text(part, text.segmenter)))) for part in parts)
    if name.startswith("top_"):
        return sum(len(gram) for gram in _joined(text, name, [span.start for span in spans]))
    if "gram" in name:
        return sum(len("".join(part.split())) for part in parts)
    return sum(map(len, parts)) if name.endswith("chars") else len(spans)


def _joined(text: Text, name: str, starts: list[int]) -> list[str]:
    """Return the n-grams that begin there, joined as they are counted."""
    size = int(name.removeprefix("top_")[0])
    at = {start: index for index, (start, _) in enumerate(word_places(text))}
    return [" ".join(text.words[at[start] : at[start] + size]) for start in starts]


def differing(text: Text, values: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return the signals of which the marked parts do not make the number: it, and the number."""
    made = {name: added_up(text, name, values) for name in COUNTED}
    return {name: (made[name], values[name]) for name in COUNTED if made[name] != values[name]}
