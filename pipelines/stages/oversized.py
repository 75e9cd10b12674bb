"""The stop before one giant cluster eats a corpus: what its pages share, and some of them.

What makes such a cluster is mostly not that pages are alike but that a template, a notice or
an error page is common to them; that is for a person to see before anything is removed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from filters.errors import WorkError
from pipelines.crawl.remote.address import without_secrets
from pipelines.dedup.kinds import KeyMaker
from pipelines.dedup.numbers import Numbers
from pipelines.dedup.pages import Group, among
from pipelines.dedup.verdicts import read_members
from pipelines.stages.clustering import Clusters

_ADDRESSES = 10
_LOOKED_AT = 1_000  # pages of the cluster whose keys are compared
_ADDRESS_CHARACTERS = 80
_BANDS = 3


@dataclass(slots=True)
class _Seen:
    """What the first pages of a cluster are."""

    pages: int = 0
    addresses: list[str] = field(default_factory=list)
    keys: Counter[tuple[int, int]] = field(default_factory=Counter)
    """How many of them have a band's key: the number of the band, and the key."""


def check_largest(
    kind: str, limit: int, clusters: Clusters, groups: Sequence[Group], maker: KeyMaker
) -> None:
    """Raise WorkError in words if a cluster has more pages than the recipe allows; 0 allows any."""
    label, size = clusters.largest
    if not limit or size <= limit:
        return
    seen = _Seen()
    for group, docs in _members(label, clusters, groups):
        _look(group, docs[: _LOOKED_AT - seen.pages], maker, seen)
        if seen.pages >= _LOOKED_AT:
            break
    raise WorkError(
        f"dedup: {kind} found a cluster of {size:,} pages, more than max_cluster: {limit:,}. "
        f"{_shared(kind, seen)}\n"
        f"  Some of them: {', '.join(seen.addresses)}\n"
        f"  See what they share, and drop it; or go on with a higher --set {kind}.max_cluster=N."
    )


def _members(
    label: int, clusters: Clusters, groups: Sequence[Group]
) -> Iterator[tuple[Group, Numbers]]:
    """Yield the cluster's documents by group."""
    for group in groups:
        members = read_members(clusters.labels[group.unit].path)
        docs = members.docs[members.clusters == label]
        if len(docs):
            yield group, docs


def _look(group: Group, docs: Numbers, maker: KeyMaker, seen: _Seen) -> None:
    removed = group.removed()
    for pages in group.pages:
        own = docs[among(docs, pages.documents())]
        if not len(own):
            continue
        seen.pages += len(own)
        shown = own[: _ADDRESSES - len(seen.addresses)]
        seen.addresses += map(_address, pages.ledger_column("url", shown))
        keys, of = maker.keys(pages, removed)
        is_own = among(of, own)
        bands = maker.hasher.bands if maker.hasher else 1
        # A page's keys come in the order of its bands.
        band = np.arange(len(keys)) % bands
        seen.keys.update(zip(band[is_own].tolist(), keys[is_own].tolist(), strict=True))


def _address(url: str | None) -> str:
    shown = " ".join(without_secrets(url or "(no address)").split())
    cut = len(shown) > _ADDRESS_CHARACTERS
    return f"{shown[:_ADDRESS_CHARACTERS]}…" if cut else shown


def _shared(kind: str, seen: _Seen) -> str:
    if kind != "minhash":
        return "They are the same to it."
    most = seen.keys.most_common(_BANDS)
    shares = (f"{count:,} share one key of band {band}" for (band, _), count in most)
    return f"Of {seen.pages:,} looked at, {', '.join(shares)}."
