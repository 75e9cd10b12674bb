"""The keys and options of a recipe: type, bounds, default, meaning; for check and schema alike."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filters.edit import Edit

RECIPE_KEYS = {
    "recipe": "Name of the recipe; the dataset card and the manifest show it.",
    "extends": "A recipe to build on: a file beside this one, or a shipped recipe's name. "
    "Maps merge key by key, lists are replaced; `set`, `drop` and `add` change single parts of it.",
    "set": "What of the extended recipe has another value, as `--set` names it: a rule's constant "
    "or whole expression by its name, an option or key by its dotted path.",
    "drop": "Names of rules, edits, blocks or kinds of deduplication that the extended recipe has "
    "and this one has not.",
    "add": "Rules that come to those of the extended recipe: on url.* and language.* in the last "
    "gate, others in the last drop before dedup; under `after_dedup` in the last one behind it.",
    "input": "Files, folders, globs, lists of paths or addresses (s3:// https:// hf://): one, or "
    "several. `--input` replaces it.",
    "input_format": "How the input is laid out: auto (each file by its name), or the name of a "
    "format, which says what the columns are and may bring signals along, or that with options. "
    "`--input-format` replaces it.",
    "dump": "Name of the crawl in the dataset; by default a CC-MAIN-… in the path, else `local`.",
    "columns": "Columns of an input that holds text (Parquet, JSON lines, a Hub dataset); a dotted "
    "name leads into a struct, false means none. What is not said is guessed.",
    "opt_outs": "Files with domains and addresses that have opted out, one a line; a rule on "
    "`optout.listed` says what becomes of their pages.",
    "benchmarks": "Files of benchmark items, by name; `NAME_13grams` is then a signal: how many of "
    "their distinct 13-grams a page holds.",
    "word_lists": "Lists of words or phrases, by name; `NAME` is then a signal: at how many places "
    "a page has one of them.",
    "language": "The fastText model that identifies a page's language.",
    "extract": "How HTML becomes text: one extractor with its options.",
    "cascade": "Whether pages whose cheap text is in another language than the gate wants are "
    "spared the extraction: false, or options. `cuvee calibrate` finds the margin.",
    "accelerate": "Whether trafilatura's hottest functions are replaced by faster ones that give "
    "the same text; verify compares a share of the pages.",
    "words": "Language by whose rules words and sentences are split.",
    "stop_words": "Words of the language that `distinct_stop_words` looks for, as prose has them; "
    "by default Gopher's eight English ones.",
    "languages": "Several languages in one run: by the label of each a layer with its `words` and "
    "`stop_words`, other constants for rules (`set`), rules that it has not (`drop`), or all that "
    "`from` a file of FineWeb-2's. `language.code` then lets these pass.",
    "signals": "Modules with signals of one's own: my_module.py beside the recipe, or importable; "
    "a list of names, or a map of names to the sha256 of their source.",
    "classifiers": "Models whose scores of a text are signals, each by the name that rules read: "
    "a fastText classifier, what `cuvee classifier train` has made, or a model of the Hub.",
    "perplexity": "N-gram models whose perplexity of a text is a signal, each by the name that "
    "rules read: a model with its pieces, or one for each language.",
    "stages": "What happens to a page's text, in order.",
    "tokenizer": "A Hub name, a tokenizer.json, a SentencePiece .model, ranks of tiktoken "
    "({tiktoken: {…}}), or {train: {…}} for one trained on the kept text.",
    "tokens": "What the token shards hold: special tokens around each document, packed rows.",
    "dataset": "How the dataset is laid out: a folder and config for each dump, or each language.",
    "audit_fraction": "Share of the pages that are measured the whole way in spite of drops.",
    "keep_text": "Which pages' extracted text is stored: all, gated (past the gates) or kept.",
    "max_failed_pages": "Share of pages that may fail before the run fails.",
    "max_failed_units": "Number of crawl files that may fail before the run fails.",
    "limits": "What one page may use up before it becomes a failed one: options, or false for no "
    "sandbox. A page over them is tried once more, alone, with double.",
    "memory_per_worker": "Memory of a worker, such as 2GiB; one that holds more is replaced.",
}

CHANGES = ("set", "drop", "add")
"""Keys that change what a recipe extends; like `extends`, no resolved recipe has them."""

COLUMNS = {
    "text": "The text; a row without it fails.",
    "id": "What a row is called; rows of one id are one record that came again. Where the guessed "
    "column is not unique: false.",
    "url": "The address that the text was found at.",
    "date": "When it was found.",
}
"""What the columns of a text input are for."""

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

ONE_OF = (("extract",), ("tokenizer",), ("input_format",))
"""Maps that name one of several things: another name replaces the thing, it does not join it."""

KEEP_TEXT = ("all", "gated", "kept")
POLICIES = ("first", "longest", "newest")
PER = ("dump", "all")
WAYS = ("auto", "memory", "rounds")
LINE_UNITS = ("line", "paragraph")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of recipes and dumps: they become parts of paths."""
RULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[a-z]+)?(_[A-Z][a-z]{3})?")
"""The form of datatrove's language codes; which there are, its table says."""
MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([KMGT]i?B|B)")
MEMORY_UNITS = {"B": 1} | {
    f"{letter}{'iB' if base == 1024 else 'B'}": base**power  # noqa: PLR2004 - binary or decimal
    for base in (1000, 1024)
    for power, letter in enumerate("KMGT", start=1)
}
LEAST_MEMORY = 256 * 1024**2
MOST_MEMORY = 1024**5


@dataclass(frozen=True, slots=True)
class Option:
    """A boolean, a number within bounds, one of several words, or a list of such words."""

    name: str
    default: bool | int | float | str | tuple[str, ...] | None
    summary: str
    least: float = 0
    most: float = 1
    choices: tuple[str, ...] = ()

    @property
    def wants(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            words = ", ".join(self.choices)
            return f"a list of {words}" if isinstance(self.default, tuple) else f"one of {words}"
        if isinstance(self.default, bool):
            return "true or false"
        noun = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{noun} from {self.least:,} to {self.most:,}"

    def accepts(self, value: Any) -> bool:
        """Return whether the value has the option's type and lies within its bounds."""
        if isinstance(self.default, tuple):
            words = value if isinstance(value, list) else []
            known = [word for word in words if isinstance(word, str) and word in self.choices]
            return bool(words) and len(set(known)) == len(words)
        if self.choices:
            return isinstance(value, str) and value in self.choices
        if isinstance(self.default, bool) or isinstance(value, bool):
            return isinstance(self.default, bool) and isinstance(value, bool)
        kinds = int if isinstance(self.default, int) else (int, float)
        return isinstance(value, kinds) and self.least <= value <= self.most


class Survivor(Option):
    """Which page of a cluster stays: a word, or the signal whose highest value stays."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return f"one of {', '.join(POLICIES)}, or {{highest: SIGNAL}}"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        if isinstance(value, dict):
            return list(value) == ["highest"] and isinstance(value["highest"], str)
        return isinstance(value, str) and value in POLICIES


class Word(Option):
    """A text, or nothing."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return "a text or null"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        return value is None or (isinstance(value, str) and bool(value))


class Folders(Option):
    """A list of folders."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return "a list of folders"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


class Size(Option):
    """A number of bytes, as such or with a unit."""

    @property
    def wants(self) -> str:
        """See `Option`."""
        return f"a size such as 2GB, from {self.least:,} to {self.most:,} bytes"

    def accepts(self, value: Any) -> bool:
        """See `Option`."""
        size = bytes_of(value)
        return size is not None and self.least <= size <= self.most


def bytes_of(value: Any) -> int | None:
    """Return the bytes of a size such as 2GB, or of a number of them; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = MEMORY.fullmatch(value) if isinstance(value, str) else None
    return int(float(match[1]) * MEMORY_UNITS[match[2]]) if match else None


def by_name(*options: Option) -> dict[str, Option]:
    """Return options by their names."""
    return {option.name: option for option in options}


SCALARS = by_name(
    Option("audit_fraction", 0.01, RECIPE_KEYS["audit_fraction"]),
    Option("keep_text", "gated", RECIPE_KEYS["keep_text"], choices=KEEP_TEXT),
    Option("max_failed_pages", 0.01, RECIPE_KEYS["max_failed_pages"]),
    Option("max_failed_units", 0, RECIPE_KEYS["max_failed_units"], most=10**9),
)
"""Top-level keys that are one number or word, with the defaults of design section 6."""

INPUT_FORMATS: Mapping[str, Mapping[str, Option]] = {
    "redpajama2": by_name(
        Option("signals", True, "Read the quality signals beside each file of documents."),
    ),
    "dolma": by_name(
        Folders("attributes", (), "Folders of `attributes/` that are read beside the documents."),
    ),
}
"""Formats of the input that have options."""

LIMITS = by_name(
    Option("cpu_seconds", 10.0, "CPU time of a page.", least=0.01, most=86_400),
    Size("memory", "2GiB", "Memory of a page.", least=2**20, most=MOST_MEMORY),
    Size("page_bytes", "32MiB", "Length of a page, or of a row's text.", least=1, most=2**32),
)
"""Limits of a page; see `pipelines.sandbox.limits`."""

CASCADE = by_name(
    Option("language", 0.05, "Skip where the wanted language scores less on the cheap text."),
    Option("check", 0.02, "Share of pages to skip that go on all the same, to measure the loss."),
)

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

TRAINED = by_name(
    Option("vocab_size", 8192, "Tokens in the vocabulary.", least=257, most=1_000_000),
    Option("sample_bytes", 100_000_000, "Bytes of kept text to train on.", least=1, most=2**40),
)

LAID_OUT_BY = ("dump", "language")
DATASET = by_name(
    Option("by", "dump", "dump: `data/<dump>/`, as FineWeb's; language: `data/<language>_<script>/"
           "train/`, as FineWeb-2's.", choices=LAID_OUT_BY),
)  # fmt: skip

_WHERE = "a file, or OWNER/REPOSITORY/FILE of the Hub"
PERPLEXITY_FILES = by_name(
    Word("model", None, f"An n-gram model, ARPA or binary of KenLM: {_WHERE}."),
    Word("sentencepiece", None, f"The SentencePiece model whose pieces it knows: {_WHERE}; by "
         "default it knows words between spaces."),
    Option("head", 0.0, "Perplexity at which the bucket `middle` begins; 0: no buckets.", most=1e9),
    Option("tail", 0.0, "Perplexity at which the bucket `tail` begins.", most=1e9),
)  # fmt: skip
PERPLEXITY: Mapping[str, Option] = {
    **PERPLEXITY_FILES,
    **by_name(
        Option("normalize", True, "Lower case, no accents, digits as 0, marks as in ASCII first."),
        Option("lines", False, "Score each line as a sentence; CCNet takes the text as one."),
    ),
}
"""Options of an n-gram model; `languages: {LABEL: {model: …, sentencepiece: …}}` names several."""

PACKINGS = ("best_fit", "in_order")
TIKTOKEN = by_name(
    Word("ranks", None, "File of ranks: on each line a token in base64 and its rank."),
    Word("pattern", None, "gpt2, cl100k_base, o200k_base, llama3, or a regular expression of your "
         "own; by default what the file's name says."),
)  # fmt: skip
TOKENS = by_name(
    Word("begin", None, "Special token before each document, such as <s>; none by default."),
    Word("end", None, "Special token after each document, such as <|endoftext|>."),
    Option("packed", 0, "Length of packed rows; 0: none are written.", most=2**20),
    Option("packing", "best_fit", "How documents come into packed rows.", choices=PACKINGS),
    Word("pad", None, "Special token that fills up packed rows; by default the one at the end, "
         "else the id 0."),
)  # fmt: skip
"""What token shards hold; docs/tokens.md says the rest."""

CLASSIFIER = by_name(
    Word("model", None, "A fastText classifier (.bin, .ftz), a folder of `cuvee classifier train`, "
         "or a repository of the Hub."),
    Word("file", None, "Which file of the repository; by default what a whole model consists of."),
    Word("label", None, "Label whose probability is the score; none for a model of one number."),
    Word("revision", None, "Branch, tag or commit of the repository."),
    Word("sha256", None, "What the model's sha256 must be; a run writes down what it was."),
)  # fmt: skip
"""Options of a classifier; docs/classifiers.md says the rest."""


def edit_options(edit: Edit) -> dict[str, Option]:
    """Return an edit's options by name; each default says the type, a list of words all of them."""
    options = []
    for name, default in edit.options.items():
        meaning = edit.meanings[name]
        if isinstance(default, list | tuple):
            words = tuple(str(word) for word in default)
            options.append(Option(name, words, meaning, choices=words))
        else:
            options.append(Option(name, default, meaning, most=10**9))
    return by_name(*options)
