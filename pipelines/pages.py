"""Pages of a run with their text, rule and measured numbers; also of one that goes on."""

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from filters.catalog import TEXT
from filters.errors import UsageError, nearest
from pipelines.audit.ledger import Ledger, open_ledger
from pipelines.ledger import LEDGER_FIELDS
from pipelines.recipe.rule_stages import FINAL
from pipelines.storage import CommitLog
from pipelines.tables import open_files

_NAMED_RULES = 8
_PLACE = ("file_path", "record")
_FILE = "__filename"  # pyarrow's name for where a row comes from


@dataclass(frozen=True, slots=True)
class ShownPage:
    """One page of the ledger; `text` is as extracted, None where the run did not keep it."""

    row: dict[str, Any]
    signals: dict[str, Any]
    text: str | None

    def measured(self) -> dict[str, Any]:
        """Return every value that was measured, by the name that rules use."""
        language = {
            "language.code": self.row["language"],
            "language.score": self.row["language_score"],
        }
        values = {**language, **self.signals}
        return {
            name.removeprefix(f"{TEXT}."): value
            for name, value in values.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pages: kept ones, those that a rule removed, one address or one id; all by default."""

    kept: bool = False
    rule: str | None = None
    url: str | None = None
    id: str | None = None
    """A record id; of one such as `<urn:uuid:X>`, X will do."""

    def condition(self) -> pc.Expression:
        """Return it as a filter of the ledger."""
        found = pc.scalar(value=True)
        if self.kept:
            found &= pc.field("status") == "kept"
        if self.rule is not None:
            found &= pc.field("rule") == self.rule
        if self.url is not None:
            found &= pc.field("url") == self.url
        if self.id is not None:
            written = [self.id, f"<{self.id}>", f"<urn:uuid:{self.id}>"]
            found &= pc.field("id").isin(written)
        return found


class Pages:
    """The pages of a run: `find` those that are wanted, `alike` those that repeat one."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._table = open_files(ledger.files)
        self._files = {path.name: path for path in ledger.files}

    def find(self, wanted: Wanted, limit: int) -> Iterator[ShownPage]:
        """Yield up to `limit` pages in the ledger's order; UsageError where there is none."""
        rows = self._rows(wanted.condition(), limit)
        if not rows:
            self._refuse(wanted)
        yield from map(self._with_text, rows)

    def alike(self, page: ShownPage, limit: int) -> list[ShownPage]:
        """Return up to `limit` other pages of a page's cluster, first what deduplication kept."""
        cluster = page.row["cluster_id"]
        if cluster is None or page.row["cluster_size"] == 1:
            return []
        others = (pc.field("cluster_id") == cluster) & ~_at(page.row)
        kept = (pc.field("status") == "kept") | pc.is_in(pc.field("stage"), pa.array([FINAL]))
        rows = self._rows(others & kept, limit)
        rows += self._rows(others & ~kept, limit - len(rows))
        return [self._with_text(row) for row in rows]

    def _rows(self, condition: pc.Expression, limit: int) -> list[dict[str, Any]]:
        if limit < 1:
            return []
        # First where the rows are, by the few columns that it takes; then these rows whole.
        places = self._table.head(limit, columns=[*_PLACE, _FILE], filter=condition).to_pylist()
        return [self._row(place) for place in places]

    def _row(self, place: Mapping[str, Any]) -> dict[str, Any]:
        file = self._files[PurePosixPath(place[_FILE]).name]
        (row,) = open_files([file]).to_table(filter=_at(place)).to_pylist()
        return {**row, _FILE: place[_FILE]}

    def _refuse(self, wanted: Wanted) -> None:
        root = self.ledger.root
        name = wanted.url or wanted.id
        if name is not None:
            what = "url" if wanted.url else "id"
            so = " of those" if wanted.kept or wanted.rule else ""
            raise UsageError(
                f"{root}: no page{so} has the {what} '{name}'.\n"
                f"  It must be as the ledger's column '{what}' has it, letter by letter."
            )
        if wanted.rule is not None:
            fired = sorted(
                filter(None, self._table.to_table(["rule"])["rule"].unique().to_pylist())
            )
            near = nearest(wanted.rule, fired)
            some = f"Some that did: {', '.join(fired[:_NAMED_RULES])}"
            hint = f"Did you mean '{near}'?" if near else some if fired else "No rule removed any."
            raise UsageError(f"{root}: no page was removed by '{wanted.rule}'.\n  {hint}")

    def _with_text(self, row: dict[str, Any]) -> ShownPage:
        name = PurePosixPath(row.pop(_FILE)).name
        fixed = {field.name for field in LEDGER_FIELDS}
        signals = {name: value for name, value in row.items() if name not in fixed}
        text = None
        if name in self._documents:
            documents = open_files([self._documents[name]])
            table = documents.to_table(columns=["text"], filter=_at(row))
            text = table["text"][0].as_py() if table.num_rows else None
        return ShownPage({name: row[name] for name in row if name in fixed}, signals, text)

    @cached_property
    def _documents(self) -> dict[str, Path]:
        """Files of stored texts by name, which is that of the ledger's file of the same pages."""
        log = CommitLog(self.ledger.root)
        return {
            PurePosixPath(item.path).name: log.root / item.path
            for stage in ("curate", "settle")
            for commit in log.commits(stage).values()
            for item in commit.files
            if item.path.startswith("documents/")
        }


def _at(row: Mapping[str, Any]) -> pc.Expression:
    """Return a filter that only this row passes."""
    is_at = (pc.field(name) == row[name] for name in _PLACE)
    return reduce(operator.and_, is_at)


def find_pages(root: Path, wanted: Wanted, limit: int = 5) -> Iterator[ShownPage]:
    """Yield up to `limit` pages of a run in the ledger's order; UsageError where there is none."""
    return Pages(open_ledger(root)).find(wanted, limit)
