"""How documents come into rows of one length: which part of which goes where.

Only lengths are looked at. `best_fit` is best-fit decreasing over parts no longer than a row
(Ding et al. 2024, "Fewer Truncations Improve Language Modeling", arXiv 2404.10830): each goes into
the row with the least room that is enough. `in_order` joins everything and cuts.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple


class Segment(NamedTuple):
    """A part of a document."""

    document: int
    """The document's number."""
    start: int
    """Where in it the part begins, in tokens."""
    length: int


Row = list[Segment]


def in_order(lengths: Sequence[int], length: int) -> list[Row]:
    """Cut documents that follow each other into rows of `length`; the last may have room left."""
    rows: list[Row] = []
    room = 0
    for document, whole in enumerate(lengths):
        start = 0
        while start < whole:
            if room == 0:
                rows.append([])
                room = length
            part = min(room, whole - start)
            rows[-1].append(Segment(document, start, part))
            start += part
            room -= part
    return rows


def best_fit(lengths: Sequence[int], length: int) -> list[Row]:
    """Return rows of at most `length`; a document is cut only where it is longer than one.

    Rows come in the order of their first documents, as do the parts of a row.
    """
    parts = [
        Segment(document, start, min(length, whole - start))
        for document, whole in enumerate(lengths)
        for start in range(0, whole, length)
    ]
    rows: list[Row] = []
    rooms: list[int] = []  # each that some row has, ascending
    having: dict[int, list[int]] = {}  # the rows that have it
    for part in sorted(parts, key=lambda one: -one.length):
        place = bisect_left(rooms, part.length)
        if place == len(rooms):
            rows.append([part])
            number, room = len(rows) - 1, length
        else:
            room = rooms[place]
            number = having[room].pop()
            if not having[room]:
                del having[room], rooms[place]
            rows[number].append(part)
        left = room - part.length
        if left and left not in having:
            insort(rooms, left)
            having[left] = []
        if left:
            having[left].append(number)
    return sorted(sorted(row) for row in rows)
