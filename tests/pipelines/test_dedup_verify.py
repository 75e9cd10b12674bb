"""`verify`: what shares a key is joined only if it is really alike."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from filters.errors import RecipeError
from filters.minhash import MinHasher
from pipelines.dedup.bands import bands_schema
from pipelines.dedup.exchange import LABELS
from pipelines.dedup.kinds import KeyMaker
from pipelines.dedup.numbers import document_number
from pipelines.dedup.pages import Group, Pages
from pipelines.dedup.shingles import ShinglesJob, write_shingles
from pipelines.dedup.verify import VerifyJob, verify_edges
from pipelines.execute import Task, perform
from pipelines.ledger import CANDIDATES
from pipelines.storage import Attempt, Commit
from pipelines.tables import TableWriter
from tests.pipelines.clusters import label_components
from tests.pipelines.repeating import Ran, do_run, row, write_files
from tests.pipelines.small_run import differing, published

Pair = tuple[int, int]
THRESHOLD = 0.75
LOOSE = "{{minhash: {{ngram: 1, bands: 40, rows: 1, per: all{}}}}}"
"""Pages of any similarity share a key; with n-grams of one word it is that of their words."""


def word(number: int) -> str:
    letters = "abcdefghij"
    return "".join(letters[int(digit)] for digit in f"{number:05d}")


def words(*ranges: range) -> str:
    return " ".join(word(number) for some in ranges for number in some)


# The first of each pair has 100 words; so many of them, and no others, has the second.
PAIRS = {"more": 76, "at": 75, "less": 74, "other": 30}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    starts = {name: 200 * at for at, name in enumerate(PAIRS)}
    firsts = [row(f"{name} 1", words(range(at, at + 100))) for name, at in starts.items()]
    seconds = [row(f"{name} 2", words(range(at, at + PAIRS[name]))) for name, at in starts.items()]
    return write_files(tmp_path_factory.mktemp("verify") / "crawl", {"a": firsts, "b": seconds})


@pytest.fixture(scope="module")
def verified(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return do_run(
        LOOSE.format(f", verify: {THRESHOLD}"), crawl, tmp_path_factory.mktemp("v") / "run"
    )


def test_pairs_at_the_threshold_are_joined_and_those_below_are_not(verified):
    dropped = {name for name, fate in verified.fates().items() if fate == "minhash"}
    assert dropped == {"more 2", "at 2"}
    assert verified.manifest["dedup"]["minhash"]["verified"] == {
        "threshold": THRESHOLD,
        "candidates": 8,
        "compared_pairs": 4,
        "held_pairs": 2,
        "unplaced": 0,
    }


def test_without_it_all_are_joined_and_nothing_is_compared(crawl, verified, tmp_path):
    plain = do_run(LOOSE.format(""), crawl, tmp_path / "plain")
    assert plain.removed() == {"minhash": 4}
    assert "verified" not in plain.manifest["dedup"]["minhash"]
    stages = {path.name for path in (plain.root / "commits").iterdir()}
    assert not {name for name in stages if name.startswith(("shingles", "verify"))}
    changed = do_run(LOOSE.format(f", verify: {THRESHOLD}"), crawl, tmp_path / "plain")
    assert differing(published(changed.root), published(verified.root)) == []
    assert "curate: 2 units, 2 done" in changed.told
    assert "runs_minhash: 1 units, 1 done" in changed.told


def test_a_run_that_lost_the_last_stages_goes_on(crawl, verified, tmp_path):
    ran = do_run(LOOSE.format(f", verify: {THRESHOLD}"), crawl, tmp_path / "run")
    (ran.root / "manifest.json").unlink()
    for path in (ran.root / "commits/verify_minhash").iterdir():
        path.unlink()
    for path in (ran.root / "stages/verify_minhash").iterdir():
        path.unlink()
    again = do_run(LOOSE.format(f", verify: {THRESHOLD}"), crawl, tmp_path / "run")
    assert "shingles_minhash: 1 units, 1 done" in again.told
    assert "verify_minhash: 1 units, 0 done" in again.told
    assert differing(published(again.root), published(verified.root)) == []


def test_groups_partitions_and_ways_give_the_same(crawl, verified, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.stages.deduplicating._GROUP", 1)
    monkeypatch.setattr("pipelines.stages.verifying._DOCUMENT_BYTES", 1 << 25)
    options = f", clustering: rounds, verify: {THRESHOLD}"
    ran = do_run(LOOSE.format(options), crawl, tmp_path / "run")
    assert "shingles_minhash: 2 units, 0 done" in ran.told
    assert "verify_minhash: 4 units, 0 done" in ran.told
    assert differing(published(ran.root), published(verified.root)) == []


def test_earlier_runs_have_no_texts_to_be_compared(crawl, tmp_path):
    with pytest.raises(RecipeError, match=r"minhash\.verify needs texts"):
        do_run(LOOSE.format(f", verify: 0.5, against: [{tmp_path}]"), crawl, tmp_path / "run")


@dataclass(frozen=True)
class Corpus:
    """Documents with the words that they have and keys that need not fit them."""

    words: Mapping[int, frozenset[int]]
    bands: Mapping[int, Sequence[int]]
    """By document, a value per band: documents share the key of a band where it is equal."""

    def jaccard(self, one: int, other: int) -> float:
        left, right = self.words[one], self.words[other]
        return len(left & right) / len(left | right)

    def groups(self) -> list[list[int]]:
        """Return the documents of each key, ascending."""
        groups: defaultdict[Pair, list[int]] = defaultdict(list)
        for doc, values in sorted(self.bands.items()):
            for band in enumerate(values):
                groups[band].append(doc)
        return list(groups.values())


def random_corpus(seed: int, bands: int) -> Corpus:
    """Return families of similar documents, and bands of which some are equal by accident."""
    generator = random.Random(seed)
    known: dict[int, frozenset[int]] = {}
    values: dict[int, list[int]] = {}
    for number in range(150):
        family = generator.randrange(25)
        doc = document_number(number // 30, number % 30)
        own = {1000 * family + at for at in range(40)}
        changed = set(generator.sample(sorted(own), generator.randrange(9)))
        known[doc] = frozenset((own - changed) | {50_000 + 40 * number + at for at in range(2)})
        values[doc] = [generator.choice([family, family % 3, 100 + number]) for _ in range(bands)]
    return Corpus(known, values)


def keys_of(values: Sequence[int]) -> list[int]:
    """Return a key per band: equal where the values are, and of no other band."""
    return [value * len(values) + band for band, value in enumerate(values)]


def write_corpus(root: Path, corpus: Corpus, hasher: MinHasher) -> Group:
    """Write what curation would have left, with the corpus' values for keys."""

    def work(attempt: Attempt, docs: Sequence[int]) -> dict[str, Any]:
        schemas = {"candidates": CANDIDATES, "bands": bands_schema(hasher)}
        for name, schema in schemas.items():
            with TableWriter(attempt, f"{name}/{docs[0]}.parquet", schema) as writer:
                for doc in docs:
                    text = " ".join(map(word, sorted(corpus.words[doc])))
                    about = {"record": doc % 2**32, "id": f"{doc}", "text": text}
                    writer.add({**about, "keys": keys_of(corpus.bands[doc])})
        return {}

    pages = []
    for ordinal in sorted({doc >> 32 for doc in corpus.words}):
        docs = [doc for doc in sorted(corpus.words) if doc >> 32 == ordinal]
        perform(root, Task("curate", f"{ordinal}", "", work, docs))
        files = (root / f"{name}/{docs[0]}.parquet" for name in ("candidates", "bands"))
        candidates, bands = files
        pages.append(Pages(f"{ordinal}", ordinal, "d", candidates, candidates, bands))
    return Group("0", tuple(pages), {})


def candidates_of(corpus: Corpus) -> np.ndarray:
    pairs = [(group[0], doc) for group in corpus.groups() for doc in group[1:]]
    return np.stack(label_components(np.array(pairs, dtype=np.int64)), axis=1)


def verify(root: Path, corpus: Corpus, *, bits: int, memory: int) -> tuple[set[Pair], Commit]:
    """Return the edges of all partitions, and the last commit."""
    hasher = MinHasher(ngram=1, bands=len(next(iter(corpus.bands.values()))), rows=1)
    group = write_corpus(root, corpus, hasher)
    labels = candidates_of(corpus)
    pq.write_table(LABELS.empty_table().from_arrays(list(labels.T), schema=LABELS), root / "labels")
    maker = KeyMaker("minhash", hasher)
    job = ShinglesJob("shingles", group, root / "labels", maker, hasher, bits)
    perform(root, Task("shingles", "0", "", write_shingles, job))
    edges: set[Pair] = set()
    for number in range(1 << bits):
        paths = (root / "shingles/0.parquet",)
        job = VerifyJob(f"{number}", "edges", number, paths, THRESHOLD, memory)
        commit = perform(root, Task("verify", f"{number}", "", verify_edges, job))
        columns = pq.read_table(root / f"edges/{number}.parquet").to_pydict()
        edges |= set(zip(columns["low"], columns["high"], strict=True))
    return edges, commit


def greedily(corpus: Corpus) -> set[Pair]:
    """Follow the definition: inside each key, one document after another."""
    edges = set()
    for group in corpus.groups():
        leaders: list[int] = []
        for doc in group:
            alike = (one for one in leaders if corpus.jaccard(one, doc) >= THRESHOLD)
            leader = next(alike, None)
            if leader is None:
                leaders.append(doc)
            else:
                edges.add((leader, doc))
    return edges


@pytest.mark.parametrize(
    ("bits", "memory"),
    [(0, 1 << 30), (3, 1 << 30), (0, 1 << 14), (1, 1 << 12)],
    ids=["all at once", "partitions", "blocks and slices", "both"],
)
def test_edges_are_those_of_the_definition_whatever_the_memory(bits, memory, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.dedup.shingles._CHUNK_HASHES", 500)
    corpus = random_corpus(1, bands=6)
    edges, _ = verify(tmp_path, corpus, bits=bits, memory=memory)
    wanted = greedily(corpus)
    assert edges == wanted
    assert all(corpus.jaccard(*pair) >= THRESHOLD for pair in edges)
    stars = {(group[0], doc) for group in corpus.groups() for doc in group[1:]}
    assert len(wanted) > 50
    assert wanted - stars, "some are joined by a leader that is not their key's smallest"
    assert any(corpus.jaccard(*pair) < THRESHOLD for pair in stars), "some collide by accident"


def test_a_false_collision_joins_nothing_and_hides_nothing(tmp_path):
    """Of one key: two unlike documents, and two that are like each other but not the first."""
    alike = frozenset(range(100, 140))
    corpus = Corpus(
        words={0: frozenset(range(40)), 1: alike, 2: alike | {200}},
        bands={0: [7], 1: [7], 2: [7]},
    )
    edges, commit = verify(tmp_path, corpus, bits=0, memory=1 << 30)
    assert edges == {(1, 2)}
    assert commit.facts == {"edges": 1, "compared": 3, "unplaced": 0}
