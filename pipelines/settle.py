"""Settle each page's fate: who repeats another leaves, last edits are applied, tokens counted.

Writes the final ledger of one crawl file and the rows that go into the dataset.
Also here: the tokenizer that a run trains on the texts that survive.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from filters.judge import Decision
from pipelines.cascade import LossTally
from pipelines.curator import curator_for
from pipelines.dedup.kinds import SAME_RECORD
from pipelines.dedup.numbers import document_number
from pipelines.dedup.pages import Pages
from pipelines.dedup.removals import LINES, Removals, removal_columns
from pipelines.dedup.verdicts import Fates, read_fates
from pipelines.final_edits import FinalEdits
from pipelines.final_rules import BROKEN, FinalRules
from pipelines.layout import DatasetOptions, language_folder
from pipelines.ledger import (
    DOCUMENTS,
    FOLDER,
    ledger_schema,
    settled_schema,
)
from pipelines.recipe.kinds import JoiningOptions, MinHashOptions
from pipelines.recipe.model import Recipe
from pipelines.recipe.parts import TrainedTokenizer
from pipelines.sandbox.texts import Ask, Finished, TextWork, prepare_texts
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, read_rows, read_table
from pipelines.tokenizer import train_tokenizer

HOSTS = pa.schema(
    [
        pa.field("dump", pa.string()),
        pa.field("host", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("bytes", pa.int64()),
    ]
)
"""How much each host has in one file's settled rows; bytes of UTF-8 text."""

LANGUAGE_HOSTS = pa.schema([*HOSTS, FOLDER])
"""The same by language, too."""


@dataclass(frozen=True, slots=True)
class CuratedFile:
    """Where one curated file's tables are, and what was found of its pages."""

    pages: Pages
    judged: Path | None
    documents: Path | None
    """Texts of which those of survivors are to be stored; None where all are stored already."""
    verdicts: tuple[tuple[str, Path], ...]
    """By kind of deduplication, in order."""

    def fates(self, shown: str) -> Fates:
        """Read what deduplication found for this file, or for this part of a big one."""
        numbers = read_table(self.pages.candidates, ["record"])["record"].to_numpy()
        records = range(int(numbers[0]), int(numbers[-1]) + 1) if len(numbers) else range(0)
        return read_fates(self.pages.ordinal, records, self.verdicts, shown)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield record and text of every page that came to deduplication, as it left them."""
        zero = document_number(self.pages.ordinal, 0)
        return ((doc - zero, text) for doc, text in self.pages.texts())

    def broken(self) -> Mapping[int, str]:
        """Return by record what could not be measured for the rules after deduplication."""
        rows = read_rows(self.pages.candidates, ["record", BROKEN.name])
        return {row["record"]: row[BROKEN.name] for row in rows if row[BROKEN.name]}

    def final_decisions(self, rules: FinalRules) -> dict[int, Decision]:
        """Return by record what the rules after deduplication say of all pages that came to it."""
        if not rules.reads:
            return {}
        broken = self.broken()
        columns = ["record", "status", "language", *rules.reads]
        rows = (row for row in read_rows(self.pages.ledger, columns) if row["status"] == "kept")
        said = ((row["record"], rules.decide(row, broken.get(row["record"]))) for row in rows)
        return {record: decision for record, decision in said if decision is not None}


@dataclass(frozen=True, slots=True)
class SettleJob:
    """Everything a worker needs to settle one file."""

    recipe: Recipe
    file: CuratedFile
    tokenizer: str


@dataclass(frozen=True, slots=True)
class TrainJob:
    """Everything a worker needs to train a tokenizer on the survivors of all files."""

    recipe: Recipe
    files: tuple[CuratedFile, ...]


def shown_kind(recipe: Recipe) -> str:
    """Return the kind whose clusters the ledger names of pages that stay; "" if there is none.

    Near-duplicates, else what came last.
    """
    kinds = recipe.dedup.kinds if recipe.dedup else ()
    joining = [options.kind for options in kinds if isinstance(options, JoiningOptions)]
    near = MinHashOptions.kind
    return near if near in joining else (joining[-1] if joining else "")


def train(attempt: Attempt, job: TrainJob) -> dict[str, Any]:
    """Train the recipe's tokenizer on the published texts, in input order, up to its sample."""
    options = job.recipe.tokenizer
    assert isinstance(options, TrainedTokenizer)  # noqa: S101  the stage exists only for these
    texts = _take_bytes(_surviving_texts(attempt, job), options.sample_bytes)
    trained = train_tokenizer(texts, options.vocab_size)
    attempt.path("tokenizer.json").write_bytes(trained)
    attempt.add("tokenizer.json", 1)
    return {"vocab_size": options.vocab_size}


def _surviving_texts(attempt: Attempt, job: TrainJob) -> Iterator[str]:
    """Yield what is published of every file; those texts that cannot be finished are left out."""
    for file in job.files:
        gone = {*file.fates("").kinds, *file.final_decisions(FinalRules(job.recipe))}

        def asks(file: CuratedFile = file, gone: set[int] = gone) -> Iterator[Ask]:
            return (Ask(*pair, edit=True) for pair in file.texts() if pair[0] not in gone)

        work = TextWork(job.recipe, None, asks)
        try:
            for _, done in work.each((None, ask) for ask in asks()):
                if done is not None and done.failed is None:
                    yield done.text
        finally:
            seconds, memory = work.used
            attempt.helped = attempt.helped[0] + seconds, max(attempt.helped[1], memory)


def _take_bytes(texts: Iterator[str], limit: int) -> Iterator[str]:
    taken = 0
    for text in texts:
        if taken >= limit:
            return
        taken += len(text.encode())
        yield text


class _Settler:
    """Settles the rows of one file."""

    def __init__(self, job: SettleJob) -> None:
        self.edits = FinalEdits(job.recipe)
        self._shown = shown_kind(job.recipe)
        self.fates = job.file.fates(self._shown)
        self.published: list[dict[str, Any]] = []
        self.failures: Counter[str] = Counter()
        self._job = job
        self._counted = {column.name for column in self.edits.columns}
        self._candidates = dict(job.file.texts())
        self._decisions = job.file.final_decisions(FinalRules(job.recipe))
        self._removals = Removals(job.file.pages, job.file.verdicts)
        self._judged = _texts(job.file.judged) if job.file.judged else {}

    def begin(self, row: dict[str, Any]) -> Ask | None:
        """Note in a ledger row what deduplication says; return its text, if it has one."""
        record = row["record"]
        if row["status"] == "kept":
            return self._begin_candidate(row, self._candidates.pop(record))
        if row["token_count"] is None and record in self._judged:
            return Ask(record, self._judged.pop(record), edit=False)
        return None

    def _begin_candidate(self, row: dict[str, Any], text: str) -> Ask:
        ordinal, record = self._job.file.pages.ordinal, row["record"]
        row["cluster_id"], row["cluster_size"] = self.fates.of(ordinal, record)
        kind = self.fates.kinds.get(record)
        row.update(self._removals.of(record, kind))
        if kind is None:
            decision = self._decisions.get(record)
            if decision is not None:
                self._leave(row, decision)
            return Ask(record, text, edit=decision is None)
        row.update(status="dropped", stage="dedup", rule=kind)
        if kind == SAME_RECORD:
            row.update(cluster_id=None, cluster_size=None)
        elif kind == LINES:  # judged was what it had before it lost all of it
            text = self._originals[record]
        return Ask(record, text, edit=False)

    def end(self, row: dict[str, Any], done: Finished) -> None:
        """Complete a ledger row; collect it for the dataset if it survives."""
        row.update({name: n for name, n in done.counts.items() if name in self._counted})
        row["token_count"] = done.tokens
        if done.failed is not None:
            self._leave(row, done.failed)
        elif row["status"] == "kept":
            size = row["cluster_size"] if self._shown == MinHashOptions.kind else 1
            more = {"minhash_cluster_size": size, "licence": row.get("licence.name")}
            self.published.append({**row, "text": done.text, **more})

    def _leave(self, row: dict[str, Any], decision: Decision) -> None:
        """Book a page that a rule drops, or that cannot be judged, published or counted."""
        if decision.status == "failed":
            self.failures[f"{decision.stage}: {decision.rule}"] += 1
        row.update(status=decision.status, stage=decision.stage, rule=decision.rule)

    @cached_property
    def _originals(self) -> dict[int, str]:
        return _texts(self._job.file.pages.candidates)


def _begun(settler: _Settler, job: SettleJob) -> Iterator[tuple[dict[str, Any], Ask | None]]:
    return ((row, settler.begin(row)) for row in read_rows(job.file.pages.ledger))


def _asked_again(job: SettleJob) -> Iterator[Ask]:
    """Yield the texts of a file once more."""
    yield from (ask for _, ask in _begun(_Settler(job), job) if ask is not None)


def _texts(path: Path) -> dict[int, str]:
    return {row["record"]: row["text"] for row in read_rows(path, ["record", "text"])}


def settle_file(attempt: Attempt, job: SettleJob) -> dict[str, Any]:
    """Settle one file (the unit of this stage); returns its funnel and totals."""
    prepare_texts(job.recipe)
    settler = _Settler(job)
    work = TextWork(job.recipe, job.tokenizer, lambda: _asked_again(job))
    curator = curator_for(job.recipe)
    columns = [*curator.columns, *removal_columns(job.recipe), *settler.edits.columns]
    schema = ledger_schema(columns, curator.judges.fingerprint)
    outcomes: Counter[tuple[str, str, str]] = Counter()
    tokens: Counter[tuple[str, str, str]] = Counter()
    edits: Counter[str] = Counter()
    loss = LossTally()
    unit = job.file.pages.unit
    with TableWriter(attempt, f"ledger/{unit}.parquet", schema, quick_if_small=True) as ledger:
        for row, done in work.each(_begun(settler, job)):
            if done is not None:
                settler.end(row, done)
            ledger.add(row)
            loss.add(row)
            outcome = (row["status"], row["stage"] or "", row["rule"] or "")
            outcomes[outcome] += 1
            tokens[outcome] += row["token_count"] or 0
            edits.update({c.name: row.get(c.name) or 0 for c in settler.edits.columns})
    if job.file.documents:
        _write_documents(attempt, unit, job.file.documents, settler.published)
    _write_published(attempt, unit, settler.published, job.recipe.dataset)
    attempt.helped = work.used
    funnel = [[*outcome, outcomes[outcome], tokens[outcome]] for outcome in sorted(outcomes)]
    failures = dict(sorted(settler.failures.items()))
    return {
        "funnel": funnel,
        "edits": dict(edits),
        "failures": failures,
        **({"cascade": loss.facts()} if job.recipe.cascade else {}),
        **work.facts(),
        **_totals(settler.published),
    }


def _write_documents(
    attempt: Attempt, unit: str, documents: Path, published: list[dict[str, Any]]
) -> None:
    """Store the extracted texts of the pages that are published (`keep_text: kept`)."""
    records = {row["record"] for row in published}
    with TableWriter(attempt, f"documents/{unit}.parquet", DOCUMENTS) as writer:
        for row in read_rows(documents):
            if row["record"] in records:
                writer.add(row)


def _write_published(
    attempt: Attempt, unit: str, rows: list[dict[str, Any]], dataset: DatasetOptions
) -> None:
    """Write the rows by host, so that a task that gathers some hosts reads only their groups."""
    by_language = dataset.by_language
    for row in rows:
        row["host"] = row["host"] or ""
        row["folder"] = language_folder(row["language"] or "") if by_language else ""
    rows.sort(key=lambda r: (r["dump"], r["folder"], r["host"], r["url"] or "", r["record"]))
    schema = settled_schema(by_language=by_language, licence=dataset.licence)
    final = f"stages/settle/rows/{unit}.parquet"
    with TableWriter(attempt, final, schema, quick_if_small=True) as writer:
        for row in rows:
            writer.add(row)
    sizes: Counter[tuple[str, ...]] = Counter()
    counts: Counter[tuple[str, ...]] = Counter()
    names = _host_key(by_language=by_language)
    for row in rows:
        key = tuple(row[name] for name in names)
        counts[key] += 1
        sizes[key] += len(row["text"].encode())
    schema = LANGUAGE_HOSTS if by_language else HOSTS
    final = f"stages/settle/hosts/{unit}.parquet"
    with TableWriter(attempt, final, schema, quick_if_small=True) as writer:
        for key in sorted(counts):
            size = {"rows": counts[key], "bytes": sizes[key]}
            writer.add({**dict(zip(names, key, strict=True)), **size})


def _host_key(*, by_language: bool) -> list[str]:
    """Return what hosts are counted by, and in which order they are brought."""
    return ["dump", "folder", "host"] if by_language else ["dump", "host"]


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    dates = [row["date"] for row in rows if row["date"]]
    licences = Counter(row["licence.name"] for row in rows if row.get("licence.name"))
    return {
        "rows": len(rows),
        "text_bytes": sum(len(row["text"].encode()) for row in rows),
        "tokens": sum(row["token_count"] for row in rows),
        "languages": dict(sorted(Counter(row["language"] or "" for row in rows).items())),
        **({"licences": dict(sorted(licences.items()))} if licences else {}),
        "first_date": min(dates, default=None),
        "last_date": max(dates, default=None),
    }


def read_hosts(paths: Sequence[Path], *, by_language: bool = False) -> pa.Table:
    """Return rows and bytes by dump and host over several files, in order; by folder if asked."""
    schema = LANGUAGE_HOSTS if by_language else HOSTS
    names = _host_key(by_language=by_language)
    tables = pa.concat_tables([schema.empty_table(), *(read_table(path) for path in paths)])
    grouped = tables.group_by(names).aggregate([("rows", "sum"), ("bytes", "sum")])
    return grouped.sort_by([(name, "ascending") for name in names])
