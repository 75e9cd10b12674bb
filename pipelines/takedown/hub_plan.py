"""The one commit that takes pages out of a dataset on the Hub."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.errors import UsageError, WorkError
from pipelines.card.domains import DOMAINS, together
from pipelines.files import sha256_of
from pipelines.publish.card import complete_card
from pipelines.publish.checks import check_configs, check_limits
from pipelines.publish.content import (
    CARD,
    DATA,
    TOKENS,
    Item,
    folder_of,
    group_of,
    item_of,
    tables_of,
)
from pipelines.publish.listing import facts_of, rows_of
from pipelines.publish.plan import Plan, Step, is_there, papers_of
from pipelines.publish.repository import Repository, State
from pipelines.publish.whole import domains_of, whole_facts, whole_papers
from pipelines.recipe.source import Place, read_text
from pipelines.storage import Attempt
from pipelines.tables import TableWriter
from pipelines.takedown.chunks import new_bytes
from pipelines.takedown.hub import HubFound, find_on_hub, with_hosts
from pipelines.takedown.hub_rows import COLUMNS, Lost, run_without
from pipelines.takedown.remembered import Entry
from pipelines.takedown.requests import Matcher, Requests
from pipelines.takedown.rewrite import among, write_without


@dataclass
class HubPlanner:
    """Plans to take pages out of a repository; see `pipelines.publish.send.Planner`."""

    asked: Requests
    folder: Path
    """Of this machine, for files that are fetched and written anew."""
    title: str | None = None
    name: str = "takedown"
    found: HubFound | None = None
    """What the repository holds, once it was looked at."""
    chunk_bytes: int = 0
    """Bytes of the tables written anew that the Hub lacks where it keeps chunks."""
    _plan: Plan | None = None
    _lost: defaultdict[str, Lost] = field(default_factory=lambda: defaultdict(Lost))

    def plan(self, state: State, repository: Repository) -> Plan:
        """Return the commit that is to be made, or none where there is nothing to be done.

        WorkError where somebody else has committed since it was planned.
        """
        if self._plan is None:
            self._lost.clear()
            self.chunk_bytes = 0
            self.found = find_on_hub(repository, state, self.asked)
            self._plan = self._planned(self.found, repository)
            return self._plan
        assert self.found is not None  # noqa: S101  it was looked at for the plan
        left = [step for step in self._plan.steps
                if not all(is_there(item, state) for item in step.add)]  # fmt: skip
        if left and state.commit != self.found.state.commit:
            raise WorkError(
                f"{repository.repo_id}: somebody else has changed it meanwhile.\n"
                "  Repeat the command: it looks anew."
            )
        return Plan(tuple(left), 0, self._plan.listing, self._plan.paths, self._plan.card)

    def check(self, plan: Plan) -> None:
        """See `pipelines.publish.send.Planner`."""
        if plan.steps:
            check_limits(plan)
            check_configs(plan, CARD)

    def _planned(self, found: HubFound, repository: Repository) -> Plan:
        state = found.state
        if not found.hits:
            return Plan((), len(state.files), found.listing, frozenset(state.files), "")
        files = {str(facts["path"]): facts for facts in found.listing["files"]}
        items, gone = self._tables(found, repository, files)
        listing = self._listing(found, repository.repo_id, {**files, **_facts(items)}, gone)
        card, papers = self._papers(found, repository, listing)
        listing["files"] = _sorted({**_by_path(listing["files"]), **_facts(papers)})
        card = complete_card(card, state.card, listing)
        last = [item for item in (*papers, *papers_of(listing, card)) if not is_there(item, state)]
        title = self.title or "Remove pages on request"
        step = Step(title, (*items, *last), tuple(sorted(gone)))
        paths = frozenset({*state.files, *(item.path for item in step.add)} - gone)
        return Plan((step,), len(paths) - len(step.add), listing, paths, card)

    def _tables(
        self, found: HubFound, repository: Repository, files: Mapping[str, Any]
    ) -> tuple[list[Item], set[str]]:
        """Write shards, samples and token ids anew; return them, and those that have no rows."""
        attempt = Attempt(self.folder, "takedown", "all")
        matcher = Matcher([self.asked])
        items: list[Item] = []
        gone: set[str] = set()
        wanted = [(hit.path, list(hit.pages)) for hit in found.hits]
        inner = [(path.removeprefix(f"{DATA}/"), ids) for path, ids in wanted
                 if path.startswith(f"{DATA}/")]  # fmt: skip
        wanted += [(f"{TOKENS}/{path}", ids) for path, ids in inner if f"{TOKENS}/{path}" in files]
        for path, names in wanted:
            assert found.state.commit is not None  # noqa: S101  `find_on_hub` has looked
            with repository.fetched(path, found.state.commit) as copy:
                ids = pa.array(names, pa.string())
                rows = write_without(attempt, copy, path, among("id", ids))
                new = attempt.path(path)
                lost = self._lose(copy, new, path, matcher)
                if not rows:
                    gone.add(path)
                    continue
                self.chunk_bytes += new_bytes([new], [copy])
            tokens = files[path]["tokens"] - lost
            items.append(Item(path, new, new.stat().st_size, sha256_of(new), rows, tokens))
        return items, gone

    def _lose(self, copy: Path, new: Path, path: str, matcher: Matcher) -> int:
        """Note what a file loses; return its tokens."""
        before, after = pq.ParquetFile(copy), pq.ParquetFile(new)
        if folder_of(path) == TOKENS:
            return _tokens(before.read(["token_count"])) - _tokens(after.read(["token_count"]))
        tokens = 0
        for number in range(before.num_row_groups):
            group = before.read_row_group(number, columns=list(COLUMNS))
            rules = matcher.rules(with_hosts(group))
            rows = group.take(pa.array(list(rules), pa.int64()))
            tokens += _tokens(rows)
            if folder_of(path) == DATA:
                self._lost[group_of(path)[1]].add(rows, list(rules.values()))
        if folder_of(path) == DATA:
            place = tables_of(path).place
            self._lost[place.dump].arrow_bytes[place] += _unpacked(before) - _unpacked(after)
        return tokens

    def _listing(
        self, found: HubFound, repo_id: str, files: Mapping[str, Any], gone: set[str]
    ) -> dict[str, Any]:
        """Return the manifest that the repository will have, but for its papers."""
        left = {path: facts for path, facts in files.items() if path not in gone}
        data = rows_of(list(left.values()))
        there = {
            group_of(str(facts["path"]))[1] for facts in data if folder_of(facts["path"]) == DATA
        }
        if not there:
            raise UsageError(
                f"{repo_id}: that would be every document of the dataset.\n"
                "  Delete the repository instead."
            )
        before = found.listing
        dumps = {dump: key for dump, key in before["dumps"].items() if dump in there}
        for name in domains_of(set(before["dumps"]) - there):
            gone.add(name)
            left.pop(name, None)
        runs = {key: self._run(before, key) for key in sorted(set(dumps.values()))}
        totals = {name: sum(facts[name] for facts in data) for name in ("rows", "tokens", "bytes")}
        return {**before, **totals, "dumps": dumps, "runs": runs, "files": _sorted(left)}

    def _run(self, before: Mapping[str, Any], key: str) -> dict[str, Any]:
        lost = {dump: each for dump, each in self._lost.items() if before["dumps"][dump] == key}
        run: dict[str, Any] = before["runs"][key]
        if not lost:
            return run
        pages, tokens = (
            sum(getattr(each, n) for each in lost.values()) for n in ("rows", "tokens")
        )
        day = datetime.now(UTC).date().isoformat()
        return run_without(run, lost, Entry(day, self.asked, pages, tokens).public())

    def _papers(
        self, found: HubFound, repository: Repository, listing: Mapping[str, Any]
    ) -> tuple[str, list[Item]]:
        """Return the card and what lies beside it, said of what is left."""
        commit = found.state.commit
        assert commit is not None  # noqa: S101  `find_on_hub` has looked
        latest = max(listing["dumps"])
        attempt = Attempt(self.folder, "domains", "all")
        tables: list[Path] = []
        items: list[Item] = []
        with ExitStack() as stack:
            for dump, name in zip(listing["dumps"], domains_of(listing["dumps"]), strict=True):
                copy = stack.enter_context(repository.fetched(name, commit))
                if dump in self._lost:
                    copy = self._less(attempt, copy, name, dump)
                    items.append(item_of(name, copy.read_bytes()))
                tables.append(copy)
            path = f"recipes/{latest}.yaml"
            recipe = stack.enter_context(repository.fetched(path, commit)).read_text()
            plain = read_text(recipe, Place(0, 1, 0, path)).plain()
            facts = whole_facts(listing, plain, repository.repo_id, listing["dumps"][latest])
            card, papers = whole_papers(facts, tables, self.folder)
        return card, [*items, *papers]

    def _less(self, attempt: Attempt, copy: Path, name: str, dump: str) -> Path:
        lost = self._lost[dump].domains
        with TableWriter(attempt, name, DOMAINS) as writer:
            for row in together([copy], attempt.folder / "sorting" / dump, lost):
                writer.add(row)
        return attempt.path(name)


def _tokens(table: pa.Table) -> int:
    return pc.sum(table["token_count"]).as_py() or 0


def _unpacked(file: pq.ParquetFile) -> int:
    groups = range(file.metadata.num_row_groups)
    return sum(file.metadata.row_group(number).total_byte_size for number in groups)


def _facts(items: list[Item]) -> dict[str, Any]:
    return {item.path: facts_of(item) for item in items}


def _by_path(files: list[Any]) -> dict[str, Any]:
    return {str(facts["path"]): facts for facts in files}


def _sorted(files: Mapping[str, Any]) -> list[Any]:
    return [files[path] for path in sorted(files)]
