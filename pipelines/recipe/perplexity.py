"""The recipe's key `perplexity`: n-gram models by name, whose perplexity is a signal of a text.

Their names are known from here on, so that rules can be checked; files are looked for when a run
begins (`pipelines.ngram_models`), because a recipe can be read where its models are not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from filters.perplexity import Normalize
from filters.signal import Signal
from pipelines.recipe.named import NamedKey, is_free, is_name, read_entry, read_named, read_options
from pipelines.recipe.named_options import PERPLEXITY, PERPLEXITY_FILES
from pipelines.recipe.problems import Problems, checked_options, shown
from pipelines.recipe.source import Node, Place

ANY = ""
"""The language of a model that is asked whatever a page's language is."""
_KEY = NamedKey(
    key="perplexity",
    noun="perplexity",
    options=PERPLEXITY,
    required=("model",),
    example="For example: perplexity: {ccnet: {model: en.arpa.bin, sentencepiece: en.sp.model}}",
)
_LANGUAGES = "languages"
_MEASURED_BY = "filters.perplexity"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """An n-gram model and what cuts a text into the pieces that it knows."""

    model: str
    """A file of this machine, or OWNER/REPOSITORY/FILE of the Hub."""
    sentencepiece: str | None = None
    """The same of a SentencePiece model; None for words between spaces."""
    head: float = 0.0
    tail: float = 0.0
    """Where the buckets `middle` and `tail` begin; both 0 where there are none."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Models whose perplexity of a text is the signal `name`."""

    name: str
    files: tuple[tuple[str, ModelFiles], ...]
    """By the label of a page's language, or one by `ANY`."""
    normalize: Normalize = True
    lines: bool = False

    @property
    def languages(self) -> tuple[str, ...]:
        """Labels of the languages that have a model; none where one model is for all."""
        return tuple(language for language, _ in self.files if language != ANY)

    @property
    def has_buckets(self) -> bool:
        """Whether a text's bucket is a signal, too."""
        return any(files.tail for _, files in self.files)

    @property
    def bucket_name(self) -> str:
        """What rules call the bucket."""
        return f"{self.name}_bucket"

    def plain(self) -> dict[str, Any]:
        """Return the options as a recipe has them."""
        how = {"normalize": self.normalize, "lines": self.lines}
        if self.languages:
            return {_LANGUAGES: {label: asdict(files) for label, files in self.files}, **how}
        return {**asdict(self.files[0][1]), **how}

    def signal(self) -> Signal:
        """Return the signal, which cannot be measured before its models are there."""
        names = " or ".join(dict.fromkeys(files.model for _, files in self.files))
        return Signal(self.name, float, f"Perplexity to the model {names}.", _MEASURED_BY)

    def bucket(self) -> Signal:
        """Return the signal of the bucket, likewise."""
        summary = f"Bucket by {self.name}: head, middle or tail; all without a model."
        return Signal(self.bucket_name, str, summary, _MEASURED_BY)


def read_perplexity(node: Node, problems: Problems) -> tuple[Perplexity, ...]:
    """Return the models that a recipe names; what is wrong with them is noted."""
    found = read_named(_KEY, node, _one, problems)
    problems.raise_first()  # without their signals every rule that reads one looks wrong
    return found


def signals_of(named: Iterable[Perplexity]) -> dict[str, Signal]:
    """Return the signals by bare name."""
    named = tuple(named)
    buckets = {each.bucket_name: each.bucket() for each in named if each.has_buckets}
    return {each.name: each.signal() for each in named} | buckets


def check_model_languages(
    named: Iterable[Perplexity], gated: Sequence[str] | None, place: Place, problems: Problems
) -> None:
    """Note models by language in a recipe whose gates find no language, or want another one.

    `gated` are the languages that the gates let pass, none if any, None where they ask for none.
    """
    for each in named:
        if each.languages and gated is None:
            fact = f"perplexity.{each.name} goes by language, and no gate finds a page's language."
            problems.add(place, fact, 'For example - gate: {not_english: language.code != "en"}')
        for label in gated or ():
            if each.languages and label not in each.languages:
                fact = f"perplexity.{each.name} has no model for '{label}', which the gates want."
                problems.add(place, fact, f"It has: {', '.join(each.languages)}.")


def _one(name: str, body: Node, problems: Problems) -> Perplexity | None:
    owner = _KEY.owner(name)
    by_language = body.map.get(_LANGUAGES)
    if by_language is None:
        options = read_entry(_KEY, name, body, problems)
        models = {} if options is None else {ANY: _files(owner, body, options, problems)}
    else:
        rest = {key: entry for key, entry in body.map.items() if key != _LANGUAGES}
        how = {key: option for key, option in PERPLEXITY.items() if key not in PERPLEXITY_FILES}
        options = checked_options(owner, Node(rest, body.place), how, problems)
        models = dict(_of_languages(owner, by_language, problems))
    if options is None or not is_name(_KEY, name, body, problems):
        return None
    each = Perplexity(name, tuple(models.items()), options["normalize"], options["lines"])
    names = [name, each.bucket_name] if each.has_buckets else [name]
    return each if is_free(_KEY, name, names, body.place, problems) else None


def _of_languages(owner: str, node: Node, problems: Problems) -> Iterable[tuple[str, ModelFiles]]:
    if not node.map:
        fact = f"{owner}.languages must be a map by language, not {shown(node.plain())}."
        hint = "For example: languages: {en: {model: en.arpa.bin, sentencepiece: en.sp.model}}"
        problems.add(node.place, fact, hint)
    for label, entry in node.map.items():
        of_it = f"{owner}.languages.{label}"
        options = read_options(_KEY, of_it, entry, PERPLEXITY_FILES, problems)
        if label == ANY:
            problems.add(entry.place, f"{of_it} names no language.", "For example en or de.")
        if options is not None:
            yield label, _files(of_it, entry, options, problems)


def _files(owner: str, node: Node, options: Mapping[str, Any], problems: Problems) -> ModelFiles:
    head, tail = options["head"], options["tail"]
    if bool(head) != bool(tail) or head > tail:
        fact = f"{owner}: middle begins at {head:g} and tail at {tail:g}."
        problems.add(node.place, fact, "Give both, head first: head: 340, tail: 520.")
    return ModelFiles(options["model"], options["sentencepiece"], head, tail)
