"""What the report states of a run as a whole: totals, and pages before and after by what they are.

Tables of sites and dates have rows of `[name, pages, kept pages, tokens, kept tokens]`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from filters.rule import Rule
from pipelines.audit.ledger import Ledger
from pipelines.audit.shifts import domain_of
from pipelines.terminal import harmless
from pipelines.timing import by_step

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SITES = 20
_NAME = 120
"""Characters of a name from the crawl."""
_FETCHED = 10_000
_READ_HOSTS = 100_000
"""Hosts, those with the most pages, that are put together into registered domains."""
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
    """Return the tables `sites` and `dates`, and what a row of `dates` stands for."""
    period, dates = _dates(connection)
    return {
        "sites": _largest(_domains(_counted(connection, "host")), _SITES),
        "dates": dates,
        "period": period,
    }


def counted_languages(connection: "DuckDBPyConnection", most: int) -> list[list[Any]]:
    """Return such a table of languages; pages without one have the name ""."""
    return _largest(_counted(connection, "language", ""), most)


_Row: TypeAlias = tuple[str, Sequence[int]]
"""A name and the four figures of `_SUMS`."""


def _counted(
    connection: "DuckDBPyConnection", column: str, otherwise: str = "none"
) -> Iterator[_Row]:
    """Yield the pages by a column, most first."""
    query = (
        f"SELECT coalesce({column}, '{otherwise}'), {_SUMS} FROM ledger GROUP BY ALL "  # noqa: S608
        "ORDER BY 2 DESC, 1"
    )
    result = connection.execute(query)
    while rows := result.fetchmany(_FETCHED):
        yield from ((row[0], row[1:]) for row in rows)


def _domains(hosts: Iterable[_Row]) -> Iterator[_Row]:
    """Yield the pages by registered domain; of the hosts with the fewest pages, by host."""
    sums: dict[str, Sequence[int]] = {}
    for at, (host, figures) in enumerate(hosts):
        if at < _READ_HOSTS:
            name = domain_of(host)
            sums[name] = _added(sums.get(name), figures)
        else:
            yield host, figures
    yield from sums.items()


def _added(one: Sequence[int] | None, other: Sequence[int]) -> Sequence[int]:
    return other if one is None else [a + b for a, b in zip(one, other, strict=True)]


def _largest(rows: Iterable[_Row], most: int) -> list[list[Any]]:
    """Return the largest groups of pages, and all others as one row whose name is None."""
    heap: list[_Row] = []
    rest: Sequence[int] | None = None
    for row in rows:
        heap.append(row)
        if len(heap) >= 2 * _FETCHED:
            heap, rest = _cut(heap, rest, most)
    heap, rest = _cut(heap, rest, most)
    shown: list[list[Any]] = [[_shown(name), *figures] for name, figures in heap]
    return [*shown, [None, *rest]] if rest is not None else shown


def _cut(
    rows: list[_Row], rest: Sequence[int] | None, most: int
) -> tuple[list[_Row], Sequence[int] | None]:
    """Return the `most` largest rows, and the sum of the others and `rest`."""
    rows = sorted(rows, key=lambda row: (-row[1][0], row[0]))
    for _, figures in rows[most:]:
        rest = _added(rest, figures)
    return rows[:most], rest


def _shown(name: str) -> str:
    return harmless(name[:_NAME])


def _dates(connection: "DuckDBPyConnection") -> tuple[str, list[list[Any]]]:
    """Return pages by month; by year where there are many months, by day where there is one."""
    day = "substr(coalesce(date, 'none'), 1, 10)"
    query = f"SELECT {day}, {_SUMS} FROM ledger GROUP BY ALL ORDER BY 1"  # noqa: S608
    days = connection.execute(query).fetchall()
    months = {row[0][:7] for row in days}
    period, length = ("month", 7)
    if len(months) == 1:
        period, length = ("day", 10)
    elif len(months) > _MOST_MONTHS:
        period, length = ("year", 4)
    sums: dict[str, Sequence[int]] = {}
    for name, *figures in days:
        sums[name[:length]] = _added(sums.get(name[:length]), figures)
    return period, [[_shown(name), *figures] for name, figures in sums.items()]


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
    return facts | _of_manifest(manifest or {})


def _of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": manifest.get("code", {}).get("version"),
        "digest": manifest.get("recipe", {}).get("digest"),
        "text_bytes": manifest.get("text_bytes"),
        "input_bytes": manifest.get("inputs", {}).get("bytes"),
        "clusters": _clusters(manifest.get("dedup") or {}),
        "cost": [[step, spent] for step, spent in by_step(manifest.get("stages", {})).items()],
    }


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
            **_comparison(step.rule),
        }
        for step in ledger.plan.steps
    ]


def _comparison(rule: Rule) -> dict[str, Any]:
    """Return what a script compares; where languages differ, what the rule says (`columns`)."""
    if not rule.others:
        return {"op": rule.op, "constant": rule.constant}
    shown = rule.brief.replace("text.", "").removeprefix(
        " / ".join(rule.reads).replace("text.", "")
    )
    short = shown if len(shown) <= _NAME else shown[: _NAME - 1] + "…"
    return {"op": "==", "constant": 1, "shown": short.strip()}
