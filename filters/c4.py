"""The line filter of C4.

Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified
Text-to-Text Transformer", section 2.2, https://jmlr.org/papers/v21/20-074.html; as
datatrove 0.10.1 reads it (`c4_filters.py`, `C4QualityFilter` with lines as paragraphs).

datatrove drops a page at the first line with "lorem ipsum" or a curly bracket. Here
that is a rule's decision, so the edit goes on as though there were no such rule and
counts what it met.
"""

import re
from types import MappingProxyType
from typing import NamedTuple

from filters.edit import Edit, Edited, Options, own_signals
from filters.signal import signal
from filters.text import Text

END_MARKS = (".", "?", "!", '"', "'")
POLICY_PHRASES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)

LOREM = "lorem ipsum"
CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
"""A mark of a citation, that the edit cuts out of lines."""

_JAVASCRIPT = "javascript"
_SIGNALS = MappingProxyType(
    {
        "removed_lines": "Count lines that the edit took out.",
        "sentences": "Count sentences of the kept lines, each line by itself.",
        "lorem_lines": "Count lines with 'lorem ipsum' among those long enough to keep.",
        "lorem_first": "1 if 'lorem ipsum' is on a line no later than the first curly bracket.",
        "curly_lines": "Count lines with a curly bracket among those long enough to keep.",
    }
)


@signal(version=1)
def sentences(text: Text) -> int:
    """Count sentences; an empty text has one."""
    return text.segmenter.sentence_count(text.raw)


def edit_lines(text: Text, options: Options) -> Edited:
    """Take out lines that are no sentences of prose, and citation marks from the others."""
    counts = dict.fromkeys(_SIGNALS, 0)
    kept: list[str] = []
    cites = bool(options["citations"] and CITATION.search(text.raw))
    phrases = _phrases(text.raw, options, cites=cites)
    wanted = _Wanted(
        options["max_word_length"],
        options["min_words_per_line"],
        cites,
        options["terminal_punctuation"],
    )
    for raw in text.lines:
        line = _long_enough(raw.strip(), wanted)
        if line is None:
            continue
        lowered = line.lower() if phrases else ""
        met = [phrase for phrase in phrases if phrase in lowered]
        if LOREM in met:
            counts["lorem_lines"] += 1
            if not counts["curly_lines"]:
                counts["lorem_first"] = 1
        if _JAVASCRIPT in met:
            continue
        counts["curly_lines"] += "{" in line
        if met and met != [LOREM]:
            continue
        kept.append(line)
    counts["removed_lines"] = len(text.lines) - len(kept)
    words, counts["sentences"] = text.segmenter.line_counts(kept)
    return Edited("\n".join(kept).strip(), counts, words)


def _phrases(raw: str, options: Options, *, cites: bool) -> list[str]:
    """Return the phrases to look for in the lines of a text.

    One that the whole text does not hold in lower case is in no line either, unless it
    comes to be where a citation is cut out. (Lower case depends on what is around for the
    Greek sigma alone, which is in no phrase.)
    """
    phrases = [LOREM]
    phrases += [_JAVASCRIPT] if options["javascript"] else []
    phrases += POLICY_PHRASES if options["policy"] else ()
    if cites:
        return phrases
    lowered = raw.lower()
    return [phrase for phrase in phrases if phrase in lowered]


class _Wanted(NamedTuple):
    """What lines must be like."""

    longest_word: int
    fewest_words: int
    cites: bool
    """Whether there are citations to be taken out."""
    ends: bool
    """Whether a line must end as a sentence does."""


def _long_enough(line: str, wanted: _Wanted) -> str | None:
    """Return the line without citations if its words and its end are as they should be.

    Words are counted before citations are taken out, as datatrove does: `a [1] b` has three.
    """
    longest, fewest, cites, ends = wanted
    if len(line) > longest and any(len(word) > longest for word in line.split()):
        return None
    long_enough = len(line.split(None, fewest)) >= fewest  # no need to split the rest
    if cites:
        line = CITATION.sub("", line)
    if ends and (not line.endswith(END_MARKS) or line.endswith("...")):
        return None
    return line if long_enough else None


C4_LINES = Edit(
    name="c4_lines",
    summary="Take out lines that are no sentences of prose (C4).",
    version=1,
    options=MappingProxyType(
        {
            "terminal_punctuation": True,
            "min_words_per_line": 3,
            "max_word_length": 1000,
            "javascript": True,
            "policy": True,
            "citations": True,
        }
    ),
    meanings=MappingProxyType(
        {
            "terminal_punctuation": "Lines must end as a sentence does, not with an ellipsis.",
            "min_words_per_line": "Lines of fewer words leave.",
            "max_word_length": "Lines with a word of more characters leave.",
            "javascript": "Lines that say 'javascript' leave.",
            "policy": "Lines with a phrase of privacy and cookie policies leave.",
            "citations": "Marks such as [12], [edit] and [citation needed] are cut out of lines.",
        }
    ),
    signals=MappingProxyType(own_signals(__name__, 1, _SIGNALS)),
    apply=edit_lines,
)
