"""How many bytes of a file anew the Hub lacks, if it keeps chunks that content defines.

Xet cuts a file where a rolling hash of its last 64 bytes has 16 leading zeros, into chunks of
8 to 128 KiB, and sends those that it does not have
(https://huggingface.co/docs/xet/chunking). The cuts here are by a table of our own, so single
chunks differ from Xet's, and their sizes do not. LFS sends whole files.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LEAST, _MOST = 8 << 10, 128 << 10
_MASK = np.uint64(0xFFFF << 48)
_WINDOW = 64
_BLOCK = 4 << 20
_TABLE = np.array(
    [int.from_bytes(blake2b(bytes([byte]), digest_size=8).digest(), "big") for byte in range(256)],
    np.uint64,
)


def new_bytes(files: Iterable[Path], held: Iterable[Path]) -> int:
    """Return the bytes of chunks of `files` that are in none of those `held`, nor came before."""
    known = {name for path in held for name, _ in _chunks(path)}
    new = 0
    for path in files:
        for name, size in _chunks(path):
            if name not in known:
                known.add(name)
                new += size
    return new


def _chunks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield digest and size of a file's chunks, in order."""
    cuts = _cuts(path)
    with path.open("rb") as stream:
        for size in cuts:
            yield blake2b(stream.read(size), digest_size=16).digest(), size


def _cuts(path: Path) -> list[int]:
    """Return the sizes of a file's chunks."""
    sizes = []
    start = 0
    for place in _candidates(path):
        while place - start > _MOST:
            sizes.append(_MOST)
            start += _MOST
        if place - start >= _LEAST:
            sizes.append(place - start)
            start = place
    left = path.stat().st_size - start
    while left > 0:
        sizes.append(min(left, _MOST))
        left -= sizes[-1]
    return sizes


def _candidates(path: Path) -> Iterator[int]:
    """Yield the places behind which the content says that a chunk may end."""
    before = b""
    at = 0
    with path.open("rb") as stream:
        while data := stream.read(_BLOCK):
            hashes = _rolling(np.frombuffer(before + data, np.uint8))[len(before) :]
            for found in np.flatnonzero((hashes & _MASK) == 0).tolist():
                yield at + found + 1
            at += len(data)
            before = (before + data)[1 - _WINDOW :]


def _rolling(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the gear hash of the 64 bytes that end at each place (Xia et al. 2016).

    Byte i counts shifted by its distance; windows double until they have all 64.
    """
    hashes: NDArray[np.uint64] = _TABLE[data]
    width = 1
    while width < _WINDOW:
        earlier = np.zeros_like(hashes)
        earlier[width:] = hashes[:-width] << np.uint64(width)
        hashes = hashes + earlier
        width *= 2
    return hashes
