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

from filters.catalog import EDITS
from filters.datatrove_block import Block, BlockStage
from filters.errors import CuveeError
from filters.judge import Column, Decision
from filters.segment import segmenter
from filters.text import Text
from pipelines.cascade import LossTally
from pipelines.curator import curator_for
from pipelines.dedup.kinds import SAME_RECORD
from pipelines.dedup.numbers import document_number
from pipelines.dedup.pages import Pages
from pipelines.dedup.removals import LINES, Removals, removal_columns
from pipelines.dedup.verdicts import Fates, read_fates
from pipelines.ledger import DOCUMENTS, SETTLED, ledger_schema
from pipelines.recipe.kinds import JoiningOptions, MinHashOptions
from pipelines.recipe.model import Recipe, TrainedTokenizer
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, read_rows, read_table
from pipelines.tokenizer import count_tokens, train_tokenizer

HOSTS = pa.schema(
    [
        pa.field("dump", pa.string()),
        pa.field("host", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("bytes", pa.int64()),
    ]
)
"""How much each host has in one file's settled rows; bytes of UTF-8 text."""


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
        """Yield record and text of every page that passed the rules, as deduplication left it."""
        zero = document_number(self.pages.ordinal, 0)
        return ((doc - zero, text) for doc, text in self.pages.texts())


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


class FinalEdits:
    """The edits and formatters that a recipe puts after deduplication, for one curated file."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._steps = [
            Block(stage)
            if isinstance(stage, BlockStage)
            else (EDITS[stage.name], {**EDITS[stage.name].options, **stage.options})
            for stage in recipe.final_edits
        ]

    @cached_property
    def columns(self) -> list[Column]:
        """The ledger's columns for the edits' own signals."""
        columns: list[Column] = []
        made_by: tuple[Any, ...] = ()
        for step in self._steps:
            if isinstance(step, Block):
                made_by = (*made_by, step.stage.made_by)
                continue
            edit, _ = step
            columns += [
                Column(f"{edit.name}.{name}", own, edit.name, made_by)
                for name, own in edit.signals.items()
            ]
        return columns

    def apply(self, raw: str) -> tuple[str, dict[str, int], Decision | None]:
        """Return the published text and what the edits counted, by column name.

        The decision says that a step could not do this text; then nothing is published.
        """
        try:
            return self._apply(raw)
        except CuveeError:
            raise
        except Exception as error:  # noqa: BLE001  it costs the page, not the file
            return raw, {}, _raised(error)

    def _apply(self, raw: str) -> tuple[str, dict[str, int], Decision | None]:
        counts: dict[str, int] = {}
        for step in self._steps:
            if isinstance(step, Block):
                passed = step.apply(raw, {})  # a formatter sees nothing but the text
                if passed.outcome is not None:
                    return raw, {}, Decision(passed.outcome, "quality", passed.reason)
                raw = passed.text
                continue
            edit, options = step
            edited = edit.apply(Text(raw, segmenter(self._recipe.words)), options)
            raw = edited.text
            counts.update((f"{edit.name}.{name}", n) for name, n in edited.counts.items())
        return raw, counts, None


def train(attempt: Attempt, job: TrainJob) -> dict[str, Any]:
    """Train the recipe's tokenizer on the published texts, in input order, up to its sample."""
    options = job.recipe.tokenizer
    assert isinstance(options, TrainedTokenizer)  # noqa: S101  the stage exists only for these
    texts = _take_bytes(_surviving_texts(job), options.sample_bytes)
    trained = train_tokenizer(texts, options.vocab_size)
    attempt.path("tokenizer.json").write_bytes(trained)
    attempt.add("tokenizer.json", 1)
    return {"vocab_size": options.vocab_size}


def _surviving_texts(job: TrainJob) -> Iterator[str]:
    for file in job.files:
        edits = FinalEdits(job.recipe)
        fates = file.fates("")
        for record, raw in file.texts():
            if record not in fates.kinds:
                text, _, failed = edits.apply(raw)
                if failed is None:
                    yield text


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
        self._candidates = dict(job.file.texts())
        self._removals = Removals(job.file.pages, job.file.verdicts)
        self._judged = _texts(job.file.judged) if job.file.judged else {}

    def settle(self, row: dict[str, Any]) -> dict[str, Any]:
        """Complete one ledger row in place; collect it for the dataset if it survives."""
        record = row["record"]
        if row["status"] == "kept":
            self._settle_candidate(row, self._candidates.pop(record))
        elif row["token_count"] is None and record in self._judged:
            row["token_count"] = self._tokens(self._judged.pop(record))
        return row

    def _settle_candidate(self, row: dict[str, Any], text: str) -> None:
        ordinal, record = self._job.file.pages.ordinal, row["record"]
        row["cluster_id"], row["cluster_size"] = self.fates.of(ordinal, record)
        kind = self.fates.kinds.get(record)
        row.update(self._removals.of(record, kind))
        if kind is not None:
            row.update(status="dropped", stage="dedup", rule=kind)
            if kind == SAME_RECORD:
                row.update(cluster_id=None, cluster_size=None)
            elif kind == LINES:  # judged was what it had before it lost all of it
                text = self._originals[record]
        else:
            text, counts, failed = self.edits.apply(text)
            row.update(counts)
            if failed is not None:
                kind = self._fail(row, failed)  # as for a duplicate: it is not published
        try:
            row["token_count"] = self._tokens(text)
        except Exception as error:  # noqa: BLE001  it costs the page, not the file
            if kind is None:
                kind = self._fail(row, _raised(error))
        if kind is None:
            size = row["cluster_size"] if self._shown == MinHashOptions.kind else 1
            self.published.append({**row, "text": text, "minhash_cluster_size": size})

    def _fail(self, row: dict[str, Any], failed: Decision) -> str:
        """Book a page that passed everything and cannot be published; return why."""
        self.failures[f"{failed.stage}: {failed.rule}"] += 1
        row.update(status=failed.status, stage=failed.stage, rule=failed.rule)
        return failed.rule

    @cached_property
    def _originals(self) -> dict[int, str]:
        return _texts(self._job.file.pages.candidates)

    def _tokens(self, text: str) -> int:
        return count_tokens(self._job.tokenizer, text)


def _raised(error: Exception) -> Decision:
    return Decision("failed", "quality", f"error:{type(error).__name__}")


def _texts(path: Path) -> dict[int, str]:
    return {row["record"]: row["text"] for row in read_rows(path, ["record", "text"])}


def settle_file(attempt: Attempt, job: SettleJob) -> dict[str, Any]:
    """Settle one file (the unit of this stage); returns its funnel and totals."""
    settler = _Settler(job)
    curator = curator_for(job.recipe)
    columns = [*curator.columns, *removal_columns(job.recipe), *settler.edits.columns]
    schema = ledger_schema(columns, curator.segmenter.fingerprint)
    outcomes: Counter[tuple[str, str, str]] = Counter()
    tokens: Counter[tuple[str, str, str]] = Counter()
    edits: Counter[str] = Counter()
    loss = LossTally()
    unit = job.file.pages.unit
    with TableWriter(attempt, f"ledger/{unit}.parquet", schema) as ledger:
        for row in read_rows(job.file.pages.ledger):
            settler.settle(row)
            ledger.add(row)
            loss.add(row)
            outcome = (row["status"], row["stage"] or "", row["rule"] or "")
            outcomes[outcome] += 1
            tokens[outcome] += row["token_count"] or 0
            edits.update({c.name: row.get(c.name) or 0 for c in settler.edits.columns})
    if job.file.documents:
        _write_documents(attempt, unit, job.file.documents, settler.published)
    _write_published(attempt, unit, settler.published)
    funnel = [[*outcome, outcomes[outcome], tokens[outcome]] for outcome in sorted(outcomes)]
    failures = dict(sorted(settler.failures.items()))
    return {
        "funnel": funnel,
        "edits": dict(edits),
        "failures": failures,
        **({"cascade": loss.facts()} if job.recipe.cascade else {}),
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


def _write_published(attempt: Attempt, unit: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows by host, so that a task that gathers some hosts reads only their groups."""
    rows.sort(key=lambda row: (row["dump"], row["host"] or "", row["url"] or "", row["record"]))
    with TableWriter(attempt, f"stages/settle/rows/{unit}.parquet", SETTLED) as writer:
        for row in rows:
            writer.add({**row, "host": row["host"] or ""})
    sizes: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        key = (row["dump"], row["host"] or "")
        counts[key] += 1
        sizes[key] += len(row["text"].encode())
    with TableWriter(attempt, f"stages/settle/hosts/{unit}.parquet", HOSTS) as writer:
        for dump, host in sorted(counts):
            key = (dump, host)
            writer.add({"dump": dump, "host": host, "rows": counts[key], "bytes": sizes[key]})


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    dates = [row["date"] for row in rows if row["date"]]
    return {
        "rows": len(rows),
        "text_bytes": sum(len(row["text"].encode()) for row in rows),
        "tokens": sum(row["token_count"] for row in rows),
        "languages": dict(sorted(Counter(row["language"] or "" for row in rows).items())),
        "first_date": min(dates, default=None),
        "last_date": max(dates, default=None),
    }


def read_hosts(paths: Sequence[Path]) -> pa.Table:
    """Return rows and bytes by dump and host over several files, sorted."""
    tables = pa.concat_tables([HOSTS.empty_table(), *(read_table(path) for path in paths)])
    grouped = tables.group_by(["dump", "host"]).aggregate([("rows", "sum"), ("bytes", "sum")])
    return grouped.sort_by([("dump", "ascending"), ("host", "ascending")])
