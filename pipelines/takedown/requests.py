"""What a person asks to be taken down: pages by id, by address, by domain."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from filters.canonical_url import canonical_url
from filters.errors import UsageError
from filters.hosts import host_of
from pipelines.site_lists import read_domains, read_lines, read_urls
from pipelines.storage import digest

STAGE = "takedown"
"""The ledger's stage of pages that were taken down; it comes before all rules."""
RULES = {"ids": "takedown_id", "urls": "takedown_url", "domains": "takedown_domain"}
"""The ledger's rule, by the kind of request, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Requests:
    """One list of requests."""

    ids: frozenset[str] = frozenset()
    """Record ids as the ledger has them."""
    urls: frozenset[str] = frozenset()
    """Addresses in their canonical form (`filters.canonical_url`)."""
    domains: frozenset[str] = frozenset()
    """Hosts that stand for themselves and for every host below them."""

    def __len__(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[str, int]:
        """Return the number of requests by kind."""
        return {kind: len(getattr(self, kind)) for kind in RULES}

    def plain(self) -> dict[str, list[str]]:
        """Return plain data."""
        return {kind: sorted(getattr(self, kind)) for kind in RULES}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Self:
        """Return what `plain` has given."""
        return cls(*(frozenset(data[each.name]) for each in fields(cls)))

    @property
    def digest(self) -> str:
        """The sha256 of the list: what may be said of it in public."""
        return digest(self.plain())


def read_requests(files: Mapping[str, Path | None]) -> Requests:
    """Read lists of requests, one a line, by kind (`ids`, `urls`, `domains`).

    Empty lines and those that begin with '#' are passed over. UsageError, with file and line,
    for what is no domain or would take a whole public suffix, and where nothing is asked.
    """
    readers = {"ids": _ids, "urls": read_urls, "domains": read_domains}
    found = {kind: frozenset(readers[kind](path)) for kind, path in files.items() if path}
    if not found:
        raise UsageError(
            "takedown: nothing says which pages.\n"
            "  Name a file of lines with --urls, --domains or --ids."
        )
    for kind, asked in found.items():
        if not asked:
            raise UsageError(f"{files[kind]}: no line names anything.\n  One request a line.")
    return Requests(**found)


def _ids(path: Path) -> Iterator[str]:
    return (line for _, line in read_lines(path))


class Matcher:
    """Says which request a page meets: of several lists the first, in it by id before address."""

    def __init__(self, asked: Sequence[Requests]) -> None:
        self._asked = [each for each in asked if len(each)]
        hosts = (host_of(f"http://{url}") or "" for each in self._asked for url in each.urls)
        named = set(hosts)
        self._hosts_of_urls = named | {f"www.{host}" for host in named}
        self._ids = pa.array(sorted({name for each in asked for name in each.ids}), pa.string())

    def rules(self, table: pa.Table) -> dict[int, str]:
        """Return the rule of each row that is asked for, by its number.

        The table has columns `id`, `url` and `host`.
        """
        hosts = table["host"].combine_chunks().dictionary_encode()
        wanted = [self._may_meet(host) for host in hosts.dictionary.to_pylist()]
        by_host = pc.fill_null(pc.take(pa.array(wanted, pa.bool_()), hosts.indices), False)
        by_id = pc.is_in(table["id"].combine_chunks(), value_set=self._ids)
        rows = pc.indices_nonzero(pc.or_(by_host, by_id))
        found = table.select(["id", "url", "host"]).take(rows).to_pylist()
        met = zip(rows.to_pylist(), map(self._rule, found), strict=True)
        return {number: rule for number, rule in met if rule is not None}

    def _may_meet(self, host: str) -> bool:
        return host in self._hosts_of_urls or any(
            not each.domains.isdisjoint(above(host)) for each in self._asked
        )

    def _rule(self, row: Mapping[str, Any]) -> str | None:
        """Return the rule by which a page goes, or None."""
        hosts = list(above(row["host"] or ""))
        for each in self._asked:
            if row["id"] in each.ids:
                return RULES["ids"]
            if row["url"] and each.urls and canonical_url(row["url"]) in each.urls:
                return RULES["urls"]
            if not each.domains.isdisjoint(hosts):
                return RULES["domains"]
        return None


def above(host: str) -> Iterable[str]:
    """Return a host and all names above it: of `a.b.c` also `b.c` and `c`."""
    parts = host.rstrip(".").split(".")
    return (".".join(parts[start:]) for start in range(len(parts)))
