"""n-grams that a text shares with a benchmark: by hand, by the plain definition, and exactly."""

import json
import random
import string
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from filters import contamination
from filters.contamination import GramTable, gram_signal, normal_words
from filters.segment import segmenter
from filters.text import Text

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "golden/contamination.jsonl").read_text().splitlines()
]


def text(raw: str) -> Text:
    return Text(raw, segmenter("en"))


def grams(raw: str, n: int) -> set[tuple[str, ...]]:
    """The definition, in ASCII: lm-evaluation-harness deletes these marks, too."""
    words = raw.lower().translate(str.maketrans("", "", string.punctuation)).split()
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}


def made(rng: random.Random, words: int, vocabulary: int) -> str:
    marks = ["", "", "", ",", ".", "'s", " -"]
    return " ".join(f"w{rng.randrange(vocabulary)}{rng.choice(marks)}" for _ in range(words))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_counts(row):
    table = GramTable(row["items"], (row["n"],))
    signal = gram_signal("mmlu", row["n"], {}, lambda: table)
    assert signal.measure is not None
    assert signal.measure(text(row["text"])) == row["count"]
    assert len(table.spans(row["n"], text(row["text"]))) == row["count"]


def test_as_the_plain_definition_says():
    rng = random.Random(5)
    items = [made(rng, rng.randrange(4, 60), 40) for _ in range(200)]
    table = GramTable(items, (13, 8, 5))
    theirs = {n: set().union(*(grams(item, n) for item in items)) for n in (13, 8, 5)}
    found = 0
    for _ in range(200):
        words = made(rng, rng.randrange(300), 45).split()
        at = rng.randrange(len(words) + 1)
        raw = " ".join([*words[:at], rng.choice(items)[rng.randrange(20) :], *words[at:]])
        for n in (13, 8, 5):
            wanted = grams(raw, n) & theirs[n]
            assert table.count(n, text(raw)) == len(wanted)
            found += len(wanted)
    assert found > 2000
    for n in (13, 8, 5):
        own = [len(each) for each in table.of_items(n)]
        assert own == [len(grams(item, n)) for item in items]
        assert table.short(n) == sum(len(item.replace(" -", "").split()) < n for item in items)
        assert table.grams(n) == len(theirs[n])


def test_spans_cover_the_words_that_are_shared():
    raw = "He said: «The quick, brown fox - jumps» and ran."
    (span,) = GramTable(["the quick brown fox jumps"], (5,)).spans(5, text(raw))
    assert raw[span.start : span.end] == "«The quick, brown fox - jumps»"
    assert span.what == "5-gram of a benchmark"


def test_no_hash_decides(monkeypatch: pytest.MonkeyPatch):
    """Where hashes meet, words decide; where those of a benchmark meet, others are taken."""

    def poor(ids: np.ndarray, n: int, multiplier: np.uint64) -> np.ndarray:
        return contamination_hashes(ids, n, multiplier) & np.uint64(0xF << 60)

    contamination_hashes = contamination._hashes
    monkeypatch.setattr(contamination, "_hashes", poor)
    one = GramTable(["a b c d e f"[: 2 * 5]], (5,))
    others = [" ".join(words) for words in grams_of("abcdef", 5)]
    assert len(others) == 6**5
    assert sum(one.count(5, text(other)) for other in others) == 1
    with pytest.raises(ValueError, match="no hash"):
        GramTable(others, (5,))


def grams_of(letters: str, n: int) -> list[tuple[str, ...]]:
    return [()] if n == 0 else [(*g, c) for g in grams_of(letters, n - 1) for c in letters]


def test_300_000_ngrams_stay_under_30_mb():
    rng = np.random.default_rng(3)
    ids = np.minimum(rng.zipf(1.2, 375_000), 60_000).tolist()
    items = [" ".join(f"w{i}" for i in ids[at : at + 60]) for at in range(0, len(ids), 60)]
    normal_words("-")
    tracemalloc.start()
    table = GramTable(iter(items), (13,))
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.grams(13) > 270_000
    assert held < 30e6
    assert most < 60e6
