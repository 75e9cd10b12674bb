"""The keys of a recipe and what they mean, with the options of those that name nothing."""

from collections.abc import Mapping

from pipelines.recipe.options import MOST_MEMORY, Folders, Option, Size, Word, by_name

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
    "dataset": "How the dataset is laid out: a folder and config for each dump, or each language. "
    "Whether its rows name the page's licence.",
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

ONE_OF = (("extract",), ("tokenizer",), ("input_format",))
"""Maps that name one of several things: another name replaces the thing, it does not join it."""

KEEP_TEXT = ("all", "gated", "kept")
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

TRAINED = by_name(
    Option("vocab_size", 8192, "Tokens in the vocabulary.", least=257, most=1_000_000),
    Option("sample_bytes", 100_000_000, "Bytes of kept text to train on.", least=1, most=2**40),
)

LAID_OUT_BY = ("dump", "language")
DATASET = by_name(
    Option("by", "dump", "dump: `data/<dump>/`, as FineWeb's; language: `data/<language>_<script>/"
           "train/`, as FineWeb-2's.", choices=LAID_OUT_BY),
    Option("licence", False, "Whether rows have a column `licence`: what the page's markup names "
           "first, such as `cc-by-4.0`, or `none`; null of an input without HTML."),
)  # fmt: skip

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
