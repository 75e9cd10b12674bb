"""Synthetic signatures with a heavy-tailed distribution of cluster sizes.

Cluster sizes follow Zipf's law with exponent 3: six documents in ten are alone, clusters have
two to some thousand members, which lie anywhere in the corpus. A third of the members are
exact copies; of the others each keeps a hash of the cluster's first text with a probability
between 0.7 and 1, as a text of that Jaccard similarity would.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from filters.minhash import MinHasher
from pipelines.dedup.bands import bands_table

HASHER = MinHasher()
FILE_DOCUMENTS = 10_000
_HASHES = HASHER.bands * HASHER.rows
_ZIPF = 3.0
_LARGEST = 10_000
_COPIES = 1 / 3
_LEAST_SIMILARITY = 0.7
_HASH_BITS = 61

Words = npt.NDArray[np.uint64]


def signatures(documents: int, seed: int = 1) -> Iterator[Words]:
    """Yield the signatures of a file of documents at a time, shape (documents, hashes)."""
    rng = np.random.default_rng(seed)
    cluster = _clusters(documents, rng)
    similarity = rng.uniform(_LEAST_SIMILARITY, 1, documents)
    similarity[rng.random(documents) < _COPIES] = 1
    permutation = np.arange(_HASHES, dtype=np.uint64)
    for start in range(0, documents, FILE_DOCUMENTS):
        part = slice(start, start + FILE_DOCUMENTS)
        own = _mix(
            np.arange(start, start + len(cluster[part]), dtype=np.uint64) ^ np.uint64(1 << 63)
        )
        shared = _mix(cluster[part] + np.uint64(seed << 40))
        own, shared = (_mix(one[:, np.newaxis] ^ permutation) for one in (own, shared))
        chance = rng.random(own.shape, dtype=np.float32)
        hashes = np.where(chance < similarity[part, np.newaxis], shared, own)
        yield hashes >> np.uint64(64 - _HASH_BITS)


def _clusters(documents: int, rng: np.random.Generator) -> Words:
    """Return the number of each document's cluster."""
    sizes = np.minimum(rng.zipf(_ZIPF, documents), _LARGEST)
    clusters = np.repeat(np.arange(documents, dtype=np.uint64), sizes)[:documents]
    rng.shuffle(clusters)
    return clusters


def _mix(words: Words) -> Words:
    """Return words with every bit depending on all (SplitMix64, Steele et al. 2014)."""
    mixed = words + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def write_ours(folder: Path, documents: int, seed: int = 1) -> float:
    """Write files of band keys as curation does; return the CPU seconds of making these.

    That is from signatures to a table, both in memory: neither making up signatures nor writing.
    """
    folder.mkdir(parents=True)
    seconds = 0.0
    for number, hashes in enumerate(signatures(documents, seed)):
        before = time.process_time()
        table = bands_table(HASHER, list(range(len(hashes))), hashes)
        seconds += time.process_time() - before
        path = folder / f"{number:06d}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=3, use_dictionary=False)
    return seconds


def write_theirs(folder: Path, documents: int, seed: int = 1) -> None:
    """Write the same signatures as datatrove's first stage does: sorted, by bucket and file."""
    fields = [f"field{number}" for number in range(HASHER.rows)]
    dtype = np.dtype([*((name, "<u8") for name in fields), ("doc", "<u4")])
    for bucket in range(HASHER.bands):
        (folder / f"bucket_{bucket:03d}").mkdir(parents=True)
    for number, hashes in enumerate(signatures(documents, seed)):
        for bucket in range(HASHER.bands):
            rows = np.empty(len(hashes), dtype=dtype)
            for at, name in enumerate(fields):
                rows[name] = hashes[:, bucket * HASHER.rows + at]
            rows["doc"] = np.arange(len(hashes))
            # By the first hash: the others of a bucket hardly ever decide, ties are put right.
            rows = rows[np.argsort(rows[fields[0]], kind="stable")]
            tied = rows[fields[0]][1:] == rows[fields[0]][:-1]
            if tied.any():
                rows.sort(order=dtype.names)
            rows.tofile(folder / f"bucket_{bucket:03d}" / f"{number:05d}.minhash.sig")
