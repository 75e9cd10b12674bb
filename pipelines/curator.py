"""One page through every gate and block before deduplication."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from filters.judge import Decision, Judgement, decide
from filters.language import LanguageIdentifier
from filters.licence import read_licence
from filters.memo import Memo
from filters.minhash import Hashes, MinHasher
from filters.optout import OptOutList, read_opt_outs
from filters.rule import Rule
from filters.signal import Value
from filters.text import without_surrogates
from filters.url import BLOCK_REASON, UrlBlocker
from pipelines.assets import load_language_identifier, model_file
from pipelines.benchmarks import benchmark_facts, table_of
from pipelines.blocklist import list_digests, load_blocker
from pipelines.cascade import COLUMNS, SKIPPED, Cascade
from pipelines.classifiers.files import find_files
from pipelines.classifiers.signals import classifier_digests, classifier_signals
from pipelines.crawl import CrawlFile, Damage, Item, Page, Row
from pipelines.crawl.archive.decode import decode_page
from pipelines.extract import make_extractor
from pipelines.files import sha256_of
from pipelines.final_rules import broken_signals
from pipelines.judges import Judges
from pipelines.ledger import ledger_schema
from pipelines.ledger_columns import cascade_columns, gate_columns, imported_columns
from pipelines.ledger_row import base_row
from pipelines.ngram_models import PerplexitySignals, check_perplexity, perplexity_digests
from pipelines.opt_outs import load_opt_outs, opt_out_digests
from pipelines.recipe.classifier import make_known
from pipelines.recipe.model import Recipe
from pipelines.recipe.modules import activate
from pipelines.timing import StepClock
from pipelines.word_lists import word_list_digests, words_of

_SOME_URL, _SOME_TEXT = "https://example.com/", "Some words of no page, to be read first."
_ABOUT = ("id", "url", "date", "dump", "file_path", "language", "language_score")
"""Fields of the ledger that a block of datatrove sees of a page."""


@dataclass(frozen=True, slots=True)
class Curated:
    """One page's outcome: its ledger row and, where it has one, its text."""

    row: dict[str, Any]
    text: str | None
    """As extracted; None for a page that was never extracted or gave nothing."""
    judgement: Judgement | None
    signature: Hashes | None = None
    """That of near-duplicate removal, of a page that was kept."""


class Curator:
    """A recipe's gates, extractor and judge, loaded once per worker process."""

    def __init__(self, recipe: Recipe, memo: Memo | None = None) -> None:
        """`memo` is shared with the curators of other recipes that see the same pages."""
        self.recipe = recipe
        self.memo = memo or Memo()
        activate(recipe.modules)
        self._url_gates, self._text_gates = recipe.url_gates, recipe.text_gates
        self._optout_gates, self._licence_gates = recipe.optout_gates, recipe.licence_gates
        make_known(recipe.classifiers)
        self._perplexity = PerplexitySignals(recipe)
        models = {**classifier_signals(recipe.classifiers), **self._perplexity.by_name}
        self.judges = Judges(recipe, models, self.memo)
        cascade = cascade_columns(recipe) if recipe.cascade else ()
        self.accelerated: Counter[str] = Counter()
        """What the accelerated extractor has to tell of the pages at hand."""
        self.imported = tuple(imported_columns(recipe))
        self.columns = (
            *gate_columns(recipe),
            *self.imported,
            *self.judges.common.columns,
            *cascade,
        )
        """Signals of the ledger, but for those of edits after deduplication."""
        self.schema = ledger_schema(self.columns, self.judges.fingerprint)
        self.clock = StepClock()
        """Where the time of the unit under way goes."""
        self.reach: Callable[[str], None] = lambda _: None
        """Told of the stages that a page comes to."""

    @cached_property
    def _blocker(self) -> UrlBlocker:
        return load_blocker()

    @cached_property
    def _opted_out(self) -> OptOutList:
        return load_opt_outs(self.recipe.opt_outs)

    @cached_property
    def _language(self) -> LanguageIdentifier:
        return load_language_identifier(self.recipe.language.model)

    @cached_property
    def _cascade(self) -> Cascade | None:
        options, language = self.recipe.cascade, self.recipe.wanted_language
        if options is None or language is None:
            return None
        return Cascade(options, language, self._language)

    @cached_property
    def _extract(self) -> Callable[[str], str]:
        extract = self.recipe.extract
        accelerate = self.recipe.accelerate
        return make_extractor(extract.extractor, extract.options, accelerate, self.accelerated)

    @cached_property
    def _extraction(self) -> tuple[str, str]:
        return "extract", str([self.recipe.extract, self.recipe.accelerate])

    def _identified(self, text: str) -> tuple[str, float]:
        key = ("language", self.recipe.language.model, text)
        return self.memo.once(key, lambda: self._language.identify(text))

    @cached_property
    def minhasher(self) -> MinHasher | None:
        """The hasher of the recipe's near-duplicate removal; None where it has none."""
        dedup = self.recipe.dedup
        options = dedup.minhash if dedup else None
        if options is None:
            return None
        return MinHasher(
            ngram=options.ngram,
            bands=options.bands,
            rows=options.rows,
            seed=options.seed,
            words=self.recipe.words,
            languages=tuple((label, its.words) for label, its in self.recipe.languages),
        )

    def curate(self, page: Item, file: CrawlFile) -> Curated:
        """Take one page of a crawl file to its ledger row."""
        self.clock.lap("read", len(page.body) if isinstance(page, Page) else 0)
        row = base_row(page, file, self.recipe.audit_fraction)
        if isinstance(page, Damage):
            return Curated(_decided(row, Decision("failed", "read", page.reason)), None, None)
        decision = self._gate_url(row)
        self.clock.lap("url")
        if self._optout_gates:
            found = self._gate_opt_outs(page, row)  # measured of every page, as the URL is
            decision = decision or found
            self.clock.lap("optout")
        if self.recipe.measures_licence:
            found = self._gate_licence(page, row)
            decision = decision or found
            self.clock.lap("licence")
        if decision and not row["audited"]:
            return Curated(_decided(row, decision), None, None)
        text, problem = self._text(page, row, cascade=decision is None)
        self.clock.lap("extract", len(text.encode()))
        if not text:
            return Curated(_decided(row, decision or problem), None, None)
        return self.decide_text(row, text, decision)

    def decide_text(self, row: dict[str, Any], text: str, decision: Decision | None) -> Curated:
        """Judge an extracted text; `decision` is what the URL gate said of it."""
        if self._text_gates:
            self.reach("language")
            row["language"], row["language_score"] = self._identified(text)
            values = {
                "language.code": row["language"],
                "language.score": row["language_score"],
            }
            decision = decision or decide(self._text_gates, values, "language")
            self.clock.lap("language")
        self.reach("quality")
        about = {name: row.get(name) for name in _ABOUT}
        judgement = self.judges.of(row.get("language")).judge(
            text,
            decision=decision,
            audited=row["audited"],
            about=about,
            imported=self._imported_values(row),
        )
        row.update(judgement.values)
        if judgement.decision is None:
            row.update(broken_signals(self.recipe, judgement.broken))
        self.clock.lap("quality")
        row = _decided(row, judgement.decision)
        return Curated(row, text, judgement, self._sign(row, judgement.text))

    def _imported_values(self, row: Mapping[str, Any]) -> dict[str, Value]:
        names = (column.name for column in self.imported)
        return {name: row[name] for name in names if row.get(name) is not None}

    def _sign(self, row: Mapping[str, Any], text: str) -> Hashes | None:
        if self.minhasher is None or row["status"] != "kept":
            return None
        hasher = self.minhasher.of(row.get("language"))
        key = ("signature", str(hasher.identity), text)
        signature = self.memo.once(key, lambda: hasher.signature(text))
        self.clock.lap("minhash", signature.nbytes if signature is not None else 0)
        return signature

    def warm_up(self) -> None:
        """Load all that pages will need."""
        if self.recipe.url_gates:
            self._blocker.block_reason(_SOME_URL)
        if self.recipe.opt_outs:
            self._opted_out.listed(_SOME_URL, "")
        if self.recipe.text_gates or self.recipe.cascade:
            self._language.identify(_SOME_TEXT)
        self._extract(f"<html><body><p>{_SOME_TEXT}</p></body></html>")
        self.judges.segmenter.words(_SOME_TEXT)
        self._perplexity.open_all()
        self.judges.common.warm_up(_SOME_TEXT)
        for benchmark in self.recipe.benchmarks:
            table_of(benchmark)
        for named in self.recipe.word_lists:
            words_of(named)
        if self.minhasher is not None:
            self.minhasher.signature(_SOME_TEXT)
        self.accelerated.clear()

    def _gate_url(self, row: dict[str, Any]) -> Decision | None:
        if not self._url_gates:
            return None
        url = row["url"] or ""
        reason = self.memo.once(("url", url), lambda: self._blocker.block_reason(url))
        row[BLOCK_REASON.name] = reason
        return decide(self._url_gates, row, "url")

    def _gate_opt_outs(self, page: Page | Row, row: dict[str, Any]) -> Decision | None:
        """Measure what a page says of its use; of a text without headers and HTML, nothing."""
        if isinstance(page, Page) and not page.is_text:
            row.update(read_opt_outs(page.reservations, page.body))
        if self.recipe.opt_outs:
            row["optout.listed"] = self._opted_out.listed(row["url"] or "", row["host"] or "")
        return decide(_measured(self._optout_gates, row), row, "optout")

    def _gate_licence(self, page: Page | Row, row: dict[str, Any]) -> Decision | None:
        """Measure which licence a page's HTML names."""
        if isinstance(page, Page) and not page.is_text:
            row.update(self.memo.once(("licence", page.record), lambda: read_licence(page.body)))
        return decide(_measured(self._licence_gates, row), row, "licence")

    def _text(
        self, page: Page | Row, row: dict[str, Any], *, cascade: bool
    ) -> tuple[str, Decision | None]:
        """Return the page's text, or nothing and the reason, which may be that of the cascade."""
        if isinstance(page, Row):
            return _found(page.text)
        decoded = self.memo.once(("decode", page.record), lambda: decode_page(page))
        row["charset"] = decoded.charset
        if page.is_text:
            text = decoded.text
        elif cascade and self._skips(decoded.text, row):
            return "", SKIPPED
        else:
            try:
                text = self.memo.once(self._extraction, lambda: self._extract(decoded.text))
            except Exception as error:  # noqa: BLE001  a hostile page costs itself, not the file
                return "", Decision("failed", "extract", f"error:{type(error).__name__}")
        return _found(text)

    def _skips(self, html: str, row: dict[str, Any]) -> bool:
        """Note what a cheap look at the page says, and return whether that is enough."""
        if self._cascade is None:
            return False
        self.clock.lap("extract")  # so far the page was decoded, as it is without a cascade
        glance = self._cascade.look(html, row["id"], audited=row["audited"])
        self.clock.lap("cascade")
        if glance is None:
            return False
        row.update(zip((column.name for column in COLUMNS), glance.values, strict=True))
        if glance.skipped:
            row.update(language=glance.language, language_score=glance.language_score)
        return glance.skipped


def _measured(rules: Sequence[Rule], row: Mapping[str, Any]) -> list[Rule]:
    """Return the rules all of whose signals have a value: a text without HTML passes the others."""
    return [rule for rule in rules if all(row.get(name) is not None for name in rule.reads)]


def asset_digests(recipe: Recipe) -> dict[str, str]:
    """Return the sha256 of the model and lists that a recipe's decisions depend on."""
    digests: dict[str, str] = {}
    if recipe.url_gates:
        digests |= list_digests()
    if recipe.text_gates:
        digests["language_model"] = sha256_of(model_file(recipe.language.model))
    digests |= classifier_digests(recipe.classifiers)
    digests |= opt_out_digests(recipe.opt_outs)
    load_opt_outs(recipe.opt_outs)  # a wrong line is said before there is work
    digests |= perplexity_digests(recipe)
    check_perplexity(recipe)
    digests |= word_list_digests(recipe.word_lists)
    benchmark_facts(recipe.benchmarks)  # so is a wrong item; what they are, the recipe says
    return digests


def _found(text: str) -> tuple[str, Decision | None]:
    if not text:
        return "", Decision("dropped", "extract", "empty")
    return without_surrogates(text), None


def _decided(row: dict[str, Any], decision: Decision | None) -> dict[str, Any]:
    if decision is not None:
        row.update(status=decision.status, stage=decision.stage, rule=decision.rule)
    return row


_LOADED: dict[str, Curator] = {}


def work_key(recipe: Recipe) -> str:
    """Return what differs where a recipe, or a list or model that it reads, does something else."""
    models = (find_files(each).sha256 for each in recipe.classifiers)
    read = {**opt_out_digests(recipe.opt_outs), **perplexity_digests(recipe)}
    return " ".join([recipe.work_digest, *read.values(), *models])


def curator_for(recipe: Recipe) -> Curator:
    """Return this process's curator for a recipe; only the latest is kept in memory."""
    key = work_key(recipe)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = Curator(recipe)
    return _LOADED[key]
