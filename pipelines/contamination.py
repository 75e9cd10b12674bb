"""Which items of a benchmark a run's texts hold, and which pages hold them: the other way round.

What GPT-3's and PaLM's reports count is items: an item is clean where none of its n-grams is
found, and PaLM calls it contaminated where 70 % of its 8-grams are (see
`filters.contamination`). Nothing of the run is changed, and its recipe need not name a benchmark.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from filters.contamination import GramTable, normal_words
from filters.errors import UsageError
from pipelines.benchmarks import Benchmark, items_file, read_items, table_of
from pipelines.manifest import load_manifest
from pipelines.tables import open_folder

Texts: TypeAlias = Literal["dataset", "documents"]
FOLDERS: Mapping[Texts, str] = {"dataset": "dataset/data", "documents": "documents"}
MOSTLY = 0.7
"""Share of its n-grams from which PaLM calls an item contaminated."""
EXAMPLES = 3
"""Pages that are named for an item: those that hold the most of it."""
_BATCH = 256


@dataclass(slots=True)
class Item:
    """An item of which something was found."""

    number: int
    """Of the item in its file, from 1."""
    text: str
    grams: int
    """Its distinct n-grams."""
    found: int
    """Those that some page holds."""
    pages: int
    examples: list[dict[str, Any]]
    """Pages that hold the most of it: id, url, and how many of its n-grams."""

    @property
    def share(self) -> float:
        """The share of its n-grams that some page holds."""
        return self.found / self.grams


@dataclass(slots=True)
class Contamination:
    """What the texts of a run hold of one benchmark, by one n."""

    benchmark: str
    n: int
    items: int
    short: int
    """Items with fewer than n words: of them nothing can be found."""
    texts: int
    """Texts that were looked at."""
    pages: int
    """Those that hold an n-gram of some item."""
    found: list[Item] = field(default_factory=list)
    """Items of which something was found, the largest shares first."""

    @property
    def mostly(self) -> int:
        """Items of which at least the share `MOSTLY` was found."""
        return sum(item.share >= MOSTLY for item in self.found)


def find_contamination(
    root: Path, benchmarks: Iterable[Benchmark], texts: Texts = "dataset"
) -> list[Contamination]:
    """Look for the items of benchmarks in the published or the stored texts of a finished run.

    UsageError for a run that has not finished, and as `pipelines.benchmarks.table_of`.
    """
    load_manifest(root)
    tallies = [_Tally(each, n) for each in benchmarks for n in each.ngrams]
    if not tallies:
        raise UsageError(
            f"{root}: its recipe names no benchmarks.\n  Name items: --items FILE --fields NAME"
        )
    looked = 0
    for row in _rows(root / FOLDERS[texts]):
        looked += 1
        words = normal_words(row["text"])
        for tally in tallies:
            tally.look(words, row)
    return [tally.result(looked) for tally in tallies]


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    columns = ["id", "url", "text"]
    for batch in open_folder(folder).to_batches(columns=columns, batch_size=_BATCH):
        yield from batch.to_pylist()


class _Tally:
    """What was found of a benchmark so far."""

    def __init__(self, benchmark: Benchmark, n: int) -> None:
        self._benchmark, self._n = benchmark, n
        self._table: GramTable = table_of(benchmark)
        of_items = list(self._table.of_items(n))
        items = np.repeat(np.arange(len(of_items)), [len(grams) for grams in of_items])
        grams = np.concatenate(of_items) if of_items else np.zeros(0, dtype=np.int64)
        order = np.argsort(grams, kind="stable")
        self._sizes = [len(each) for each in of_items]
        self._items, self._grams = items[order], grams[order]
        self._seen = np.zeros(self._table.grams(n), dtype=bool)
        self._pages: Counter[int] = Counter()
        self._examples: dict[int, list[dict[str, Any]]] = {}
        self._with_any = 0

    def look(self, words: list[str], row: Mapping[str, Any]) -> None:
        """Note what a page holds."""
        numbers = np.unique(self._table.find(self._n, self._table.ids_of(words))[1])
        if not len(numbers):
            return
        self._with_any += 1
        self._seen[numbers] = True
        starts, ends = (np.searchsorted(self._grams, numbers, side) for side in ("left", "right"))
        held = [self._items[a:b] for a, b in zip(starts, ends, strict=True)]
        for item, count in Counter(np.concatenate(held).tolist()).items():
            self._pages[item] += 1
            page = {"id": row["id"], "url": row["url"], "grams": count}
            best = [*self._examples.get(item, ()), page]
            self._examples[item] = sorted(best, key=lambda each: -each["grams"])[:EXAMPLES]

    def result(self, looked: int) -> Contamination:
        """Return what was found, of `looked` texts."""
        found = Counter(self._items[self._seen[self._grams]].tolist())
        texts = list(read_items(items_file(self._benchmark.items), self._benchmark.fields))
        items = [
            Item(
                number + 1,
                texts[number],
                self._sizes[number],
                count,
                self._pages[number],
                self._examples[number],
            )
            for number, count in found.items()
        ]
        return Contamination(
            benchmark=self._benchmark.name,
            n=self._n,
            items=self._table.items,
            short=self._table.short(self._n),
            texts=looked,
            pages=self._with_any,
            found=sorted(items, key=lambda item: (-item.share, -item.pages, item.number)),
        )
