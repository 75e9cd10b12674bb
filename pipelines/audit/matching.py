"""Two ledgers side by side in DuckDB: which page of one is which page of the other.

Makes the views `a` and `b`, of ledgers, with the key columns `k1, k2`, and the table `pairs`:
a row for every page that is in one only, or of which outcome, language or tokens differ (these
where both are counted). All joins can spill to disk, so memory is bounded whatever the number
of pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filters.errors import UsageError
from pipelines.audit.ledger import Ledger
from pipelines.audit.outcomes import one_row
from pipelines.bucket.path import S3Path
from pipelines.tables import open_files

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SIDES = ("a", "b")
ID = "coalesce(id, file_path || '#' || record)"
"""A page's id; of what has none, such as a damaged stretch of a file, its place."""
_PLACE = "hash(file_path, record)"


@dataclass(frozen=True, slots=True)
class Matching:
    """How pages are matched."""

    by: Literal["id", "place", "unique id"]
    """By id; by id, file and record; or by id, without pages whose id comes more than once."""
    left_out: int = 0
    """Pages of both runs that have no match for that reason."""

    @property
    def second(self) -> str:
        """SQL of the second column of the key."""
        return _PLACE if self.by == "place" else "0::UBIGINT"

    @property
    def where(self) -> str:
        """SQL that leaves out what is not matched."""
        return f" WHERE {ID} NOT IN (SELECT k FROM repeated)" if self.by == "unique id" else ""

    def in_words(self) -> str:
        """Return a sentence."""
        if self.by == "id":
            return "Pages are matched by their id."
        if self.by == "place":
            return "Pages are matched by id, file and record, because some ids come more than once."
        return (
            f"Pages are matched by their id; {self.left_out:,} pages are left out, because "
            "their ids come more than once and the runs' files have other names."
        )


def view(connection: "DuckDBPyConnection", name: str, files: Sequence[Path]) -> None:
    """Make a view of Parquet files of a run, at least one."""
    if not isinstance(files[0], S3Path):
        connection.read_parquet([str(path) for path in files]).create_view(name)
        return
    folders: dict[Path, list[Path]] = {}
    for path in files:
        folders.setdefault(path.parent, []).append(path)
    parts = []
    for number, inside in enumerate(folders.values()):
        parts.append(f"SELECT * FROM {name}_{number}")
        connection.register(f"{name}_{number}", open_files(inside))
    connection.execute(f"CREATE VIEW {name} AS {' UNION ALL BY NAME '.join(parts)}")


def match(connection: "DuckDBPyConnection", a: Ledger, b: Ledger) -> Matching:
    """Make the views `a` and `b` and the table `pairs`.

    UsageError for runs that have no page in common.
    """
    for side, ledger in zip(SIDES, (a, b), strict=True):
        view(connection, f"ledger_{side}", ledger.files)
    matching = _choose(connection)
    for side in SIDES:
        connection.execute(
            f"CREATE VIEW {side} AS SELECT *, {ID} AS k1, {matching.second} AS k2"
            f" FROM ledger_{side}" + matching.where
        )
    _pair(connection)
    if not _rows(connection, "SELECT count(*) FROM pairs WHERE oa IS NOT NULL AND ob IS NOT NULL"):
        _check_common(connection, a, b)
    return matching


def _choose(connection: "DuckDBPyConnection") -> Matching:
    if all(_ids_are_unique(connection, side) for side in SIDES):
        return Matching("id")
    files = " INTERSECT ".join(f"SELECT file_path FROM ledger_{side}" for side in SIDES)
    if _rows(connection, f"SELECT count(*) FROM ({files})"):
        return Matching("place")
    repeated = " UNION ".join(
        f"SELECT {ID} AS k FROM ledger_{side} GROUP BY k HAVING count(*) > 1" for side in SIDES
    )
    connection.execute(f"CREATE TEMP TABLE repeated AS {repeated}")
    left_out = sum(
        _rows(
            connection,
            f"SELECT count(*) FROM ledger_{side} WHERE {ID} IN (SELECT k FROM repeated)",
        )
        for side in SIDES
    )
    return Matching("unique id", left_out)


def _ids_are_unique(connection: "DuckDBPyConnection", side: str) -> bool:
    # A collision of 64-bit hashes would only make the key longer than it need be.
    return bool(
        _rows(
            connection,
            f"SELECT count(*) = count(DISTINCT hash({ID})) FROM ledger_{side}",
        )
    )


OUTCOME = "concat_ws(chr(31), status, coalesce(stage, ''), coalesce(rule, ''))"
"""Status, stage and rule as one string; see `outcome`."""


def outcome(joined: str) -> tuple[str, str | None, str | None]:
    """Return status, stage and rule of `OUTCOME`."""
    status, stage, rule = joined.split("\x1f", 2)
    return status, stage or None, rule or None


def _pair(connection: "DuckDBPyConnection") -> None:
    """Make `pairs`: k1, k2, outcomes oa and ob, languages la and lb, tokens ta and tb.

    Outcomes are null where a run has no such page. Enumerations keep the join's rows small.
    """
    for name, column in (("outcome", OUTCOME), ("language", "coalesce(language, '')")):
        values = " UNION ".join(f"SELECT {column} AS v FROM {side}" for side in SIDES)
        connection.execute(f"CREATE TYPE {name} AS ENUM (SELECT v FROM ({values}) ORDER BY v)")
    slim = {
        side: f"SELECT k1, k2, {OUTCOME}::outcome AS o, coalesce(language, '')::language AS l,"
        f" token_count AS t FROM {side}"
        for side in SIDES
    }
    connection.execute(
        "CREATE TEMP TABLE pairs AS SELECT coalesce(x.k1, y.k1) AS k1, coalesce(x.k2, y.k2) AS k2,"
        " x.o AS oa, y.o AS ob, x.l AS la, y.l AS lb, x.t AS ta, y.t AS tb"
        f" FROM ({slim['a']}) x FULL JOIN ({slim['b']}) y ON x.k1 = y.k1 AND x.k2 = y.k2"
        " WHERE x.o IS DISTINCT FROM y.o OR x.l <> y.l OR x.t <> y.t"
    )


def _check_common(connection: "DuckDBPyConnection", a: Ledger, b: Ledger) -> None:
    pages = _rows(connection, "SELECT count(*) FROM a")
    alone = _rows(connection, "SELECT count(*) FROM pairs WHERE ob IS NULL")
    if pages and alone == pages:
        raise UsageError(
            f"{a.root} and {b.root}: no page of one is in the other, by id or by file and record.\n"
            "  They are runs of different crawls; 'cuvee diff' compares runs of the same pages."
        )


def _rows(connection: "DuckDBPyConnection", query: str) -> int:
    return int(one_row(connection, query)[0])
