"""Curate one crawl file: gate, extract, gate, measure, decide, edit.

Writes the file's rows of the ledger, its documents, the pages that passed and
the keys by which near-duplicates are found. Each page of the file gets exactly one row.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from filters.optout import tally
from pipelines.crawl import CrawlFile, Item, Traffic, read_pages
from pipelines.curator import Curated, Curator, curator_for
from pipelines.dedup.bands import BandsWriter
from pipelines.final_rules import BROKEN
from pipelines.ledger import CANDIDATES, DOCUMENTS, JUDGED
from pipelines.recipe.model import Recipe
from pipelines.recipe.rule_stages import GATE_STAGES
from pipelines.recurate import can_recurate, recurate
from pipelines.sandbox.pages import Asks, PageWork, prepare
from pipelines.storage import Attempt
from pipelines.tables import TableWriter


@dataclass(frozen=True, slots=True)
class CurateJob:
    """Everything a worker needs to curate one file."""

    recipe: Recipe
    file: CrawlFile
    tokenizer: str | None
    """Path of a tokenizer that is known beforehand; None where the run trains one."""
    limit: int | None
    extraction: str
    """Digest of all that determines the extracted text and the decisions of gates."""


class Outputs:
    """The tables of one curated file, and its counters."""

    def __init__(
        self, attempt: Attempt, job: CurateJob, curator: Curator, stack: ExitStack
    ) -> None:
        def table(folder: str, schema: pa.Schema) -> TableWriter:
            final = f"{folder}/{job.file.unit}.parquet"
            return stack.enter_context(TableWriter(attempt, final, schema, quick_if_small=True))

        self._curator = curator
        self._job = job
        self._has_optout_gates = bool(job.recipe.optout_gates)
        self._ledger = table("stages/curate/ledger", curator.schema)
        # Which pages are kept is known only after deduplication: then these are sifted.
        kept_only = job.recipe.keep_text == "kept"
        self._documents = table("stages/curate/documents" if kept_only else "documents", DOCUMENTS)
        own = [BROKEN] if job.recipe.final_rules else []
        self._candidates = table("stages/curate/candidates", pa.schema([*CANDIDATES, *own]))
        self._judged = None if job.tokenizer else table("stages/curate/judged", JUDGED)
        self._bands = None
        if (hasher := curator.minhasher) is not None:
            final = f"stages/curate/bands/{job.file.unit}.parquet"
            self._bands = stack.enter_context(BandsWriter(attempt, final, hasher))
        self.counts: Counter[str] = Counter(pages=0, kept=0, failed=0)
        self.failures: Counter[str] = Counter()
        self.opt_outs: Counter[str] = Counter()
        """Pages that had headers and HTML, and those that reserve their use, by signal."""
        self.reasons: set[tuple[str, str]] = set()
        """Blocks of datatrove and the reasons that they gave."""

    def add(self, curated: Curated) -> None:
        """Write what became of a page."""
        row, judgement = curated.row, curated.judgement
        self.counts.update(["pages", row["status"]])
        if self._has_optout_gates:
            for name, count in tally(row):
                self.opt_outs[name] += count
        if row["status"] == "failed":
            self.failures[f"{row['stage']}: {row['rule']}"] += 1
        if judgement is not None and judgement.decision and judgement.decision.block:
            self.reasons.add((judgement.decision.block, judgement.decision.rule))
        if curated.text is not None and _keeps_text(self._job.recipe.keep_text, row):
            self._documents.add({**row, "text": curated.text})
        if judgement is not None and row["status"] == "kept":
            self._candidates.add({**row, "text": judgement.text})
            if curated.signature is not None and self._bands is not None:
                self._bands.add(row["record"], curated.signature)
        elif judgement is not None and self._judged is not None:
            self._judged.add({"record": row["record"], "text": judgement.text})
        self._ledger.add(row)
        self._curator.clock.lap("write")

    def facts(self, others: Counter[str], *, covers: bool) -> dict[str, Any]:
        """Return what the commit record says of the pages.

        `others` counts the file's other records; `covers` says whether no text was lost.
        """
        return {
            **self.counts,
            "failures": dict(sorted(self.failures.items())),
            "reasons": sorted(map(list, self.reasons)),
            "other_records": dict(sorted(others.items())),
            "extraction": self._job.extraction,
            "covers_rules": self._job.recipe.keep_text != "kept" and covers,
        }


def _keeps_text(policy: str, row: Mapping[str, Any]) -> bool:
    if policy == "all":
        return True
    if policy == "kept":
        return bool(row["status"] == "kept")
    return bool(row["audited"]) or row["stage"] not in GATE_STAGES


def curate_file(attempt: Attempt, job: CurateJob) -> dict[str, Any]:
    """Curate one crawl file (the unit of this stage); returns its counters.

    Where the file was curated before and only rules, edits or what follows have
    changed, its stored text is judged again and the crawl is not read.
    """
    prepare(job.recipe)
    curator = curator_for(job.recipe)
    curator.judges.restart()
    curator.clock.restart()
    curator.accelerated.clear()
    others: Counter[str] = Counter()
    traffic = Traffic()
    again = can_recurate(attempt, job.extraction)

    def asks(others: Counter[str], traffic: Traffic) -> Asks:
        return recurate(attempt, curator, others) if again else pages_of(job, others, traffic)

    work = PageWork(curator, job.file, lambda: asks(Counter(), Traffic()), job.tokenizer)
    with ExitStack() as stack:
        outputs = Outputs(attempt, job, curator, stack)
        for curated in work.each(asks(others, traffic)):
            outputs.add(curated)
    curator.clock.lap("write", attempt.written_bytes())
    attempt.steps = curator.clock.read()
    attempt.helped = work.used
    return {
        **outputs.facts(others, covers=not work.lost_texts),
        "read": "documents" if again else "crawl",
        **({"accelerate": dict(curator.accelerated)} if curator.accelerated else {}),
        **({"opt_outs": dict(outputs.opt_outs)} if job.recipe.optout_gates else {}),
        **({"fetched": traffic.facts()} if traffic.requests else {}),
        **work.facts(),
    }


def pages_of(
    job: CurateJob,
    others: Counter[str],
    traffic: Traffic,
    imported: Sequence[str] | None = None,
) -> Iterator[Item]:
    """Yield the pages of a job's file; its other records and its requests are counted.

    `imported` are the signals that are read of an input, if not those of the job's recipe.
    """
    recipe = job.recipe
    names = recipe.imported if imported is None else tuple(imported)
    pages = read_pages(job.file, others, recipe.read_columns, traffic, names)
    return islice(pages, job.limit)
