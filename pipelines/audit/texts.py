"""Of which pages two runs have another text, published or extracted.

Texts are compared by a 64-bit hash in DuckDB. A file that both runs have, with the same
sha256, holds the same texts and is not read: so two judgements of one extraction are quick.
"""

from typing import TYPE_CHECKING

from pipelines.audit.ledger import Ledger
from pipelines.audit.matching import ID, SIDES, Matching, view
from pipelines.storage import CommitLog, CommittedFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_STAGES = ("curate", "settle", "dataset")
"""Stages that publish files."""


def compare_published(
    connection: "DuckDBPyConnection", a: Ledger, b: Ledger, matching: Matching
) -> bool:
    """Make the table `other_text`, k1 and k2 of pages that both published, with another text.

    Returns whether that could be told: both runs must have finished.
    """
    keys = ["id", "file_path"] if matching.by == "place" else ["id"]
    comparable = a.finished and b.finished
    views = _views(connection, a, b, "dataset/data") if comparable else None
    if views is None:
        _empty(connection, "other_text")
        return comparable
    named = ", ".join(keys)
    # A sum, because without deduplication an id may be there more than once.
    sides = [
        f"SELECT {named}, sum(hash(text)::HUGEINT) AS digest FROM {name} GROUP BY {named}"
        for name in views
    ]
    connection.execute(
        f"CREATE TEMP TABLE other_published AS SELECT {named}"
        f" FROM ({sides[0]}) x JOIN ({sides[1]}) y USING ({named}) WHERE x.digest <> y.digest"
    )
    connection.execute(
        "CREATE TEMP TABLE other_text AS SELECT k1, k2 FROM a"
        f" SEMI JOIN other_published USING ({named}) WHERE status = 'kept'"
    )
    return True


def compare_extracted(
    connection: "DuckDBPyConnection", a: Ledger, b: Ledger, matching: Matching
) -> bool:
    """Make the table `other_extraction`, k1 and k2 of pages whose stored texts differ.

    Returns whether both runs have stored any.
    """
    stored = all(_files(ledger, "documents") for ledger in (a, b))
    views = _views(connection, a, b, "documents") if stored else None
    if views is None:
        _empty(connection, "other_extraction")
        return stored
    columns = f"{ID} AS k1, {matching.second} AS k2, hash(text) AS digest"
    sides = [f"SELECT {columns} FROM {name}{matching.where}" for name in views]
    connection.execute(
        "CREATE TEMP TABLE other_extraction AS SELECT DISTINCT k1, k2"
        f" FROM ({sides[0]}) x JOIN ({sides[1]}) y USING (k1, k2) WHERE x.digest <> y.digest"
    )
    return True


def _empty(connection: "DuckDBPyConnection", name: str) -> None:
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT k1, k2 FROM a LIMIT 0")


def _views(
    connection: "DuckDBPyConnection", a: Ledger, b: Ledger, folder: str
) -> tuple[str, str] | None:
    """Make views of the files that are not the same in both runs; None where one has none."""
    ours, theirs = _files(a, folder), _files(b, folder)
    same = {_content(item) for item in ours} & {_content(item) for item in theirs}
    names = []
    for side, ledger, files in zip(SIDES, (a, b), (ours, theirs), strict=True):
        other = [ledger.root / item.path for item in files if _content(item) not in same]
        if not other:
            return None
        names.append(f"{folder.partition('/')[0]}_{side}")
        view(connection, names[-1], other)
    return names[0], names[1]


def _content(item: CommittedFile) -> tuple[str, str]:
    return item.path, item.sha256


def _files(ledger: Ledger, folder: str) -> list[CommittedFile]:
    log = CommitLog(ledger.root)
    return [
        item
        for stage in _STAGES
        for commit in log.commits(stage).values()
        for item in commit.files
        if item.path.startswith(f"{folder}/") and item.rows
    ]
