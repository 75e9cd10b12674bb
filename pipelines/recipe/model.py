"""What a recipe says, once it has been checked: plain frozen data that every stage reads."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

from filters.catalog import TEXT
from filters.datatrove_block import BlockStage
from filters.gopher import STOP_WORDS, stop_word_signal
from filters.imported import always_imported, family_of
from filters.judge import DropStage, EditStage
from filters.rule import Rule
from filters.signal import Signal
from pipelines.accelerate import Accelerate
from pipelines.benchmarks import Benchmark, own_signals
from pipelines.layout import DatasetOptions
from pipelines.recipe.classifier import Classifier
from pipelines.recipe.dump import recipe_yaml
from pipelines.recipe.kinds import DedupStage
from pipelines.recipe.layouts import Columns, InputFormat
from pipelines.recipe.one_language import OneLanguage, plain_languages
from pipelines.recipe.parts import (
    CascadeOptions,
    Extract,
    GivenTokenizer,
    LanguageModel,
    SignalModule,
    TokenOptions,
    TrainedTokenizer,
    plain_tokenizer,
)
from pipelines.recipe.perplexity import Perplexity, signals_of
from pipelines.recipe.plain import ordered
from pipelines.recipe.rule_stages import FINAL, LedgerStage, ledger_stage
from pipelines.recipe.stage import GateStage, Stage, around_dedup, plain_stage
from pipelines.sandbox.limits import Limits
from pipelines.word_lists import NamedList, word_signals

KeepText: TypeAlias = Literal["all", "gated", "kept"]


@dataclass(frozen=True)
class Recipe:
    """A checked recipe; every key is resolved, every rule reads something that is measured."""

    recipe: str
    stages: tuple[Stage, ...]
    extract: Extract
    input: tuple[str, ...] = ()
    input_format: InputFormat = field(default_factory=InputFormat)
    dump: str | None = None
    columns: Columns = field(default_factory=Columns)
    opt_outs: tuple[str, ...] = ()
    """Files of domains and addresses that have opted out."""
    benchmarks: tuple[Benchmark, ...] = ()
    word_lists: tuple[NamedList, ...] = ()
    language: LanguageModel = field(default_factory=LanguageModel)
    cascade: CascadeOptions | None = None
    """None: every page that passes the URL gates is extracted."""
    accelerate: Accelerate = True
    """Whether trafilatura's faster parts extract; the text is the same either way."""
    words: str = "en"
    stop_words: tuple[str, ...] = STOP_WORDS
    """What `distinct_stop_words` looks for."""
    languages: tuple[tuple[str, OneLanguage], ...] = ()
    """Several languages of one run by the model's label; none for a recipe of one."""
    tokenizer: GivenTokenizer | TrainedTokenizer = "gpt2"
    tokens: TokenOptions = field(default_factory=TokenOptions)
    dataset: DatasetOptions = field(default_factory=DatasetOptions)
    audit_fraction: float = 0.01
    keep_text: KeepText = "gated"
    max_failed_pages: float = 0.01
    max_failed_units: int = 0
    modules: tuple[SignalModule, ...] = ()
    """Modules whose signals the rules may read besides those that come with cuvee."""
    classifiers: tuple[Classifier, ...] = ()
    """Models whose scores are signals."""
    perplexity: tuple[Perplexity, ...] = ()
    """N-gram models whose perplexity of a text the rules may read."""
    limits: Limits | None = field(default_factory=Limits)
    """What a page may use up in the sandbox; None for no sandbox."""
    memory_per_worker: int | None = None
    """Bytes, or None for the engine's choice."""

    @property
    def url_gates(self) -> tuple[Rule, ...]:
        """Gate rules that need only the URL."""
        return tuple(rule for stage, rule in self.rules() if stage == "url")

    @property
    def optout_gates(self) -> tuple[Rule, ...]:
        """Gate rules that need HTTP headers, HTML or lists of those who have opted out."""
        return tuple(rule for stage, rule in self.rules() if stage == "optout")

    @property
    def licence_gates(self) -> tuple[Rule, ...]:
        """Gate rules that need HTML: the licence that it names."""
        return tuple(rule for stage, rule in self.rules() if stage == "licence")

    @property
    def measures_licence(self) -> bool:
        """Whether pages are asked for their licence: by a gate, or for the dataset's rows."""
        return bool(self.licence_gates) or self.dataset.licence

    @property
    def text_gates(self) -> tuple[Rule, ...]:
        """Gate rules that need the extracted text: its language."""
        return tuple(rule for stage, rule in self.rules() if stage == "language")

    @property
    def wanted_language(self) -> str | None:
        """The one label that the gates let pass; None where they let several pass."""
        for rule in self.text_gates if not self.languages else ():
            if rule.op == "!=" and isinstance(rule.constant, str):
                return rule.constant
        return None

    @property
    def blocks(self) -> tuple[DropStage | EditStage | BlockStage, ...]:
        """What happens to a page on its own, before dedup: drops, edits and datatrove's blocks."""
        before, _ = around_dedup(self.stages)
        kinds = DropStage | EditStage | BlockStage
        return tuple(stage for stage in before if isinstance(stage, kinds))

    @property
    def dedup(self) -> DedupStage | None:
        """The stage that removes repeats, if there is one."""
        found = [stage for stage in self.stages if isinstance(stage, DedupStage)]
        return found[0] if found else None

    @property
    def final_edits(self) -> tuple[EditStage | BlockStage, ...]:
        """Edits and formatters after dedup: what happens to a page that is kept."""
        _, after = around_dedup(self.stages)
        return tuple(stage for stage in after if isinstance(stage, EditStage | BlockStage))

    @property
    def final_rules(self) -> tuple[Rule, ...]:
        """Rules after dedup: they decide on pages that it kept, by what was measured before it."""
        _, after = around_dedup(self.stages)
        return tuple(
            rule for stage in after if isinstance(stage, DropStage) for rule in stage.rules
        )

    def rules(self) -> Iterator[tuple[LedgerStage, Rule]]:
        """Yield every rule in order, with the ledger's name of the stage at which it drops."""
        before, _ = around_dedup(self.stages)
        for stage in before:
            if isinstance(stage, GateStage | DropStage):
                yield from ((ledger_stage(rule), rule) for rule in stage.rules)
        yield from ((FINAL, rule) for rule in self.final_rules)

    @property
    def read_columns(self) -> Columns:
        """Columns of a text input: the recipe's own, else those of its input's format."""
        return self.columns.over(self.input_format.layout.columns)

    @property
    def reads_imported(self) -> tuple[str, ...]:
        """Names of the imported signals that rules read, each once, in order."""
        reads = (name for _, rule in self.rules() for name in rule.reads)
        return tuple(dict.fromkeys(name for name in reads if family_of(name)))

    @property
    def imported(self) -> tuple[str, ...]:
        """Columns that signals of the input's own fill: all that cost little, and what rules read.

        A rule may also read what this input does not bring: that is null, of every page.
        """
        family = self.input_format.name
        brought = always_imported(family) if self.input_format.brings_signals else ()
        return tuple(dict.fromkeys([*brought, *self.reads_imported]))

    def signals(self, revision: str) -> tuple[str, ...]:
        """Return the bare names that rules read on a revision, each once, in order.

        Includes the edit's own signals; what gates read is no revision's.
        """
        drops = (stage for stage in self.blocks if isinstance(stage, DropStage))
        rules = [rule for stage in drops for rule in stage.rules] + [*self.final_rules]
        reads = (revision_of(name) for rule in rules for name in rule.reads)
        return tuple(dict.fromkeys(name for of, name in reads if of == revision))

    @property
    def own_signals(self) -> Mapping[str, Signal]:
        """Signals with settings of this recipe, by bare name; models are not asked by these."""
        named = {
            **own_signals(self.benchmarks),
            **word_signals(self.word_lists),
            **signals_of(self.perplexity),
        }
        if self.stop_words != STOP_WORDS or self.languages:
            others = {label: its.stop_words for label, its in self.languages}
            signal = stop_word_signal(self.stop_words, others)
            named[signal.name] = signal
        return named

    @cached_property
    def digest(self) -> str:
        """The sha256 of the canonical form; equal digests mean the same recipe."""
        plain = self.resolved()
        plain["stages"] = [ordered(stage) for stage in plain["stages"]]
        sources = [stage.source for stage in self.stages if isinstance(stage, BlockStage)]
        if sources:  # the code behind a name is as much a part of the recipe as a rule is
            plain["blocks"] = sources
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def work_digest(self) -> str:
        """The digest of all that is done to a page, wherever it comes from."""
        return replace(self, input=()).digest

    def to_yaml(self) -> str:
        """Return the resolved recipe as YAML that loads as an equal recipe."""
        return recipe_yaml(self.resolved())

    def resolved(self) -> dict[str, Any]:
        """Return plain data with every default written out; loading it gives an equal recipe."""
        return {
            "recipe": self.recipe,
            "input": list(self.input),
            "input_format": self.input_format.plain(),
            "dump": self.dump,
            "columns": asdict(self.columns),
            "opt_outs": list(self.opt_outs),
            "benchmarks": {each.name: each.plain() for each in self.benchmarks},
            "word_lists": {each.name: each.plain() for each in self.word_lists},
            "language": {"model": self.language.model},
            "extract": {self.extract.extractor: dict(self.extract.options)},
            "cascade": asdict(self.cascade) if self.cascade else False,
            "accelerate": self.accelerate,
            "words": self.words,
            "stop_words": list(self.stop_words),
            **plain_languages(self.languages),
            "signals": {module.name: module.sha256 for module in self.modules},
            "classifiers": {each.name: each.plain() for each in self.classifiers},
            "perplexity": {each.name: each.plain() for each in self.perplexity},
            "stages": [plain_stage(stage) for stage in self.stages],
            "tokenizer": plain_tokenizer(self.tokenizer),
            "tokens": asdict(self.tokens),
            "dataset": self.dataset.plain(),
            "audit_fraction": self.audit_fraction,
            "keep_text": self.keep_text,
            "max_failed_pages": self.max_failed_pages,
            "max_failed_units": self.max_failed_units,
            "limits": self.limits.plain() if self.limits else False,
            "memory_per_worker": self.memory_per_worker,
        }


def revision_of(name: str) -> tuple[str, str]:
    """Split what a rule reads into the revision of the text and the bare signal."""
    revision, dot, bare = name.partition(".")
    return (revision, bare) if dot else (TEXT, name)
