"""Kinds of deduplication, who survives, within what: whole runs over a few made texts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.errors import WorkError
from pipelines.dedup.survivors import choose
from tests.pipelines.repeating import Ran, do_run, lines_of, row, write_files
from tests.pipelines.small_run import differing, published

ONE, OTHER = "CC-MAIN-2023-50/a", "CC-MAIN-2024-10/b"
NEAR = f"{lines_of(1)}\nThat was printed again by another paper in the year that followed."
LONGER = f"{NEAR} It has more at the end, which makes it the longest of them all."
FILES = {
    ONE: [
        row("first", lines_of(1), date="2023-12-01T00:00:00Z"),
        row("near", NEAR, date="2024-03-01T00:00:00Z"),
        row("spaced", lines_of(1).upper().replace("\n", " \n"), date="2023-12-05"),
        row("alone", lines_of(2)),
        row("address", lines_of(3), "http://www.host.example/page?b=1&a=2&utm_source=x"),
    ],
    OTHER: [
        row("longest", LONGER, date="no date"),
        row("same address", lines_of(4), "https://host.example/page/?a=2&b=1#end", "2024-05-01"),
        row("alone", lines_of(5)),
        row("again", lines_of(1), date="2023-12-01T01:00:00+02:00"),
    ],
}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("repeats") / "crawl", FILES)


def removed(ran: Ran, kind: str) -> set[str]:
    rows = ran.ledger.items()
    return {f"{path[:12]}{one['id']}" for (path, _), one in rows if one["rule"] == kind}


def test_each_kind_removes_what_is_the_same_to_it_and_has_its_row(crawl, tmp_path):
    ran = do_run(
        "{url: {per: all}, exact: {per: all}, minhash: {per: all}}", crawl, tmp_path / "run"
    )
    fates = {path[8:15] + one["id"]: one["rule"] for (path, _), one in ran.ledger.items()}
    assert {name[7:]: rule for name, rule in fates.items() if rule} == {
        "alone": "same_record",  # of the other dump: an id is one record wherever it is
        "same address": "url",
        "spaced": "exact",
        "again": "exact",
        "near": "minhash",
        "longest": "minhash",
    }
    assert list(ran.removed().items()) == [
        ("same_record", 1), ("url", 1), ("exact", 2), ("minhash", 2),
    ]  # fmt: skip
    by_id = {one["id"]: one for one in ran.ledger.values()}
    assert by_id["first"]["cluster_size"] == by_id["near"]["cluster_size"] == 3
    assert by_id["spaced"]["cluster_size"] == 3  # of the kind that removed it
    sizes = {name: one["minhash_cluster_size"] for name, one in ran.dataset.items()}
    assert sizes == {"first": 3, "alone": 1, "address": 1}
    made = ran.manifest["dedup"]
    assert made["exact"].items() >= {"clusters": 1, "documents": 3, "largest": 3}.items()
    assert made["minhash"]["histogram"] == {"2": 1}


def test_another_order_gives_each_kind_other_pages(crawl, tmp_path):
    ran = do_run("{minhash: {per: all}, exact: {per: all}}", crawl, tmp_path / "run")
    assert ran.removed() == {"same_record": 1, "minhash": 4, "exact": 0}
    assert ran.dataset["first"]["minhash_cluster_size"] == 5


def test_pages_of_another_dump_are_left_alone_by_default(crawl, tmp_path):
    ran = do_run("{url: {}, exact: {}, minhash: {}}", crawl, tmp_path / "run")
    assert ran.removed() == {"same_record": 1, "url": 0, "exact": 1, "minhash": 2}
    assert removed(ran, "exact") == {"CC-MAIN-2023spaced"}
    assert removed(ran, "minhash") == {"CC-MAIN-2023near", "CC-MAIN-2024again"}


@pytest.mark.parametrize(
    ("keep", "survivor"),
    [
        ("first", "first"),
        ("longest", "longest"),
        ("newest", "near"),  # what has no date is the oldest
        ("{highest: chars}", "longest"),
        ("{highest: text.words}", "longest"),
        ("{highest: bullet_lines}", "first"),  # all have none
    ],
)
def test_who_survives(keep, survivor, crawl, tmp_path):
    rules = "- drop: {never: bullet_lines / chars > 1, no: words < 0}\n- dedup:"
    ran = do_run(f"{{minhash: {{per: all, keep: {keep}}}}}", crawl, tmp_path / "run", rules=rules)
    cluster = {"first", "near", "spaced", "longest", "again"}
    assert ran.kept() & cluster == {survivor}
    assert ran.dataset[survivor]["minhash_cluster_size"] == 5
    members = [one for one in ran.ledger.values() if one["id"] in cluster]
    assert {(one["cluster_id"], one["cluster_size"]) for one in members} == {(0, 5)}


members = st.tuples(st.integers(0, 4), st.integers(0, 40), st.sampled_from([-np.inf, -1, 0, 2.5]))


@given(st.lists(members, unique_by=lambda member: member[1]))
def test_the_best_of_each_cluster_or_the_first_of_equal_ones(rows):
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    found = choose(columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2])
    clusters = {cluster for cluster, _, _ in rows}
    best = [
        min((-value, doc) for of, doc, value in rows if of == cluster)[1] for cluster in clusters
    ]
    assert found.tolist() == sorted(best)


def test_the_newest_of_an_address_stays(crawl, tmp_path):
    ran = do_run("{url: {per: all, keep: newest}}", crawl, tmp_path / "run")
    assert removed(ran, "url") == {"CC-MAIN-2023address"}
    (stays,) = [one for one in ran.ledger.values() if one["id"] == "same address"]
    assert (stays["cluster_size"], ran.dataset["same address"]["minhash_cluster_size"]) == (2, 1)


def test_ways_of_clustering_and_groups_give_the_same(crawl, tmp_path, monkeypatch):
    kinds = "{{exact: {{per: all, keep: longest, clustering: {0}}}, minhash: {{keep: newest}}}}"
    plain = do_run(kinds.format("auto"), crawl, tmp_path / "auto")
    rounds = do_run(kinds.format("rounds"), crawl, tmp_path / "rounds")
    assert differing(published(plain.root), published(rounds.root)) == []
    monkeypatch.setattr("pipelines.stages.deduplicating._GROUP", 1)
    monkeypatch.setattr("pipelines.stages.surviving._PARTITION_MEMBERS", 1)
    parts = do_run(kinds.format("memory"), crawl, tmp_path / "parts")
    assert differing(published(plain.root), published(parts.root)) == []


def test_a_cluster_that_is_too_large_stops_the_run_in_words(crawl, tmp_path):
    with pytest.raises(WorkError) as caught:
        do_run("{exact: {}, minhash: {per: all, max_cluster: 2}}", crawl, tmp_path / "run")
    message = str(caught.value)
    assert message.count("\n") == 2
    assert "minhash found a cluster of 4 pages, more than max_cluster: 2." in message
    assert "Of 4 looked at, 4 share one key of band " in message
    assert "http://host.example/near, " in message
    assert "--set minhash.max_cluster=N" in message
    goes_on = do_run("{exact: {}, minhash: {per: all, max_cluster: 4}}", crawl, tmp_path / "run")
    fresh = do_run("{exact: {}, minhash: {per: all}}", crawl, tmp_path / "fresh")
    assert differing(published(goes_on.root), published(fresh.root)) == []


def test_pages_without_an_address_or_a_shingle_repeat_nothing(tmp_path):
    rows = [{"id": f"{n}", "text": text} for n, text in enumerate(["Ten words.", "Two words."] * 2)]
    crawl = write_files(tmp_path / "crawl", {"a": rows, "b": [{"text": "none"}]})
    ran = do_run("{url: {}, minhash: {}}", crawl, tmp_path / "run")
    assert ran.kept() == {"0", "1", "2", "3"}
    assert [one["rule"] for (path, _), one in ran.ledger.items() if path == "b.jsonl"] == ["short"]
    exact = do_run("{exact: {keep: longest}}", crawl, tmp_path / "exact")
    assert exact.kept() == {"0", "1"}


def test_a_million_identical_pages_take_a_row_of_a_run(tmp_path):
    """Not quite so many here: whatever their number, a group passes on one row of a key."""
    rows = [row(f"{number}", lines_of(1), "http://host.example/") for number in range(300)]
    crawl = write_files(tmp_path / "crawl", {"a": rows})
    ran = do_run("{url: {}, exact: {}, minhash: {}}", crawl, tmp_path / "run")
    assert ran.removed() == {"url": 299, "exact": 0, "minhash": 0}
    assert ran.manifest["dedup"]["url"]["histogram"] == {"256": 1}


CHANGES = {
    # name: (recipe after, stages whose commits must stay)
    "survivors": (
        "{exact: {keep: longest}, minhash: {}}",
        {"curate", "runs_exact", "labels_exact", "labels_same_record"},
    ),
    "survivors of the last": (
        "{exact: {}, minhash: {keep: newest}}",
        {"curate", "labels_exact", "runs_minhash", "labels_minhash"},
    ),
    "scope": ("{exact: {}, minhash: {per: all}}", {"curate", "labels_exact"}),
    "one kind more": (
        "{url: {}, exact: {}, minhash: {}}", {"curate", "labels_same_record"},
    ),
    "lines last": (
        "{exact: {}, minhash: {}, lines: {}}",
        {"curate", "labels_exact", "runs_minhash", "labels_minhash"},
    ),
    "limit": (
        "{exact: {}, minhash: {max_cluster: 100}}",
        {"curate", "labels_exact", "labels_minhash", "tokenizer", "settle", "dataset"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def before(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run before the recipe changes."""
    return do_run("{exact: {}, minhash: {}}", crawl, tmp_path_factory.mktemp("a") / "run").root


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_redoes_what_it_affects_and_ends_like_a_fresh_run(change, before, crawl, tmp_path):
    after, staying = CHANGES[change]
    shutil.copytree(before, tmp_path / "changed")
    changed = do_run(after, crawl, tmp_path / "changed")
    fresh = do_run(after, crawl, tmp_path / "fresh")
    assert differing(published(changed.root), published(fresh.root)) == []
    again = {
        line.partition(":")[0]
        for line in changed.told
        if " units, " in line and " units, 0 done" in line
    }
    assert staying & again == set()
