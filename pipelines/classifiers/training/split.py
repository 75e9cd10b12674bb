"""Which texts are held out: by site, so that no site is on both sides."""

import hashlib
from collections.abc import Sequence

from filters.errors import UsageError
from filters.hosts import host_of, host_reader
from pipelines.classifiers.training.items import Labelled

_TWO = 2


def site_of(item: Labelled) -> str:
    """Return the registered domain of a text's address; without one, the digest of its text."""
    domain, host = host_reader().domains(item.url) if item.url else ("", "")
    site = domain or host or host_of(item.url)
    return site or hashlib.sha256(item.text.strip().encode("utf-8", "replace")).hexdigest()


def split(
    items: Sequence[Labelled], share: float, seed: int
) -> tuple[list[Labelled], list[Labelled]]:
    """Return the texts to train on and those held out, each in the order given.

    A site's texts are held out where the hash of its name and the seed lies below the share; so
    more texts of other sites change nothing for it. UsageError where a side lacks a class.
    """
    train: list[Labelled] = []
    held: list[Labelled] = []
    for item in items:
        key = hashlib.sha256(f"{seed} {site_of(item)}".encode()).digest()
        (held if int.from_bytes(key[:8]) < share * 2**64 else train).append(item)
    for name, side in (("to train on", train), ("held out", held)):
        if len({item.value for item in side}) < _TWO:
            raise UsageError(
                f"of {len(items):,} texts, {len(side):,} are {name}, all of one class.\n"
                "  Sites are never parted: give texts of more sites, or another --seed or "
                "--held-out."
            )
    return train, held
