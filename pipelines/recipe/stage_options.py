"""The stages of a recipe and what they mean, with the options of kinds of deduplication."""

from collections.abc import Mapping

from pipelines.recipe.options import Folders, Option, Survivor, by_name

STAGE_KINDS = {
    "gate": "Rules on url.*, optout.*, licence.* and language.*; a page they drop is not measured "
    "further.",
    "drop": "Rules on the text's signals; the first that fires names the reason.",
    "edit": "One change of the text; signals after it can read the new revision by its name.",
    "datatrove": "A filter or formatter of datatrove by its class, or by module.Class; its reason "
    "becomes the rule, its text a revision named after the class.",
    "dedup": "Repeats leave, kind by kind as written: exact, url, lines, minhash. Then can come "
    "drops, which read what was measured before it, then edits and formatters.",
}
RULE_STAGES = ("gate", "drop")

PER = ("dump", "all")
WAYS = ("auto", "memory", "rounds")
LINE_UNITS = ("line", "paragraph")

_SCOPE = (
    Option("per", "dump", "Whether pages of a dump or all pages are compared.", choices=PER),
    Folders("against", (), "Folders of earlier runs: what they have already leaves here."),
)
_JOINING = (
    Survivor("keep", "first", "Which page of a cluster stays; of equal ones the first."),
    *_SCOPE,
    Option("max_cluster", 0, "Pages of a cluster above which the run stops; 0: any.", most=2**40),
    Option("clustering", "auto", "How clusters are joined; all give the same.", choices=WAYS),
)
KINDS: Mapping[str, Mapping[str, Option]] = {
    "exact": by_name(*_JOINING),
    "url": by_name(*_JOINING),
    "lines": by_name(
        Option("unit", "line", "What leaves where an earlier page has it.", choices=LINE_UNITS),
        Option("min_chars", 30, "Shorter ones are left alone, normalised.", least=1, most=10**6),
        *_SCOPE,
    ),
    # FineWeb's settings (arXiv 2406.17557, section 3): 112 hashes, near 0.75 Jaccard similarity.
    "minhash": by_name(
        Option("ngram", 5, "Words in a shingle.", least=1, most=100),
        Option("bands", 14, "Bands; one equal band joins two pages.", least=1, most=1000),
        Option("rows", 8, "Hashes in a band; all must be equal.", least=1, most=1000),
        Option("seed", 1, "Seed of the permutations.", most=2**32 - 1),
        Option("verify", 0.0, "Real Jaccard similarity that a pair must have; 0: any."),
        *_JOINING,
    ),
}
"""Kinds of deduplication with their options."""
KIND_MEANINGS = {
    "exact": "Pages whose text is the same but for case, Unicode form and the space between words.",
    "url": "Pages whose address is the same but for scheme, `www.`, port, fragment, a slash at the "
    "end, the order of parameters, and parameters that only say how a reader came.",
    "lines": "Lines or paragraphs that an earlier page has leave the text, compared without case, "
    "punctuation and accents, numbers as 0. A page that has nothing else is dropped.",
    "minhash": "Pages that share a band of their MinHash signatures, directly or through others.",
}
