"""A sample of a finished run's documents, and the settings by which it looked for repeats."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.errors import UsageError
from filters.minhash import MinHasher
from pipelines.manifest import load_manifest
from pipelines.recipe.recorded import recorded_minhash
from pipelines.recipe.rule_stages import FINAL
from pipelines.tables import read_table


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides whether two texts are joined."""

    hasher: MinHasher
    verify: float
    """Least real similarity of a pair that is joined; 0 joins all that share a band."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Texts of some documents, in the run's order, and how many there were to choose from."""

    texts: tuple[str, ...]
    among: int


def read_settings(root: Path, verify: float | None = None) -> Settings:
    """Return the near-duplicate settings of a finished run, but for another `verify` if given.

    UsageError for a folder without one, and for a run whose recipe has no minhash.
    """
    load_manifest(root)
    found = recorded_minhash(root / "recipe.yaml")
    if found is None:
        raise UsageError(
            f"{root}: its recipe removes no near-duplicates, so there is nothing to check.\n"
            "  Give it a stage: dedup: {minhash: {}}"
        )
    options, words = found
    hasher = MinHasher(options.ngram, options.bands, options.rows, options.seed, words)
    return Settings(hasher, options.verify if verify is None else verify)


def draw_documents(root: Path, count: int, seed: int) -> Sample:
    """Return up to `count` documents, drawn at random, of those that reached deduplication.

    Their texts are as they were extracted, before any edit. Same seed, same documents.
    UsageError where no text is stored.
    """
    files = sorted((root / "ledger").rglob("*.parquet"))
    generator = np.random.default_rng(seed)
    # File and record by draw: the smallest draws win, however many files there are.
    best = np.empty((0, 3))
    among = 0
    for number, path in enumerate(files):
        records = _reached(path)
        among += len(records)
        drawn = np.stack(
            [generator.random(len(records)), np.full(len(records), number), records], axis=1
        )
        best = np.concatenate([best, drawn])
        best = best[np.argsort(best[:, 0], kind="stable")[:count]]
    texts: list[str] = []
    for number in np.unique(best[:, 1]).astype(int).tolist():
        name = files[number].relative_to(root / "ledger")
        chosen = best[best[:, 1] == number][:, 2].astype(np.int64)
        texts += _stored_texts(root / "documents" / name, np.sort(chosen))
    if not texts:
        raise UsageError(
            f"{root}: none of its {among:,} document(s) has a stored text to plant copies of.\n"
            "  A run keeps texts in documents/ as its recipe's keep_text says."
        )
    return Sample(tuple(texts), among)


def _reached(ledger: Path) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the records of a file that passed every rule before deduplication."""
    table = read_table(ledger, ["record", "status", "stage"])
    left_later = pc.is_in(table["stage"], value_set=pa.array(["dedup", FINAL]))
    reached = pc.or_(pc.equal(table["status"], "kept"), left_later)
    records: np.ndarray[tuple[int], np.dtype[np.int64]] = table.filter(reached)["record"].to_numpy()
    return records


def _stored_texts(
    documents: Path, records: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> list[str]:
    if not documents.exists():
        return []
    table = read_table(documents, ["record", "text"])
    wanted = table.filter(pc.is_in(table["record"], value_set=pa.array(records)))
    texts: list[str] = wanted["text"].to_pylist()
    return texts
