"""Document numbers, keys and the sorting of both.

A document number is the file's ordinal and the record's ordinal in one int64, so that
the smallest number of a cluster is its first page in input order.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

RECORD_BITS = 32
"""A crawl file may have four thousand million records; two thousand million files fit."""

Numbers: TypeAlias = npt.NDArray[np.int64]
Keys: TypeAlias = npt.NDArray[np.uint64]
"""Evenly spread over 64 bits; documents that have one in common are alike."""
Flags: TypeAlias = npt.NDArray[np.bool_]

_RECORD_MASK = (1 << RECORD_BITS) - 1


def document_number(ordinal: int, record: Any) -> Any:
    """Return the document number(s) of record(s) of the file with this ordinal."""
    return (ordinal << RECORD_BITS) + record


def sort_keys(keys: Keys) -> tuple[Numbers, Flags]:
    """Return the order that sorts keys, equal ones by position, and where a new key begins.

    Sorting one array of plain numbers is several times faster than sorting positions by
    key: so the upper bits of a key and its position share a number. Keys whose upper bits
    are equal but not all of them come out by position, and are put right afterwards.
    """
    bits = np.uint64(max(len(keys) - 1, 0).bit_length())
    mixed = keys >> bits << bits
    mixed |= np.arange(len(keys), dtype=np.uint64)
    mixed.sort()
    order = (mixed & ((np.uint64(1) << bits) - np.uint64(1))).view(np.int64)
    by_key = keys[order]
    wrong = np.flatnonzero(by_key[1:] < by_key[:-1])
    if len(wrong):
        _sort_ties(keys, order, mixed >> bits, wrong)
        by_key = keys[order]
    begins = np.ones(len(keys), dtype=bool)
    np.not_equal(by_key[1:], by_key[:-1], out=begins[1:])
    return order, begins


def _sort_ties(keys: Keys, order: Numbers, upper: Keys, wrong: Numbers) -> None:
    """Sort the stretches of equal upper bits in which something is in the wrong place."""
    tied = np.unique(upper[wrong])
    starts, ends = np.searchsorted(upper, tied), np.searchsorted(upper, tied, side="right")
    lengths = ends - starts
    # All positions of all stretches, in one array.
    skipped = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    places = np.arange(len(skipped)) + skipped
    rows = order[places]
    order[places] = rows[np.lexsort((rows, keys[rows]))]


def distinct(*parts: Numbers) -> Numbers:
    """Return the distinct numbers of all parts, ascending.

    `numpy.unique` hashes first, which takes longer, and needs more memory.
    """
    ascending = np.concatenate(parts)
    ascending.sort()
    begins = np.ones(len(ascending), dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=begins[1:])
    return ascending[begins]


def number_densely(docs: Numbers) -> tuple[Numbers, Numbers]:
    """Return the distinct numbers, ascending, and for each of `docs` its place among them."""
    if not len(docs):
        return docs, docs
    order, begins = sort_keys(_narrowed(docs))
    place = np.empty(len(docs), dtype=np.int64)
    place[order] = np.cumsum(begins) - 1
    return docs[order[begins]], place


def _narrowed(docs: Numbers) -> Keys:
    """Move what distinguishes document numbers into the upper bits, in the same order.

    Ordinals and records rarely need their 32 bits: without the idle ones `sort_keys` has
    hardly any ties.
    """
    ordinals = docs >> RECORD_BITS
    ordinals -= ordinals.min()
    records = docs & _RECORD_MASK
    record_bits = int(records.max()).bit_length()
    idle = 64 - int(ordinals.max()).bit_length() - record_bits
    narrow = ((ordinals << record_bits) | records).astype(np.uint64)
    return narrow << np.uint64(min(idle, 63))
