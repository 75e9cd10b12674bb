"""What the report states of a run as a whole: totals, and pages before and after by what they are.

Tables of languages, sites and dates have rows of `[name, pages, kept pages, tokens, kept tokens]`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.audit.ledger import Ledger
from pipelines.terminal import harmless
from pipelines.timing import by_step

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LANGUAGES, _SITES = 14, 20
_NAME = 120
"""Characters of a name from the crawl."""
_MOST_MONTHS = 60
"""With more of them, dates are told by year."""
_SUMS = (
    "count(*), count(*) FILTER (status = 'kept'), coalesce(sum(token_count), 0)::BIGINT, "
    "coalesce(sum(token_count) FILTER (status = 'kept'), 0)::BIGINT"
)


def read_totals(connection: "DuckDBPyConnection") -> dict[str, int]:
    """Return pages and tokens that came in, and those kept."""
    row = connection.execute(
        f"SELECT {_SUMS}, count(*) FILTER (status = 'failed'), count(DISTINCT host), "  # noqa: S608
        "count(*) FILTER (audited) FROM ledger"
    ).fetchone()
    names = ("pages", "kept", "tokens", "kept_tokens", "failed", "sites", "audited")
    return dict(zip(names, row or (0,) * len(names), strict=True))


def read_breakdown(connection: "DuckDBPyConnection") -> dict[str, Any]:
    """Return the tables `languages`, `sites` and `dates`, and what a row of `dates` stands for."""
    languages = _counted(connection, "coalesce(language, 'none')", _LANGUAGES)
    sites = _counted(connection, "coalesce(host, 'none')", _SITES)
    period, dates = _dates(connection)
    return {"languages": languages, "sites": sites, "dates": dates, "period": period}


def _counted(connection: "DuckDBPyConnection", name: str, most: int) -> list[list[Any]]:
    """Return the largest groups of pages, and all others as one row whose name is None."""
    query = f"""
        WITH found AS (SELECT {name} AS name, {_SUMS} FROM ledger GROUP BY ALL),
        ranked AS (SELECT *, row_number() OVER (ORDER BY #2 DESC, name) AS place FROM found)
        SELECT CASE WHEN place <= {most} THEN name END, sum(#2), sum(#3), sum(#4), sum(#5), min(place)
        FROM ranked GROUP BY 1 ORDER BY 6
    """  # noqa: S608  names of columns
    return [[_shown(row[0]), *map(int, row[1:5])] for row in _rows(connection, query)]


def _shown(name: str | None) -> str | None:
    return None if name is None else harmless(name[:_NAME])


def _dates(connection: "DuckDBPyConnection") -> tuple[str, list[list[Any]]]:
    """Return pages by month; by year where there are many months, by day where there is one."""
    days = _rows(
        connection,
        f"SELECT substr(coalesce(date, 'none'), 1, 10), {_SUMS} FROM ledger GROUP BY ALL ORDER BY 1",  # noqa: S608
    )
    months = {row[0][:7] for row in days}
    period, length = ("month", 7)
    if len(months) == 1:
        period, length = ("day", 10)
    elif len(months) > _MOST_MONTHS:
        period, length = ("year", 4)
    sums: dict[str, list[int]] = {}
    for name, *figures in days:
        held = sums.setdefault(name[:length], [0] * len(figures))
        sums[name[:length]] = [a + b for a, b in zip(held, figures, strict=True)]
    return period, [[_shown(name), *figures] for name, figures in sums.items()]


def _rows(connection: "DuckDBPyConnection", query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def run_facts(ledger: Ledger, manifest: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the manifest says of a run; of an unfinished one, what its recipe says."""
    name = ledger.recipe.map.get("recipe")
    facts: dict[str, Any] = {
        "recipe": str(name.plain()) if name else "?",
        "folder": str(ledger.root),
        "finished": ledger.finished,
        "notes": [harmless(note) for note in ledger.notes],
        "keep_text": _plain(ledger, "keep_text", "all"),
        "audit_fraction": _plain(ledger, "audit_fraction", 0.01),
        "dedup": list(ledger.plan.dedup),
    }
    if manifest is not None:
        facts |= {
            "version": manifest["code"]["version"],
            "digest": manifest["recipe"]["digest"],
            "text_bytes": manifest["text_bytes"],
            "input_bytes": manifest.get("inputs", {}).get("bytes", 0),
            "input_files": manifest.get("inputs", {}).get("files", 0),
            "seconds": manifest["seconds"],
            "slots": manifest.get("engine", {}).get("slots"),
            "clusters": _clusters(manifest.get("dedup") or {}),
            "cost": [[step, spent] for step, spent in by_step(manifest["stages"]).items()],
        }
    return facts


def _plain(ledger: Ledger, key: str, otherwise: Any) -> Any:
    node = ledger.recipe.map.get(key)
    return otherwise if node is None else node.plain()


def _clusters(kinds: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return clusters by size for each kind of deduplication that found any."""
    return [
        {
            "kind": kind,
            "clusters": found["clusters"],
            "pages": found["documents"],
            "largest": found["largest"],
            "sizes": sorted(([int(low), count] for low, count in found["histogram"].items())),
        }
        for kind, found in kinds.items()
        if found.get("clusters")
    ]


def rule_places(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the rules in order: what the scripts must know of each."""
    return [
        {
            "name": step.rule.name,
            "stage": step.stage,
            "block": step.block,
            "left": " / ".join(step.rule.reads).replace("text.", ""),
            "op": step.rule.op,
            "constant": step.rule.constant,
        }
        for step in ledger.plan.steps
    ]


