"""A run's ledger, opened for questions: its files, the recipe behind it, and DuckDB over both.

Of a run that has not finished, the files that are committed so far are read. Files are those
that commit records name, never those that lie there.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from filters.errors import UsageError
from filters.rule import LANGUAGE
from pipelines.audit.steps import Plan, read_plan
from pipelines.bucket.path import S3Path
from pipelines.ledger import LEDGER_FIELDS
from pipelines.manifest import check_format, read_manifest
from pipelines.near_label import near_label
from pipelines.recipe.by_language import find_label, for_language
from pipelines.recipe.source import Node, read_file
from pipelines.storage import Commit, CommitLog
from pipelines.tables import open_files, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

MEMORY = "1500MB"
"""What DuckDB may hold; more is spilled to the temporary folder."""
_CURATED = "stages/curate/ledger"


@dataclass(frozen=True, slots=True)
class Ledger:
    """A run's ledger with its recipe; `connect` opens the table `ledger` in DuckDB."""

    root: Path
    recipe: Node
    """The run's recipe, as a tree with the places of its values."""
    plan: Plan
    files: tuple[Path, ...]
    """Parquet files in the order of the input."""
    schema: pa.Schema
    reasons: dict[str, str] = field(default_factory=dict)
    """Which block of datatrove gave a reason."""
    notes: tuple[str, ...] = ()
    """What a person must know of these figures, a sentence each."""
    finished: bool = True
    language: str | None = None
    """The label to whose pages the questions are bound; None: all pages."""
    is_one_of_several: bool = False
    """Whether the run has more languages than the one that it is bound to."""

    def of_language(self, wanted: str) -> "Ledger":
        """Return the ledger of the pages in one language, with the rules as those meet them.

        The language is named by the model's label, or as another set of labels has it.
        UsageError for one that the run's recipe does not let pass.
        """
        labels = _labels(self.recipe, self.plan)
        label = find_label(labels, wanted)
        if label is None:
            close = near_label(wanted, labels)
            raise UsageError(
                f"{self.root}: its recipe lets no page in '{wanted}' pass.\n"
                f"  {f'Did you mean {close!r}?  ' if close else ''}It has: {', '.join(labels[:8])}."
            )
        recipe = for_language(self.recipe, label)
        note = f"Pages in {label} alone."
        return replace(
            self,
            recipe=recipe,
            plan=read_plan(recipe),
            language=label,
            is_one_of_several="languages" in self.recipe.map,
            notes=(*self.notes, note),
        )

    @property
    def signals(self) -> tuple[str, ...]:
        """Columns of measured signals."""
        fixed = {item.name for item in LEDGER_FIELDS}
        return tuple(name for name in self.schema.names if name not in fixed)

    @contextmanager
    def connect(self) -> "Iterator[DuckDBPyConnection]":
        """Open DuckDB with the view `ledger`; temporary files go to the system's folder."""
        import duckdb
        from duckdb import ColumnExpression, ConstantExpression

        with tempfile.TemporaryDirectory(prefix="cuvee-audit-") as spill, duckdb.connect() as found:
            found.execute(
                f"SET memory_limit = '{MEMORY}'; SET threads = {_threads()}; "
                "SET preserve_insertion_order = false"
            )
            _without_bar(found)
            found.execute("SET temp_directory = ?", [spill])
            name = "ledger" if self.language is None else "all_pages"
            if isinstance(self.root, S3Path):
                found.register(name, open_files(self.files))
            else:
                found.read_parquet([str(path) for path in self.files]).create_view(name)
            if self.language is not None:
                found.view(name).filter(
                    ColumnExpression("language") == ConstantExpression(self.language)
                ).create_view("ledger")
            yield found


def _labels(recipe: Node, plan: Plan) -> list[str]:
    """Return the languages that a recipe lets pass, by the model's labels."""
    if "languages" in recipe.map:
        return list(recipe.map["languages"].map)
    gates = [step.rule for step in plan.steps if step.rule.reads == (LANGUAGE,)]
    return [rule.constant for rule in gates if rule.op == "!=" and isinstance(rule.constant, str)]


def _without_bar(connection: "DuckDBPyConnection") -> None:
    """Turn DuckDB's progress bar off, if it is on: in a notebook without widgets it cannot be."""
    ((shown,),) = connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()
    if shown:
        connection.execute("SET enable_progress_bar = false")


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_ledger(root: Path) -> Ledger:
    """Open a run's ledger.

    UsageError where no run is, where nothing is committed yet, or for a ledger that another
    version has written.
    """
    if not check_format(root):
        raise UsageError(
            f"{root}: no run of cuvee is there.\n  Make one with 'cuvee run' or 'cuvee demo'."
        )
    log = CommitLog(root)
    recipe = read_file(root / "recipe.yaml", str(root / "recipe.yaml"), 0)
    finished = read_manifest(root) is not None
    curated = list(log.commits("curate").values())
    plan = read_plan(recipe)
    files, notes = _files(log, curated, plan, finished=finished)
    if not files:
        raise UsageError(
            f"{root}: no crawl file is done yet, so there is no ledger.\n"
            f"  See how far it is with 'cuvee status {root}'; run its command again to go on."
        )
    schema = pq.read_schema(opened(files[0]))
    _check_columns(root, schema)
    reasons = {rule: block for commit in curated for block, rule in commit.facts.get("reasons", ())}
    return Ledger(root, recipe, plan, files, schema, reasons, notes, finished)


def _files(
    log: CommitLog, curated: Sequence[Commit], plan: Plan, *, finished: bool
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the ledger's files, and what is to be said of them."""
    settled = list(log.commits("settle").values())
    commits, folder = (settled, "ledger") if finished else (curated, _CURATED)
    named = [commit.file(folder) for commit in commits if _wrote(commit, folder)]
    rows = [item for item in named if item.rows]  # DuckDB takes the first file's columns for all's
    files = tuple(log.root / item.path for item in rows)
    if finished:
        return files, ()
    units = log.progress().get("curate", {}).get("units", len(curated))
    note = (
        f"The run has not finished: these are the {len(curated):,} of {units:,} crawl files that "
        "are done so far, before near-duplicates are removed"
        + (" and the rules after that decide." if plan.final < len(plan.steps) else ".")
    )
    return files, (note,)


def _wrote(commit: Commit, folder: str) -> bool:
    return any(item.path.startswith(f"{folder}/") for item in commit.files)


def _check_columns(root: Path, schema: pa.Schema) -> None:
    for wanted in LEDGER_FIELDS:
        if wanted.name not in schema.names or schema.field(wanted.name).type != wanted.type:
            raise UsageError(
                f"{root}: its ledger has no column '{wanted.name}' of type {wanted.type}; another "
                "version of cuvee has written it.\n"
                "  Run its command again with this version, or use that version."
            )
