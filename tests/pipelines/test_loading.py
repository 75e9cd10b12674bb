"""What `pipelines.loading` promises of the order of samples, without PyTorch."""

import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.errors import UnitError, UsageError
from pipelines.loading import Settings, Share, TokenStream, collate, open_shards
from pipelines.loading.mixture import PERIOD, Mixture, quotas
from pipelines.loading.order import Lanes, permutation
from pipelines.loading.source import Sample
from tests.pipelines.token_shards import SAID, numbered, write_packed, write_shards

DOCUMENTS = numbered(100)
TOKENS = [token for document in DOCUMENTS for token in document]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"), DOCUMENTS, files=3)


def order(length: int | None = 16, seed: int | None = 1, **more) -> Settings:
    return Settings(
        length, seed, more.get("lanes", 4), more.get("window", 1), more.get("end_of_document")
    )


def stream(folder: Path, given: Settings | None = None, **more) -> TokenStream:
    return TokenStream([folder], given or order(), **more)


def taken(
    one: TokenStream, size: int, ranks: int, workers: int, start: int = 0, *, whole: bool = False
) -> list[list[tuple[int, ...]]]:
    """The global batches that ranks with loaders get: each rank's from its workers in turns."""
    by_rank = []
    for rank in range(ranks):
        shares = [Share(rank, ranks, worker, workers) for worker in range(workers)]
        turns = [iter(one.batches(start, size, share, whole=whole)) for share in shares]
        batches = []
        while turns:
            batch = next(turns[0], None)
            turns = turns[1:] + turns[:1] if batch is not None else turns[1:]
            batches += [] if batch is None else [batch]
        by_rank.append(batches)
    steps = max(map(len, by_rank))
    padded = [batches + [[]] * (steps - len(batches)) for batches in by_rank]
    return [
        [
            tuple(sample.input_ids.tolist())
            for row in range(size)
            for batch in step
            for sample in batch[row : row + 1]
        ]
        for step in zip(*padded, strict=True)
    ]


def flat(batches: list[list[tuple[int, ...]]]) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(batches))


def test_an_epoch_is_all_tokens_once_but_for_less_than_a_sample(folder: Path):
    samples = flat(taken(stream(folder), 1, 1, 1))
    assert len(samples) == len(TOKENS) // 16
    found = Counter(chain.from_iterable(samples))
    assert found.total() == 16 * len(samples)
    assert set(found.values()) == {1}
    assert found.keys() <= set(TOKENS)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.one_of(st.none(), st.integers(0, 2**40)),
    lanes=st.integers(1, 9),
    ranks=st.integers(1, 5),
    workers=st.integers(1, 3),
    size=st.integers(1, 4),
    length=st.sampled_from([None, 1, 7, 16, 100]),
    window=st.integers(1, 4),
    end=st.sampled_from([None, 7]),
)
def test_what_processes_take_is_disjoint_complete_and_in_an_order_of_its_own(
    folder: Path, seed, lanes, ranks, workers, size, length, window, end
):
    one = stream(folder, Settings(length, seed, lanes, window, end))
    alone = flat(taken(one, 1, 1, 1))
    assert flat(taken(one, size, ranks, workers)) == alone
    added = len(DOCUMENTS) if end is not None else 0
    all_tokens = Counter(TOKENS) + Counter({end: added} if end is not None else {})
    found = Counter(chain.from_iterable(alone))
    missing = all_tokens - found
    assert not found - all_tokens
    assert missing.total() == (0 if length is None else all_tokens.total() % length)


@settings(max_examples=25, deadline=None)
@given(
    before=st.tuples(st.integers(1, 5), st.integers(1, 3)),
    after=st.tuples(st.integers(1, 5), st.integers(1, 3)),
    steps=st.integers(0, 20),
    epochs=st.integers(1, 3),
)
def test_another_number_of_processes_goes_on_in_the_middle_of_an_epoch(
    folder: Path, before, after, steps, epochs
):
    one = stream(folder, epochs=epochs)
    everything = flat(taken(one, 1, 1, 1))
    first = flat(taken(one, 2, *before, whole=True)[:steps])
    state = json.loads(json.dumps(one.state(len(first))))
    again = stream(folder, epochs=epochs)
    rest = flat(taken(again, 2, *after, start=again.position(state)))
    assert first + rest == everything


def test_all_ranks_get_as_many_batches_where_the_last_ones_are_dropped(folder: Path):
    one = stream(folder)
    for ranks in (2, 3, 5):
        shares = [Share(rank, ranks) for rank in range(ranks)]
        counts = {len(list(one.batches(0, 2, share))) for share in shares}
        assert counts == {one.sources[0].samples // (2 * ranks)}


def test_a_seed_decides_the_order_and_epochs_have_one_each(folder: Path):
    def first(seed: int | None, epochs: int = 1) -> list[tuple[int, ...]]:
        return flat(taken(stream(folder, order(None, seed), epochs=epochs), 1, 1, 1))

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert sorted(first(1)) == sorted(first(2)) == sorted(first(None))
    twice = first(1, epochs=2)
    assert twice[:100] == first(1)
    assert twice[100:] != twice[:100]
    assert sorted(twice[100:]) == sorted(twice[:100])


def test_without_a_seed_one_lane_gives_the_documents_in_their_order(folder: Path):
    samples = flat(taken(stream(folder, order(None, None, lanes=1)), 1, 1, 1))
    assert [list(sample) for sample in samples] == DOCUMENTS


def test_one_window_over_all_blocks_mixes_all_documents(folder: Path):
    one = stream(folder, order(None, 3, lanes=1, window=100))
    found = [list(sample) for sample in flat(taken(one, 1, 1, 1))]
    assert found == [DOCUMENTS[i] for i in _expected_order(one)]
    assert found != DOCUMENTS


def _expected_order(one: TokenStream) -> list[int]:
    """The two permutations, written down once more: blocks, then documents of the window."""
    blocks = one.sources[0].shards.blocks
    starts = np.cumsum([0, *(block.rows for block in blocks)])
    rows = [
        int(starts[block]) + row
        for block in permutation(len(blocks), 3, 0, 0)
        for row in range(blocks[block].rows)
    ]
    return [rows[i] for i in permutation(len(rows), 3, 0, 1, 0)]


def test_the_order_is_what_it_was_when_this_was_written():
    assert permutation(8, 1, 0, 0).tolist() == [2, 4, 7, 5, 0, 6, 3, 1]
    assert Mixture(quotas([3, 1]), 5).choice(2, 12_345) == (0, 9282)


def test_documents_end_as_asked_and_their_lengths_are_told(folder: Path):
    one = stream(folder, order(50, None, lanes=1, end_of_document=7))
    joined = list(chain.from_iterable([*document, 7] for document in DOCUMENTS))
    at = 0
    for (sample,) in one.batches(0, 1):
        assert sample.input_ids.tolist() == joined[at : at + 50]
        assert sum(sample.document_lengths) == 50
        ends = np.cumsum(sample.document_lengths)
        assert [int(end) for end in ends[:-1]] == [
            place + 1 for place, token in enumerate(joined[at : at + 49]) if token == 7
        ]
        at += 50


def test_packed_rows_come_as_they_are_with_their_documents(tmp_path: Path):
    rows = [[[1, 2, 3], [4]], [[5, 6, 7, 8, 9]], [[10]], [[11, 12], [13, 14]]]
    folder = write_packed(tmp_path / "packed", rows, 5)
    one = stream(folder, order(None, 2))
    found = {tuple(sample.input_ids): sample.document_lengths for (sample,) in one.batches(0, 1)}
    assert found == {
        (1, 2, 3, 4, 0): [3, 1],
        (5, 6, 7, 8, 9): [5],
        (10, 0, 0, 0, 0): [1],
        (11, 12, 13, 14, 0): [2, 2],
    }
    with pytest.raises(UsageError, match=r"packed already, to 5 tokens\.\n.*sequence_length"):
        stream(folder)


def test_batches_are_what_models_take():
    one = Sample(np.array([5, 6, 7, 8], np.int32), [3, 1])
    other = Sample(np.array([9, 9, 1], np.int32), [2])
    batch = collate([one, other], pad=1)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8], [9, 9, 1, 1]]
    assert batch["labels"].tolist() == [[5, 6, 7, 8], [9, 9, -100, -100]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0], [0, 1, 0, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert {array.dtype for array in batch.values()} == {np.dtype(np.int64)}


@given(samples=st.integers(0, 300), lanes=st.integers(1, 20))
def test_lanes_share_out_all_samples(samples: int, lanes: int):
    cut = Lanes(samples, lanes)
    found = [cut.sample(lane, turn) for lane in range(lanes) for turn in range(cut.size(lane))]
    assert found == list(range(samples))
    assert max(map(cut.size, range(lanes))) - min(map(cut.size, range(lanes))) <= 1


@given(weights=st.lists(st.floats(0.1, 100), min_size=1, max_size=6))
def test_a_period_has_of_each_dataset_what_its_weight_says(weights: list[float]):
    shares = quotas(weights)
    assert sum(shares) == PERIOD
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - PERIOD * weight / sum(weights)) < 1


def test_a_mixture_takes_by_weight_and_each_dataset_in_its_own_order(tmp_path: Path):
    one = write_shards(tmp_path / "one", numbered(60, 1))
    two = write_shards(tmp_path / "two", numbered(40, 2, first=50_000))
    mixed = TokenStream([one, two], order(8), weights=[3, 1])
    places = [mixed.find(position) for position in range(4 * PERIOD)]
    assert [place[0] for place in places].count(1) == PERIOD
    for dataset, source in enumerate(mixed.sources):
        for lap in range(3):
            taken_in_lap = [n for d, _, epoch, n in places if (d, epoch) == (dataset, lap)]
            assert sorted(taken_in_lap) == list(range(source.samples))
    (first,) = next(mixed.batches(0, 1))
    assert (first.input_ids[0] >= 50_000) == (places[0][0] == 1)


@settings(max_examples=20, deadline=None)
@given(ranks=st.integers(1, 5), workers=st.integers(1, 3), steps=st.integers(0, 12))
def test_a_mixture_is_the_same_for_any_number_of_processes(folder: Path, ranks, workers, steps):
    mixed = TokenStream([folder, folder], order(8), weights=[1, 2])
    alone = [sample for batch in islice(mixed.batches(0, 1), 300) for sample in batch]
    found: dict[int, list[int]] = {}
    for rank in range(ranks):
        for worker in range(workers):
            share = Share(rank, ranks, worker, workers)
            positions = share.batches(steps, 2, None, whole=True)
            for places, batch in zip(
                islice(positions, 10), mixed.batches(steps, 2, share), strict=False
            ):
                found |= {p: s.input_ids.tolist() for p, s in zip(places, batch, strict=True)}
    assert sorted(found) == list(range(steps, steps + len(found)))
    reached = {place: ids for place, ids in found.items() if place < len(alone)}
    assert reached == {place: alone[place].input_ids.tolist() for place in reached}


def test_a_window_for_each_lane_is_all_that_is_kept(tmp_path: Path):
    documents = [list(range(1000)) for _ in range(400)]
    folder = write_shards(tmp_path / "long", documents, files=2, rows=20)
    one = stream(folder, order(100, 1, lanes=2))
    list(islice(one.batches(0, 10), 5))  # what is loaded at the first use is not of interest
    tracemalloc.start()
    for _ in one.batches(0, 10):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    whole, window = 400_000 * 4, 20_000 * 4
    assert peak < 5 * window < whole / 3


def test_a_state_is_small_and_of_one_order_only(folder: Path):
    one = stream(folder)
    state = one.state(17)
    assert len(json.dumps(state)) < 1000
    assert stream(folder).position(state) == 17
    with pytest.raises(UsageError, match=r"another order of samples: seed was 1, and is 2\."):
        stream(folder, order(seed=2)).position(state)


def test_a_copy_elsewhere_is_the_same_dataset_and_other_tokens_are_not(
    folder: Path, tmp_path: Path
):
    copy = write_shards(tmp_path / "copy", DOCUMENTS, files=3)
    assert stream(copy).position(stream(folder).state(5)) == 5
    other = write_shards(tmp_path / "other", DOCUMENTS[:-1], files=3)
    with pytest.raises(UsageError, match="datasets was"):
        stream(other).position(stream(folder).state(5))


def test_of_a_run_only_the_tokens_are_read(tmp_path: Path):
    run = tmp_path / "run"
    write_shards(run / "tokens", DOCUMENTS)
    write_shards(run / "ledger", DOCUMENTS[:5])
    assert sum(block.rows for block in open_shards(run).blocks) == 100


def test_what_cannot_be_read_is_told(folder: Path, tmp_path: Path):
    other = write_shards(tmp_path / "other", DOCUMENTS, said={**SAID, "tokenizer_sha256": "cd"})
    with pytest.raises(UsageError, match=r"by different tokenizers\.\n.*cuvee tokenize"):
        TokenStream([folder, other], order())
    both = tmp_path / "both"
    both.mkdir()
    (both / "a.parquet").symlink_to(next(folder.glob("*00000.parquet")))
    (both / "b.parquet").symlink_to(next(other.glob("*00000.parquet")))
    with pytest.raises(UsageError, match=r"a\.parquet and b\.parquet are by different tokenizers"):
        open_shards(both)
    pq.write_table(pq.read_table(next(folder.iterdir()), columns=["id"]), tmp_path / "c.parquet")
    with pytest.raises(UsageError, match=r"has no token ids, but the columns id\.\n.*tokens/"):
        open_shards(tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match=r"d\.parquet: is damaged, or no Parquet file"):
        open_shards(tmp_path / "d.parquet")
    with pytest.raises(UsageError, match=r"does not exist"):
        open_shards(tmp_path / "nothing")
    ended = write_shards(tmp_path / "ended", DOCUMENTS, said={**SAID, "end_token_id": "3"})
    with pytest.raises(UsageError, match=r"ends with token 3 there already"):
        stream(ended, order(end_of_document=3))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"length": 0}, r"sequence_length=0: has to be 1 or more"),
        ({"length": 10**9}, r"not enough tokens for one sample"),
        ({"lanes": 0}, r"lanes=0"),
        ({"seed": -1}, r"seed=-1: has to be 0 or more"),
    ],
)
def test_settings_without_sense_are_told(folder: Path, wrong, words):
    with pytest.raises(UsageError, match=words):
        stream(folder, order(**wrong))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1], r"2 datasets and 1 weights do not go together"),
        ([1, 0], r"each has to be a number above 0"),
        ([1, float("nan")], r"each has to be a number above 0"),
        ([1, 1e-6], r"one is less than 1 in 10,000 of all"),
    ],
)
def test_weights_without_sense_are_told(folder: Path, weights, words):
    with pytest.raises(UsageError, match=words):
        TokenStream([folder, folder], order(), weights=weights)


def test_a_mixture_of_a_dataset_that_is_too_small_is_told(folder: Path):
    with pytest.raises(UsageError, match=r"fewer than there are lanes \(500\)"):
        TokenStream([folder, folder], order(lanes=500), weights=[1, 1])


def test_pytorch_is_needed_for_its_dataset_only():
    program = "import sys, pipelines.loading as it; print('torch' in sys.modules); it.TokenDataset"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "False"
    if find_spec("torch") is None:
        assert "PyTorch is not installed here.\n  Install cuvee with its extra torch" in done.stderr


def test_a_shard_that_has_other_ids_than_it_counts_is_told(tmp_path: Path):
    folder = write_shards(tmp_path / "wrong", [[1, 2, 3], [4]], files=1)
    (path,) = folder.iterdir()
    table = pq.read_table(path)
    for counts in ([3, 2], [3, 0]):
        pq.write_table(table.set_column(2, "token_count", [counts]), path)
        with pytest.raises(UnitError, match=rf"has not the {sum(counts)} ids in row group 0"):
            list(stream(folder, order(2, lanes=1)).batches(0, 1))
