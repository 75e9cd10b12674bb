"""Which pages of a run are meant by its takedowns, as its ledger has them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage import CommitLog
from pipelines.tables import read_table
from pipelines.takedown.requests import STAGE, Matcher, Requests

_COLUMNS = (
    "record", "id", "url", "host", "dump", "status", "stage", "rule", "language", "token_count",
    "cluster_id", "cluster_size",
)  # fmt: skip
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is meant."""

    row: Mapping[str, Any]
    """Of the ledger: `record, id, url, host, dump, status, stage, rule, language, token_count,
    cluster_id, cluster_size`, as it is now."""
    rule: str
    """What the ledger is to say."""

    @property
    def is_taken(self) -> bool:
        """Whether the ledger says so already."""
        return bool(self.row["stage"] == STAGE)

    @property
    def is_published(self) -> bool:
        """Whether it is a page of the dataset."""
        return bool(self.row["status"] == "kept")


@dataclass(frozen=True, slots=True)
class Alike:
    """Pages of the dataset that nearly repeat pages that are meant, and are not meant."""

    pages: int = 0
    urls: tuple[str, ...] = ()
    """Some of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """The pages that are meant, by curated file."""

    units: Mapping[str, tuple[Page, ...]] = field(default_factory=dict)

    def pages(self) -> Iterator[Page]:
        """Yield all of them."""
        for pages in self.units.values():
            yield from pages

    def ids(self) -> pa.Array:
        """Return the ids of all of them."""
        return pa.array([page.row["id"] for page in self.pages()], pa.string())

    def fresh(self) -> list[Page]:
        """Return those that the ledger does not yet have for taken down."""
        return [page for page in self.pages() if not page.is_taken]

    def published(self) -> list[Page]:
        """Return those that are in the dataset."""
        return [page for page in self.pages() if page.is_published]

    def tokens(self) -> int:
        """Return the tokens of those that are in the dataset."""
        return sum(page.row["token_count"] or 0 for page in self.published())

    def rules(self) -> Counter[str]:
        """Return the fresh ones by the kind of request."""
        return Counter(page.rule for page in self.fresh())


def find_pages(log: CommitLog, asked: Sequence[Requests]) -> Found:
    """Return the pages of a run that some list means; the first list that does says why."""
    matcher = Matcher(asked)
    units: dict[str, tuple[Page, ...]] = {}
    for unit, path in _ledgers(log):
        table = read_table(path, _COLUMNS)
        rules = matcher.rules(table)
        if rules:
            rows = table.take(pa.array(list(rules))).to_pylist()
            units[unit] = tuple(map(Page, rows, rules.values()))
    return Found(units)


def find_alike(log: CommitLog, found: Found) -> Alike:
    """Return what would stay in the dataset although it nearly repeats a page that goes."""
    clusters = {page.row["cluster_id"] for page in found.fresh() if page.row["cluster_size"] != 1}
    clusters -= {None}
    if not clusters:
        return Alike()
    ids = {page.row["id"] for page in found.pages()}
    wanted = pa.array(sorted(clusters), pa.int64())
    urls: list[str] = []
    pages = 0
    for _, path in _ledgers(log):
        table = read_table(path, ["cluster_id", "status", "id", "url"])
        kept = table.filter(
            pc.and_(
                pc.is_in(table["cluster_id"], value_set=wanted), pc.equal(table["status"], "kept")
            )
        )
        others = [row for row in kept.to_pylist() if row["id"] not in ids]
        pages += len(others)
        urls += [row["url"] or row["id"] for row in others][: _NAMED - len(urls)]
    return Alike(pages, tuple(urls))


def _ledgers(log: CommitLog) -> Iterator[tuple[str, Path]]:
    for unit, commit in log.commits("settle").items():
        for item in commit.files:
            if item.path.startswith("ledger/") and item.rows:
                yield unit, log.root / item.path
