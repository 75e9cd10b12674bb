"""A ledger of any size, out of a real one: its rows again and again, with other numbers.

Every count is multiplied by a factor near 1 of its own, and each page is decided anew by the
rules; what a run would not have measured is null. Ids, addresses and hosts are new.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.audit.cube import fires_sql, quoted
from pipelines.audit.ledger import Ledger, open_ledger
from pipelines.audit.steps import COLUMNS, FIRST_BLOCK, Step
from pipelines.files import write_whole
from pipelines.ledger import LEDGER_FIELDS
from pipelines.manifest import FORMAT, open_run_directory
from pipelines.storage import Commit, CommitLog, CommittedFile

_FILE_ROWS = 500_000
_AUDITED = 0.01
_REPEATS = 0.02
_SPREAD = 0.3
"""Counts are multiplied by 1 - this / 2 to 1 + this / 2."""
_HOSTS = 2_000_000


def generate(model: Path, root: Path, rows: int) -> None:
    """Make a run directory with a ledger of `rows` pages after that of the run `model`.

    The model must have measured every page to the end (`audit_fraction: 1`).
    """
    ledger = open_ledger(model)
    open_run_directory(root)
    (root / "ledger").mkdir()
    (root / "recipe.yaml").write_bytes((model / "recipe.yaml").read_bytes())
    log = CommitLog(root)
    with ledger.connect() as connection:
        connection.execute(
            "CREATE TEMP TABLE base AS SELECT *, row_number() OVER () - 1 AS number FROM ledger"
        )
        pages = connection.execute("SELECT count(*) FROM base").fetchall()[0][0]
        for part, start in enumerate(range(0, rows, _FILE_ROWS)):
            count = min(_FILE_ROWS, rows - start)
            path = f"ledger/{part:05d}.parquet"
            query = _rows(ledger, start, count, part, pages)
            connection.execute(
                f"COPY ({query}) TO '{root / path}'"
                " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 200000)"
            )
            file = CommittedFile(path, count, (root / path).stat().st_size, "")
            log.publish(Commit("settle", f"{part:05d}", "", (file,)))
            log.publish(Commit("curate", f"{part:05d}", "", ()))
    assert pq.read_schema(root / "ledger/00000.parquet").names == ledger.schema.names
    manifest = {"format": FORMAT, "pages": rows, "files": []}
    write_whole(root / "manifest.json", json.dumps(manifest, indent=1).encode())


def _rows(ledger: Ledger, start: int, count: int, part: int, pages: int) -> str:
    """Return SQL of the ledger's rows of one file."""
    chance = "(hash(i, {seed}) % 1000000 / 1000000.0)"
    measured = [f.name for f in ledger.schema if f.name in ledger.signals]
    counts = {f.name for f in ledger.schema if str(f.type) == "int64"}
    noisy = [
        f"round({quoted(name)} * ({1 - _SPREAD / 2} + {_SPREAD} * {chance.format(seed=at)}))"
        f"::BIGINT AS {quoted(name)}"
        if name in counts
        else quoted(name)
        for at, name in enumerate(measured)
    ]
    made = (
        f"SELECT i, base.* EXCLUDE ({', '.join(map(quoted, measured))}, audited),"
        f" {chance.format(seed=1001)} < {_AUDITED} AS audited,"
        f" {chance.format(seed=1002)} < {_REPEATS} AS repeats, {', '.join(noisy)}"
        f" FROM range({start}, {start + count}) AS r(i)"
        f" JOIN base ON base.number = hash(i, 7) % {pages}"
    )
    decided = f"SELECT *, {_decision(ledger.plan.steps)} AS rank FROM ({made})"
    host = (
        f"'site' || (exp({chance.format(seed=1003)} * ln({_HOSTS})))::BIGINT || '.'"
        " || split_part(host, '.', -1)"
    )
    stages = _of_rank([step.stage for step in ledger.plan.steps])
    names = _of_rank(ledger.plan.names())
    values = {
        "id": "'<urn:uuid:' || md5(i::VARCHAR) || '>'",
        "host": host,
        "url": f"'http://' || {host} || '/' || i",
        "file_path": f"'part-{part:05d}.warc.gz'",
        "record": f"i - {start}",
        "offset": f"(i - {start}) * 30000",
        "status": "CASE WHEN gone OR rank IS NOT NULL OR repeats THEN 'dropped' ELSE 'kept' END",
        "stage": f"CASE WHEN gone THEN stage {stages} WHEN repeats THEN 'dedup' END",
        "rule": f"CASE WHEN gone THEN rule {names} WHEN repeats THEN 'minhash' END",
        "cluster_id": "CASE WHEN rank IS NULL AND NOT gone THEN i END",
        "cluster_size": "CASE WHEN rank IS NULL AND NOT gone THEN 1::BIGINT END",
    }
    values |= _unmeasured(ledger, measured)
    columns = [f"{values.get(f.name, quoted(f.name))} AS {quoted(f.name)}" for f in ledger.schema]
    gone = "coalesce(stage IN ('read', 'extract'), false) AS gone"
    return f"SELECT {', '.join(columns)} FROM (SELECT *, {gone} FROM ({decided}))"


def _decision(steps: Sequence[Step]) -> str:
    fires = [
        f"WHEN coalesce({fires_sql(step.rule)}, false) THEN {r}" for r, step in enumerate(steps)
    ]
    return f"CASE {' '.join(fires)} END"


def _of_rank(names: Sequence[str]) -> str:
    return " ".join(f"WHEN rank = {rank} THEN '{name}'" for rank, name in enumerate(names))


def _unmeasured(ledger: Ledger, measured: Sequence[str]) -> dict[str, str]:
    """Return SQL by which what no run would have measured on a page is null."""
    first: dict[str, int] = {}
    for step in ledger.plan.steps:
        for column in step.columns:
            first.setdefault(column, step.block)
    starts = {
        block: min(r for r, s in enumerate(ledger.plan.steps) if s.block == block)
        for block in first.values()
    }
    last = max(first.values())
    fixed = {item.name for item in LEDGER_FIELDS} | set(COLUMNS.values())
    return {
        name: f"CASE WHEN audited OR rank IS NULL OR rank >= {starts[first.get(name, last)]}"
        f" THEN {quoted(name)} END"
        for name in measured
        if name not in fixed and first.get(name, last) >= FIRST_BLOCK
    }
