"""What the near-duplicate settings of a run really find: recall and precision, by similarity.

Copies of known similarity are planted beside real documents, and everything goes through the
stages that a run goes through. Each similarity is a trial of its own, as a dump is that is
deduplicated alone: so no copy is found by way of another one.
"""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from filters.errors import UsageError
from filters.jaccard import Hashes, Numbers
from filters.minhash import MinHasher
from pipelines.cascade.loss import CONFIDENCE
from pipelines.dedup_check.documents import Sample, Settings
from pipelines.dedup_check.join import join
from pipelines.dedup_check.plant import Nursery, similarity, word_spans
from pipelines.dedup_check.tally import Joins, Level
from pipelines.events import Observer, StageDone, StageProgress, StageStarted, silent

_TOLD = 100
"""How often somebody hears how far the planting is."""
SIMILARITIES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to check."""

    pairs: int
    """To plant at each similarity."""
    threshold: float
    """Real similarity from which on a pair should be joined, and below which it should not."""
    seed: int


@dataclass(frozen=True, slots=True)
class Trial:
    """Originals, and a copy of each; all copies are meant to be of one similarity."""

    wanted: float
    originals: tuple[str, ...]
    copies: tuple[str, ...] = ()
    similarities: tuple[float, ...] = ()
    """The real one of each copy to its original."""
    impossible: int = 0
    """Documents that were left out: no copy of them is as similar as was wanted."""


def check(
    sample: Sample,
    settings: Settings,
    options: CheckOptions,
    folder: Path,
    observer: Observer = silent,
) -> dict[str, Any]:
    """Plant, join and measure; plain data for `--json`.

    `folder` is empty, and will hold what the stages write. UsageError where no document
    has an n-gram.
    """
    hasher = settings.hasher
    texts = [text for text in sample.texts if len(hasher.shingles(text))]
    if not texts:
        raise UsageError(
            f"None of the {len(sample.texts):,} document(s) has {hasher.ngram} words.\n"
            "  There is nothing to plant copies of."
        )
    shingles = _Shingles(hasher)
    real = Joins(options.threshold, _pairs_among(len(texts)))
    with _stage(observer, "real", 1):
        (clusters,) = join(folder / "real", settings, [Trial(1.0, tuple(texts))])
        for one, other in _pairs_in(clusters):
            real.add(shingles.similarity(texts[one], texts[other]))
    # Of documents that are alike already only the first can be the original of a family.
    originals = [texts[at] for at in np.unique(clusters, return_index=True)[1].tolist()]
    with _stage(observer, "plant", options.pairs * len(SIMILARITIES)):
        trials = list(_trials(originals, hasher, options, observer))
    with _stage(observer, "join", 1):
        joined = join(folder / "planted", settings, trials)
    return {
        "settings": _described(settings),
        "threshold": options.threshold,
        "seed": options.seed,
        "confidence": CONFIDENCE,
        "documents": sample.among,
        "sampled": len(texts),
        "distinct": len(originals),
        **_measured(trials, joined, settings, options),
        "real": real.facts(),
    }


@contextmanager
def _stage(observer: Observer, name: str, units: int) -> Iterator[None]:
    began = time.monotonic()
    observer(StageStarted(name, units))
    yield
    observer(StageDone(name, units, 0, round(time.monotonic() - began, 3)))


def _trials(
    originals: Sequence[str],
    hasher: MinHasher,
    options: CheckOptions,
    observer: Observer,
) -> Iterator[Trial]:
    """Yield as many trials of each similarity as it takes for the pairs that are wanted.

    An original is in a trial once; where there are too few, each comes again with other words.
    """
    words = sorted({text[a:b] for text in originals for a, b in word_spans(hasher, text)})
    nurseries = {text: Nursery(hasher, text, words) for text in originals}
    done, every = 0, max(options.pairs * len(SIMILARITIES) // _TOLD, 1)
    for wanted in SIMILARITIES:
        generator = random.Random(f"{options.seed} {wanted}")  # noqa: S311  not for secrets
        left = options.pairs
        while left > 0:
            chosen = generator.sample(originals, min(left, len(originals)))
            left -= len(chosen)
            copies = []
            for text in chosen:
                copies.append(nurseries[text].plant(wanted, generator))
                done += 1
                if done % every == 0:
                    observer(StageProgress("plant", done))
            found = [(text, copy) for text, copy in zip(chosen, copies, strict=True) if copy]
            yield Trial(
                wanted=wanted,
                originals=tuple(text for text, _ in found),
                copies=tuple(copy.text for _, copy in found),
                similarities=tuple(copy.similarity for _, copy in found),
                impossible=len(chosen) - len(found),
            )


def _measured(
    trials: Sequence[Trial],
    found: Sequence[Numbers],
    settings: Settings,
    options: CheckOptions,
) -> dict[str, Any]:
    """Return what became of the planted pairs, and of pairs of different families."""
    shingles = _Shingles(settings.hasher)
    planted, others = Joins(options.threshold), Joins(options.threshold)
    levels = {wanted: Level(wanted) for wanted in SIMILARITIES}
    for trial, clusters in zip(trials, found, strict=True):
        texts, families = (*trial.originals, *trial.copies), len(trial.originals)
        level = levels[trial.wanted]
        level.impossible += trial.impossible
        level.similarities += trial.similarities
        planted.pairs += families
        others.pairs += _pairs_among(len(texts)) - families
        for one, other in _pairs_in(clusters):
            if one + families == other:
                level.joined += 1
                planted.add(trial.similarities[one])
            else:
                others.add(shingles.similarity(texts[one], texts[other]))
    return {
        "similarities": [level.facts(settings) for level in levels.values()],
        "planted": planted.facts(),
        "others": others.facts(),
    }


class _Shingles:
    """Real similarities of texts; their sets of n-grams are made once."""

    def __init__(self, hasher: MinHasher) -> None:
        self._hasher = hasher
        self._sets: dict[str, Hashes] = {}

    def similarity(self, one: str, other: str) -> float:
        return similarity(self._of(one), self._of(other))

    def _of(self, text: str) -> Hashes:
        if text not in self._sets:
            self._sets[text] = np.unique(self._hasher.shingles(text))
        return self._sets[text]


def _pairs_in(clusters: Numbers) -> Iterator[tuple[int, int]]:
    """Yield the pairs of places, ascending, that are in one cluster."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for place, cluster in enumerate(clusters.tolist()):
        members[cluster].append(place)
    for places in members.values():
        yield from combinations(places, 2)


def _pairs_among(count: int) -> int:
    return count * (count - 1) // 2


def _described(settings: Settings) -> dict[str, Any]:
    hasher = settings.hasher
    return {
        "ngram": hasher.ngram,
        "bands": hasher.bands,
        "rows": hasher.rows,
        "seed": hasher.seed,
        "words": hasher.words,
        "verify": settings.verify,
    }
