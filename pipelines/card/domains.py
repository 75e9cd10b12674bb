"""What each registered domain has in a dataset, however many domains there are.

Sums are held in memory for so many domains at a time; beyond that, sorted runs lie in a
folder of this machine and are merged.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from filters.hosts import host_of, host_reader
from pipelines.tables import read_rows

DOMAINS = pa.schema(
    [
        pa.field("rank", pa.int64()),
        pa.field("domain", pa.string()),
        pa.field("pages", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("tokens", pa.int64()),
    ]
)
"""`domains.parquet`: by bytes of UTF-8 text, most first, equal ones by name; rank 1 has most.

`domain` is the registered one (`filters.hosts`), the host itself where that has none, such as
an address in numbers, and empty for pages that have no address.
"""

_RUN = pa.schema([field for field in DOMAINS if field.name != "rank"])
IN_MEMORY = 200_000
"""Domains, about 40 MB of them."""
_OF_A_RUN = 200
"""The part of them, one in so many, that each run has in memory while runs are merged."""


class Held(NamedTuple):
    """What one domain has."""

    domain: str
    pages: int
    bytes: int
    tokens: int


@lru_cache(maxsize=100_000)
def domain_of(host: str) -> str:
    """Return the registered domain of a host, or the host where it has none."""
    return host_reader().domains(f"http://{host}/")[0] or host


def domain_of_url(url: str | None) -> str:
    """Return the domain of an address; empty where there is no address or no host in it."""
    host = host_of(url)
    return domain_of(host) if host else ""


def ranked(pages: Iterable[Held], folder: Path, most: int = IN_MEMORY) -> Iterator[dict[str, Any]]:
    """Yield the rows of `DOMAINS` for what single pages or groups of them have.

    At most `most` domains are in memory at a time, whatever there is; runs go into `folder`.
    """
    by_name = _sorted(_partial_sums(pages, most), lambda held: held.domain, folder / "names", most)
    summed = (_sum(domain, each) for domain, each in groupby(by_name, lambda held: held.domain))
    there = (held for held in summed if held.pages)
    by_size = _sorted(there, lambda held: (-held.bytes, held.domain), folder / "sizes", most)
    for rank, held in enumerate(by_size, start=1):
        yield {"rank": rank, **held._asdict()}


def together(
    tables: Iterable[Path], folder: Path, less: Iterable[Held] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `DOMAINS` for several such tables, without what `less` says."""
    rows = (row for path in tables for row in read_rows(path))
    held = (Held(row["domain"], row["pages"], row["bytes"], row["tokens"]) for row in rows)
    gone = (Held(name, -pages, -size, -tokens) for name, pages, size, tokens in less)
    return ranked(chain(held, gone), folder)


def _partial_sums(pages: Iterable[Held], most: int) -> Iterator[Held]:
    """Yield sums; a domain may come again, since no more than `most` are held."""
    sums: dict[str, list[int]] = {}
    for domain, *counts in pages:
        held = sums.get(domain)
        if held is None:
            sums[domain] = counts
            if len(sums) >= most:
                yield from (Held(name, *total) for name, total in sums.items())
                sums.clear()
        else:
            for index, count in enumerate(counts):
                held[index] += count
    yield from (Held(name, *total) for name, total in sums.items())


def _sum(domain: str, each: Iterable[Held]) -> Held:
    columns = list(zip(*each, strict=True))[1:]
    return Held(domain, *(sum(column) for column in columns))


def _sorted(
    rows: Iterable[Held], key: Callable[[Held], Any], folder: Path, most: int
) -> Iterator[Held]:
    """Yield rows in order; what is more than `most` is sorted in pieces that are merged."""
    rows = iter(rows)
    pieces: list[Path] = []
    while True:
        piece = sorted(islice(rows, most), key=key)
        if not pieces and len(piece) < most:
            yield from piece
            return
        if not piece:
            break
        folder.mkdir(parents=True, exist_ok=True)
        pieces.append(folder / f"{len(pieces):06d}.arrow")
        _write_run(pieces[-1], piece, -(-most // _OF_A_RUN))
    yield from heapq.merge(*map(_read_run, pieces), key=key)


def _write_run(path: Path, rows: list[Held], at_once: int) -> None:
    table = pa.table(list(map(list, zip(*rows, strict=True))), schema=_RUN)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, _RUN) as writer:
        writer.write_table(table, max_chunksize=at_once)


def _read_run(path: Path) -> Iterator[Held]:
    """Yield a run's rows; only one batch of them is in memory."""
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        for index in range(reader.num_record_batches):
            columns = (column.to_pylist() for column in reader.get_batch(index).columns)
            yield from map(Held._make, zip(*columns, strict=True))
