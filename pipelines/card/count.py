"""What a card needs and no commit record has: counted in two passes over a finished run.

The shards are read once, for what each dump, language and domain has; of the ledger only a
few columns, twice. Nothing here grows with the number of pages.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.card.domains import (
    DOMAINS,
    Held,
    domain_of,
    domain_of_url,
    ranked,
    together,
)
from pipelines.layout import Placed
from pipelines.storage import Attempt
from pipelines.tables import TableWriter, opened, read_rows

LOW_SCORE = 0.8
"""A page whose language is less sure than this is counted as unsure."""
LEAST_PAGES = 10
"""Rules that removed fewer pages say nothing about domains."""
LARGEST = 10
"""Domains that the card names."""
_COLUMNS = ("text", "url", "dump", "language", "language_score", "token_count")
_BATCH = 2_000
DOMAINS_OF_DUMPS = "dataset/domains"
"""Folder of tables as `domains.parquet`, each of one dump: of several runs they can be added."""

Told = Callable[[int], None]
"""Is told of bytes of files that have been read."""
Files = Sequence[tuple[Path, int]]
"""Where files are, and their bytes."""
Shards = Sequence[tuple[Placed, Path, int]]
"""The same of shards, and of which dump and language they are."""


@dataclass(slots=True)
class Amount:
    """Documents with their tokens and bytes of text."""

    rows: int = 0
    tokens: int = 0
    bytes: int = 0

    def add(self, other: "Amount") -> None:
        """Add another one."""
        self.rows += other.rows
        self.tokens += other.tokens
        self.bytes += other.bytes


@dataclass(slots=True)
class Scores:
    """How sure the language model was of one language's documents."""

    rows: int = 0
    total: float = 0.0
    lowest: float = 1.0
    low: int = 0
    """Documents below `LOW_SCORE`."""

    def add(self, other: "Scores") -> None:
        """Add another one."""
        self.rows += other.rows
        self.total += other.total
        self.lowest = min(self.lowest, other.lowest)
        self.low += other.low


@dataclass(slots=True)
class Domains:
    """What `domains.parquet` adds up to."""

    count: int = 0
    bytes: int = 0
    largest: list[dict[str, Any]] = field(default_factory=list)
    tenth: int = 0
    """Domains in the tenth of them, rounded up, that has most bytes."""
    tenth_bytes: int = 0


@dataclass(frozen=True, slots=True)
class OneDomain:
    """A rule more than half of whose removals are pages of one domain."""

    stage: str
    rule: str
    domain: str
    pages: int
    of: int


@dataclass(slots=True)
class Counted:
    """Everything that was counted."""

    amounts: dict[tuple[str, str], Amount] = field(default_factory=lambda: defaultdict(Amount))
    """By dump and language."""
    scores: dict[str, Scores] = field(default_factory=lambda: defaultdict(Scores))
    arrow_bytes: Counter[Placed] = field(default_factory=Counter)
    """Uncompressed bytes of the shards by dump, or dump and language, as their footers say."""
    truncated: Counter[str] = field(default_factory=Counter)
    """Pages kept although the crawler had cut them off, by its reason."""
    domains: Domains = field(default_factory=Domains)
    one_domain: list[OneDomain] = field(default_factory=list)
    removed: dict[str, dict[str, int]] = field(default_factory=dict)
    """Pages that each rule removed, by language and rule, where there are several languages."""

    def plain(self) -> dict[str, Any]:
        """Return all but the domains, which lie beside the card, as plain data."""
        return {
            "amounts": [[*key, *astuple(amount)] for key, amount in sorted(self.amounts.items())],
            "scores": {label: asdict(scores) for label, scores in sorted(self.scores.items())},
            "arrow_bytes": plain_sizes(self.arrow_bytes),
            "truncated": dict(sorted(self.truncated.items())),
            "one_domain": [asdict(rule) for rule in self.one_domain],
            **({"removed": self.removed} if self.removed else {}),
        }

    def add(self, plain: Mapping[str, Any], dumps: Collection[str]) -> None:
        """Add what `plain` has given of another run, of some of its dumps.

        What is not told by dump is added whole.
        """
        for dump, language, *amount in plain["amounts"]:
            if dump in dumps:
                self.amounts[dump, language].add(Amount(*amount))
        for label, scores in plain["scores"].items():
            self.scores[label].add(Scores(**scores))
        sizes = placed_sizes(plain["arrow_bytes"])
        self.arrow_bytes.update({p: n for p, n in sizes.items() if p.dump in dumps})
        self.truncated.update(plain["truncated"])
        self.one_domain += [OneDomain(**rule) for rule in plain["one_domain"]]
        self.removed = removed_together(self.removed, plain.get("removed", {}))


def removed_together(
    one: Mapping[str, Mapping[str, int]], other: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """Return the sums of what two runs, or parts of one, have removed by language and rule."""
    found: dict[str, Counter[str]] = {}
    for each in (one, other):
        for label, rules in each.items():
            found.setdefault(label, Counter()).update(rules)
    return {label: dict(rules) for label, rules in sorted(found.items())}


def plain_sizes(sizes: Mapping[Placed, int]) -> dict[str, Any]:
    """Return sizes by dump, or by dump and language, as plain data."""
    found: dict[str, Any] = {}
    for place, size in sorted(sizes.items()):
        if place.language:
            found.setdefault(place.dump, {})[place.language] = size
        else:
            found[place.dump] = size
    return found


def placed_sizes(plain: Mapping[str, Any]) -> dict[Placed, int]:
    """Return what `plain_sizes` was given."""
    found: dict[Placed, int] = {}
    for dump, held in plain.items():
        sizes = held if isinstance(held, Mapping) else {"": held}
        found.update({Placed(dump, language): size for language, size in sizes.items()})
    return found


def count_run(attempt: Attempt, shards: Shards, ledgers: Files, told: Told) -> Counted:
    """Count a finished run; writes tables of domains, of each dump and of all, into the attempt.

    The shards of a dump come one after another.
    """
    found = Counted()
    sorting = attempt.folder / "sorting"
    tables = []
    for dump, group in groupby(shards, key=lambda shard: shard[0].dump):
        pages = (held for shard in group for held in _count_shard(*shard, found, told))
        tables.append(f"{DOMAINS_OF_DUMPS}/{dump}.parquet")
        with TableWriter(attempt, tables[-1], DOMAINS) as writer:
            for row in ranked(pages, sorting / dump):
                writer.add(row)
    with TableWriter(attempt, "dataset/domains.parquet", DOMAINS) as writer:
        for row in together((attempt.path(name) for name in tables), sorting / "all"):
            writer.add(row)
    found.domains = sum_up(attempt.path("dataset/domains.parquet"), writer.rows)
    _count_ledger(ledgers, found, told)
    return found


def _count_shard(
    place: Placed, path: Path, size: int, found: Counted, told: Told
) -> Iterator[Held]:
    """Count one shard; yields each page's domain with what the page has."""
    file = pq.ParquetFile(opened(path))
    groups = (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups))
    found.arrow_bytes[place] += sum(group.total_byte_size for group in groups)
    for batch in file.iter_batches(batch_size=_BATCH, columns=list(_COLUMNS)):
        sizes = pc.fill_null(pc.binary_length(batch["text"]), 0)
        _add_amounts(batch, sizes, found)
        _add_scores(batch, found)
        columns = (batch["url"], sizes, batch["token_count"])
        for url, held, tokens in zip(*(column.to_pylist() for column in columns), strict=True):
            yield Held(domain_of_url(url), 1, held, tokens or 0)
    told(size)


def _add_amounts(batch: pa.RecordBatch, sizes: pa.Array, found: Counted) -> None:
    table = pa.table(
        {
            "dump": batch["dump"],
            "language": batch["language"],
            "tokens": batch["token_count"],
            "bytes": sizes,
        }
    )
    sums = table.group_by(["dump", "language"]).aggregate(
        [([], "count_all"), ("tokens", "sum"), ("bytes", "sum")]
    )
    for row in sums.to_pylist():
        amount = Amount(row["count_all"], row["tokens_sum"] or 0, row["bytes_sum"] or 0)
        found.amounts[row["dump"] or "", row["language"] or ""].add(amount)


def _add_scores(batch: pa.RecordBatch, found: Counted) -> None:
    table = pa.table(
        {
            "language": batch["language"],
            "score": batch["language_score"],
            "low": pc.cast(pc.less(batch["language_score"], LOW_SCORE), pa.int64()),
        }
    )
    scored = table.filter(pc.is_valid(table["score"]))
    sums = scored.group_by(["language"]).aggregate(
        [("score", "count"), ("score", "sum"), ("score", "min"), ("low", "sum")]
    )
    for row in sums.to_pylist():
        scores = found.scores[row["language"] or ""]
        scores.rows += row["score_count"]
        scores.total += row["score_sum"]
        scores.lowest = min(scores.lowest, row["score_min"])
        scores.low += row["low_sum"]


def sum_up(path: Path, count: int) -> Domains:
    """Return what a `domains.parquet` adds up to; it is read once more, in order."""
    found = Domains(count=count, tenth=-(-count // 10))
    for row in read_rows(path):
        found.bytes += row["bytes"]
        if row["rank"] <= LARGEST:
            found.largest.append(row)
        if row["rank"] <= found.tenth:
            found.tenth_bytes += row["bytes"]
    return found


class _Majority:
    """Finds for each rule the only domain that can have more than half of its pages.

    Boyer and Moore's vote (1991): one counter for each rule, however many domains there are.
    The candidate has to be counted again.
    """

    def __init__(self) -> None:
        self.candidates: dict[tuple[str, str], tuple[str, int]] = {}
        self.pages: Counter[tuple[str, str]] = Counter()

    def add(self, rule: tuple[str, str], domain: str, pages: int) -> None:
        self.pages[rule] += pages
        held, lead = self.candidates.get(rule, (domain, 0))
        if held == domain:
            lead += pages
        elif lead >= pages:
            lead -= pages
        else:
            held, lead = domain, pages - lead
        self.candidates[rule] = held, lead


def _count_ledger(ledgers: Files, found: Counted, told: Told) -> None:
    votes = _Majority()
    for path, size in ledgers:
        for rule, host, pages in _removals(path):
            votes.add(rule, domain_of(host) if host else "", pages)
        _count_truncated(path, found)
        told(size)
    asked = {
        rule: domain
        for rule, (domain, _) in votes.candidates.items()
        if domain and votes.pages[rule] >= LEAST_PAGES
    }
    exact = _exactly(ledgers, asked) if asked else {}
    for key, pages in sorted(exact.items()):
        of = votes.pages[key]
        if 2 * pages > of:
            found.one_domain.append(OneDomain(*key, asked[key], pages, of))


def _exactly(ledgers: Files, asked: Mapping[tuple[str, str], str]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for path, _ in ledgers:
        for rule, host, pages in _removals(path):
            domain = asked.get(rule)
            # A host ends with its domain: few have to be looked up.
            if domain and host.endswith(domain) and domain_of(host) == domain:
                counts[rule] += pages
    return counts


def _removals(path: Path) -> Iterator[tuple[tuple[str, str], str, int]]:
    """Yield stage and rule, host, pages for what rules removed of one file of the ledger."""
    names = ["status", "stage", "rule", "host"]
    for batch in pq.ParquetFile(opened(path)).iter_batches(batch_size=65_536, columns=names):
        table = pa.Table.from_batches([batch]).filter(pc.field("status") == "dropped")
        counts = table.group_by(["stage", "rule", "host"]).aggregate([([], "count_all")])
        columns = (counts[name].to_pylist() for name in ("stage", "rule", "host", "count_all"))
        for stage, rule, host, pages in zip(*columns, strict=True):
            yield (stage or "", rule or ""), host or "", pages


def _count_truncated(path: Path, found: Counted) -> None:
    names = ["status", "truncated"]
    for batch in pq.ParquetFile(opened(path)).iter_batches(batch_size=65_536, columns=names):
        table = pa.Table.from_batches([batch])
        cut = table.filter((pc.field("status") == "kept") & pc.field("truncated").is_valid())
        found.truncated.update(cut["truncated"].to_pylist())
