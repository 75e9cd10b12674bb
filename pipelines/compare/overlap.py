"""Where finished runs of several recipes agree: kept pages, by which of them keep each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.audit.ledger import Ledger, open_ledger
from pipelines.audit.matching import view

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Example:
    """A page that one recipe keeps and no other."""

    url: str | None
    file_path: str
    record: int
    tokens: int | None
    others: Mapping[str, str]
    """Why each other recipe dropped it, as `stage: rule`."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Which recipe keeps which pages of one crawl."""

    names: tuple[str, ...]
    pages: int
    """Pages of the crawl."""
    masks: Mapping[int, int]
    """Pages by who keeps them: bit n stands for the n-th recipe."""
    tokens: Mapping[str, int]
    """Tokens of the kept pages, by each recipe's own tokenizer."""
    only_tokens: Mapping[str, int]
    """Tokens of the pages that only this recipe keeps."""
    examples: Mapping[str, Sequence[Example]]

    def kept(self, *names: str) -> int:
        """Return how many pages all of these recipes keep."""
        wanted = sum(1 << self.names.index(name) for name in set(names))
        return sum(pages for mask, pages in self.masks.items() if mask & wanted == wanted)

    def only(self, name: str) -> int:
        """Return how many pages this recipe keeps and no other."""
        return self.masks.get(1 << self.names.index(name), 0)

    def all_of_them(self) -> int:
        """Return how many pages every recipe keeps."""
        return self.kept(*self.names)

    def any_of_them(self) -> int:
        """Return how many pages some recipe keeps."""
        return sum(pages for mask, pages in self.masks.items() if mask)


def find_overlap(runs: Mapping[str, Path], examples: int = 3) -> Overlap:
    """Compare finished runs on the same crawl; `examples` pages that only one recipe keeps.

    Pages are told apart by file and record. UsageError where no run is.
    """
    names = tuple(runs)
    ledgers = [open_ledger(root) for root in runs.values()]
    with ledgers[0].connect() as connection:
        _gather(connection, ledgers)
        rows = connection.execute("SELECT mask, count(*) FROM masks GROUP BY mask").fetchall()
        masks = {int(mask): int(pages) for mask, pages in rows}
        return Overlap(
            names,
            sum(masks.values()),
            masks,
            _tokens(connection, names, "kept"),
            _tokens(connection, names, "kept AND mask = 1 << run"),
            {
                name: _examples(connection, names, run, examples)
                for run, name in enumerate(names)
                if examples
            },
        )


def _gather(connection: "DuckDBPyConnection", ledgers: Sequence[Ledger]) -> None:
    """Make the tables `said`, a row for each page and recipe, and `masks`, a row for each page."""
    parts = []
    for run, ledger in enumerate(ledgers):
        view(connection, f"run_{run}", ledger.files)
        parts.append(
            f"SELECT {run} AS run, file_path, record, url, status = 'kept' AS kept, stage, rule, "
            f"token_count FROM run_{run}"
        )
    connection.execute(f"CREATE TABLE said AS {' UNION ALL '.join(parts)}")
    connection.execute(
        "CREATE TABLE masks AS SELECT file_path, record, "
        "sum(CASE WHEN kept THEN 1 << run ELSE 0 END)::BIGINT AS mask "
        "FROM said GROUP BY file_path, record"
    )


def _tokens(connection: "DuckDBPyConnection", names: Sequence[str], where: str) -> dict[str, int]:
    rows = connection.execute(
        "SELECT run, coalesce(sum(token_count), 0) FROM said JOIN masks USING (file_path, record) "
        f"WHERE {where} GROUP BY run"
    ).fetchall()
    found = {names[run]: int(tokens) for run, tokens in rows}
    return {name: found.get(name, 0) for name in names}


def _examples(
    connection: "DuckDBPyConnection", names: Sequence[str], run: int, most: int
) -> list[Example]:
    """Return pages that only one recipe keeps, chosen by hash: the same whenever asked."""
    rows = connection.execute(
        "WITH chosen AS (SELECT file_path, record FROM masks WHERE mask = 1 << ? "
        "ORDER BY md5(file_path || record), file_path, record LIMIT ?) "
        "SELECT file_path, record, run, url, token_count, stage, rule "
        "FROM said JOIN chosen USING (file_path, record) ORDER BY md5(file_path || record), run",
        [run, most],
    ).fetchall()
    pages: dict[tuple[str, int], list[Any]] = {}
    for file_path, record, *said in rows:
        pages.setdefault((file_path, record), []).append(said)
    return [_example(key, said, names, run) for key, said in pages.items()]


def _example(
    key: tuple[str, int], said: Sequence[Sequence[Any]], names: Sequence[str], run: int
) -> Example:
    (own,) = [row for row in said if row[0] == run]
    others = {names[other]: f"{stage}: {rule}" for other, _, _, stage, rule in said if other != run}
    return Example(own[1], *key, own[2], others)
