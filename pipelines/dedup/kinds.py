"""What each kind of deduplication takes for the same: the keys of a page, 64 bits each.

Documents that share a key are joined. A key's function is named by an identity, so that the
keys of another run are compared only with keys that were made in the same way.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from filters.canonical_url import canonical_url
from filters.minhash import MinHasher
from filters.repeats import hash64, normal_text
from pipelines.dedup.numbers import Keys, Numbers
from pipelines.dedup.pages import Group, Pages, among
from pipelines.tables import read_table

SAME_RECORD = "same_record"
"""Pages whose record id came before: the one kind that every run has."""
_VERSIONS = {SAME_RECORD: 1, "exact": 1, "url": 1}
"""A kind's number grows when its keys change; that of near-duplicates is its hasher's."""
_PACKAGES = {"minhash": ("datatrove", "spacy")}
_READ = {"url": ("candidates", "ledger"), "minhash": ("bands",)}


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """How a kind makes keys: everything but the pages."""

    kind: str
    hasher: MinHasher | None = None
    """Only for minhash: what curation made the keys with."""
    per_dump: bool = False
    """Whether the dump is part of the key, so that only pages of one dump share any."""

    @property
    def identity(self) -> dict[str, Any]:
        """What differs where keys do, by name."""
        packages = {name: version(name) for name in _PACKAGES.get(self.kind, ())}
        made = self.hasher.identity if self.hasher else {"version": _VERSIONS[self.kind]}
        return {**packages, **made, "per_dump": self.per_dump}

    def content(self, group: Group) -> list[str]:
        """Return plain data that differs where the keys of a group would."""
        return group.content(*_READ.get(self.kind, ("candidates",)))

    def group_keys(self, group: Group) -> Iterator[tuple[Keys, Numbers]]:
        """Yield the keys of a group's pages that are left, file by file."""
        removed = group.removed()
        for pages in group.pages:
            yield self.keys(pages, removed)

    def keys(self, pages: Pages, removed: Numbers) -> tuple[Keys, Numbers]:
        """Return the keys of a file's pages that are left, each with its document number.

        Two arrays of one length; a page has as many rows as keys, one without any has none.
        """
        keys, docs = _KINDS[self.kind](self, pages)
        if self.per_dump:
            keys = keys ^ np.uint64(hash64(pages.dump))
        if not len(removed):
            return keys, docs
        is_left = ~among(docs, removed)
        return keys[is_left], docs[is_left]


@dataclass(frozen=True, slots=True)
class KeysOfGroup:
    """A group, and how keys are made of it: what a source of keys is (`pipelines.dedup.parts`)."""

    group: Group
    maker: KeyMaker


def keys_of_group(wanted: KeysOfGroup) -> Iterator[tuple[Keys, Numbers]]:
    """Yield keys and document numbers; see `KeyMaker.group_keys`."""
    return wanted.maker.group_keys(wanted.group)


def _record_keys(_: KeyMaker, pages: Pages) -> tuple[Keys, Numbers]:
    table = read_table(pages.candidates, ["record", "id"])
    return _hashed(table["id"].to_pylist()), pages.number(table["record"])


def _text_keys(_: KeyMaker, pages: Pages) -> tuple[Keys, Numbers]:
    rows = [(hash64(normal_text(text)), doc) for doc, text in pages.texts()]
    return _columns(rows)


def _address_keys(_: KeyMaker, pages: Pages) -> tuple[Keys, Numbers]:
    docs = pages.documents()
    urls = pages.ledger_column("url", docs)
    rows = [
        (hash64(canonical_url(url)), doc)
        for url, doc in zip(urls, docs.tolist(), strict=True)
        if url
    ]
    return _columns(rows)


def _band_keys(_: KeyMaker, pages: Pages) -> tuple[Keys, Numbers]:
    docs, keys = pages.band_keys()
    return keys.ravel(), np.repeat(docs, keys.shape[1])


def _hashed(texts: list[str]) -> Keys:
    return np.fromiter(map(hash64, texts), dtype=np.uint64, count=len(texts))


def _columns(rows: list[tuple[int, int]]) -> tuple[Keys, Numbers]:
    keys = np.fromiter((key for key, _ in rows), dtype=np.uint64, count=len(rows))
    return keys, np.fromiter((doc for _, doc in rows), dtype=np.int64, count=len(rows))


_KINDS: Mapping[str, Callable[[KeyMaker, Pages], tuple[Keys, Numbers]]] = {
    SAME_RECORD: _record_keys,
    "exact": _text_keys,
    "url": _address_keys,
    "minhash": _band_keys,
}
