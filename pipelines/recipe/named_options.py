"""Options of what a recipe calls by names of its own: models and lists whose signals rules read."""

from collections.abc import Mapping

from filters.contamination import SIZES
from filters.perplexity import CASED
from filters.redpajama_lists import AMONG
from pipelines.benchmarks import DEFAULT_GRAMS
from pipelines.pinned_lists import PINNED_LISTS
from pipelines.recipe.options import Digest, Numbers, Option, Texts, Word, WordOrFlag, by_name

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
        WordOrFlag(
            "normalize",
            True,
            "Lower case, no accents, digits as 0, marks as in ASCII "
            "first; cased leaves case and accents.",
            choices=(CASED,),
        ),
        Option("lines", False, "Score each line as a sentence; CCNet takes the text as one."),
    ),
}
"""Options of an n-gram model; `languages: {LABEL: {model: …, sentencepiece: …}}` names several."""

CLASSIFIER = by_name(
    Word("model", None, "A fastText classifier (.bin, .ftz), a folder of `cuvee classifier train`, "
         "or a repository of the Hub."),
    Word("file", None, "Which file of the repository; by default what a whole model consists of."),
    Word("label", None, "Label whose probability is the score; none for a model of one number."),
    Word("revision", None, "Branch, tag or commit of the repository."),
    Digest("sha256", None, "What the model's sha256 must be; a run writes down what it was."),
)  # fmt: skip
"""Options of a classifier; docs/classifiers.md says the rest."""

_DIGEST = "Of the file; a resolved recipe says it, and another file is then refused."
BENCHMARK = by_name(
    Word("items", None, "JSON lines or Parquet file with an item in each object or row; or one of "
         "the Hub, as hf://datasets/OWNER/NAME/FILE."),
    Texts("fields", None, "The fields that make an item's text, one or several, dotted inside "
          "structs."),
    Numbers("ngrams", DEFAULT_GRAMS, "Words of an n-gram, one number or several: GPT-3 takes 13, "
            "PaLM 8.", least=SIZES[0], most=SIZES[1]),
    Digest("sha256", None, _DIGEST),
)  # fmt: skip
"""Options of a benchmark; docs/decontamination.md says the rest."""

WORD_LIST = by_name(
    Word("file", None, "A word or phrase on each line; or the name of a pinned list: "
         f"{', '.join(PINNED_LISTS)}."),
    Option("anywhere", False, "Find words within longer ones, too: for languages without spaces."),
    Option("among", None, "Compare entries, as they are written, with the words that a signal "
           "counts.", choices=tuple(AMONG)),
    Digest("sha256", None, _DIGEST),
)  # fmt: skip
"""Options of a list of words."""
