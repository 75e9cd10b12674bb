"""Taking pages out of a dataset on the Hub.

Of each shard only the columns that name a page are read, by range; only those that hold one
are fetched, and only what has changed is sent, in one commit with the card and the manifest:
whoever reads the dataset has the old one or the new one.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from filters.errors import UsageError
from filters.hosts import host_of
from pipelines.card.domains import domain_of
from pipelines.crawl.remote.patience import Traffic
from pipelines.publish.content import DATA, SAMPLE, folder_of, main_folder
from pipelines.publish.listing import parse_listing
from pipelines.publish.repository import Repository, State
from pipelines.publish.whole import is_told
from pipelines.takedown.requests import Matcher, Requests, above

_DOMAINS = "domains.parquet"


@dataclass(frozen=True, slots=True)
class HubHit:
    """A file of a repository that holds pages."""

    path: str
    bytes: int
    rows: int
    pages: Mapping[str, str]
    """Address, or id, of the pages by their id."""


@dataclass
class HubFound:
    """What a repository holds of what is asked for."""

    state: State
    listing: Mapping[str, Any]
    hits: list[HubHit] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    """What it has cost to find out."""
    looked: int = 0
    """Shards of which columns were read."""

    @property
    def pages(self) -> dict[str, str]:
        """The documents of the dataset that are meant."""
        return {name: url for hit in self.hits if hit.path.startswith(f"{DATA}/")
                for name, url in hit.pages.items()}  # fmt: skip


def find_on_hub(repository: Repository, state: State, asked: Requests) -> HubFound:
    """Return the shards of a dataset that hold pages; UsageError for one that cannot be changed."""
    listing = parse_listing(state.manifest)
    if state.commit is None or listing is None or not state.has_branch:
        raise UsageError(
            f"{repository.repo_id}: is no dataset on the Hub that cuvee has published.\n"
            "  Check its name; for a private one set HF_TOKEN, or log in with 'hf auth login'."
        )
    paths = [str(facts["path"]) for facts in listing["files"]]
    if main_folder(map(folder_of, paths)) != DATA or not is_told(listing):
        raise UsageError(
            f"{repository.repo_id}: does not say enough of itself to be changed where it is.\n"
            "  Take the pages down in the run's folder, then: cuvee publish DIR "
            f"{repository.repo_id} --replace-dump DUMP"
        )
    _refuse_changed(repository.repo_id, state, listing)
    found = HubFound(state, listing)
    if not asked.ids and not _may_hold(repository, state.commit, asked):
        return found
    matcher = Matcher([asked])
    for facts in listing["files"]:
        if folder_of(facts["path"]) in (DATA, SAMPLE) and facts["rows"]:
            found.looked += 1
            hit = _hit(repository, state.commit, facts, (matcher, asked), found.traffic)
            if hit is not None:
                found.hits.append(hit)
    return found


def _refuse_changed(repo_id: str, state: State, listing: Mapping[str, Any]) -> None:
    for facts in listing["files"]:
        held = state.files.get(facts["path"])
        if held is None or (held.sha256 or facts["sha256"]) != facts["sha256"]:
            raise UsageError(
                f"{repo_id}: {facts['path']} is not as its manifest says.\n"
                "  Publish the run that it is of again, then repeat this."
            )


def _may_hold(repository: Repository, commit: str, asked: Requests) -> bool:
    """Whether some domain of the dataset is above or below what is asked for."""
    urls = (host_of(f"http://{url}") or "" for url in asked.urls)
    names = {*asked.domains, *urls}
    over = {name for each in names for name in above(each)} | {domain_of(name) for name in names}
    with repository.fetched(_DOMAINS, commit) as copy:
        there = pq.read_table(copy, columns=["domain"])["domain"].to_pylist()
    return any(domain in over or not names.isdisjoint(above(domain)) for domain in there)


def _hit(
    repository: Repository,
    commit: str,
    facts: Mapping[str, Any],
    by: tuple[Matcher, Requests],
    traffic: Traffic,
) -> HubHit | None:
    """Return what a shard holds; only its columns of addresses or ids are read, by range."""
    matcher, asked = by
    needs_urls = bool(asked.urls or asked.domains)
    with repository.opened(facts["path"], commit, facts["bytes"], traffic) as remote:
        file = pq.ParquetFile(remote, pre_buffer=True)
        columns = [name for name, is_needed in (("id", bool(asked.ids)), ("url", needs_urls))
                   if is_needed]  # fmt: skip
        rules = matcher.rules(with_hosts(file.read(columns=columns)))
        if not rules:
            return None
        ids = file.read(columns=["id", "url"]).take(pa.array(list(rules)))
    names = ids["id"].to_pylist()
    pages = dict(zip(names, (u or n for u, n in zip(ids["url"].to_pylist(), names, strict=True)),
                     strict=True))  # fmt: skip
    return HubHit(facts["path"], facts["bytes"], facts["rows"], pages)


def with_hosts(table: pa.Table) -> pa.Table:
    """Return `id`, `url` and `host` of a table that has the first or the second or both."""
    nothing = pa.nulls(table.num_rows, pa.string())
    ids, urls = (table[n] if n in table.column_names else nothing for n in ("id", "url"))
    hosts = [host_of(url) if url else None for url in urls.to_pylist()]
    return pa.table({"id": ids, "url": urls, "host": pa.array(hosts, pa.string())})


def fetched(
    repository: Repository, found: HubFound, paths: list[str], stack: ExitStack
) -> Iterator[tuple[str, Path]]:
    """Yield copies of files, for as long as the stack lasts."""
    assert found.state.commit is not None  # noqa: S101  `find_on_hub` has looked
    for path in paths:
        yield path, stack.enter_context(repository.fetched(path, found.state.commit))
