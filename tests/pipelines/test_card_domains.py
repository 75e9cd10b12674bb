"""What each domain has: the same sums whatever fits in memory, and only so much of it."""

import random
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.card import count
from pipelines.card.count import count_run
from pipelines.card.domains import DOMAINS, Held, domain_of, domain_of_url, ranked
from pipelines.layout import Placed
from pipelines.ledger import DATASET
from pipelines.storage import Attempt


def pages(number: int, domains: int, seed: int = 1) -> Iterator[Held]:
    chance = random.Random(seed)
    for _ in range(number):
        name = f"d{int(domains * chance.random() ** 2)}.example"
        yield Held(name, 1, chance.randrange(5), chance.randrange(3))


@pytest.mark.parametrize("most", [1, 2, 7, 100, 10_000])
def test_the_sums_do_not_depend_on_what_fits_in_memory(tmp_path, most):
    sums = defaultdict(Counter)
    for held in pages(800, 60):
        sums[held.domain].update(pages=1, bytes=held.bytes, tokens=held.tokens)
    order = sorted(sums, key=lambda name: (-sums[name]["bytes"], name))
    expected = [
        {"rank": rank, "domain": name, **{key: sums[name][key] for key in DOMAINS.names[2:]}}
        for rank, name in enumerate(order, start=1)
    ]
    assert len(expected) > 50
    assert list(ranked(pages(800, 60), tmp_path, most)) == expected
    assert any(tmp_path.rglob("*.arrow")) == (most <= len(expected))


def test_no_pages_have_no_domains(tmp_path):
    assert list(ranked([], tmp_path)) == []


def test_memory_does_not_grow_with_the_number_of_domains(tmp_path):
    def most_used(number: int) -> int:
        each = (Held(f"host-{n * 7919 % number}.example", 1, n % 97, 1) for n in range(number))
        tracemalloc.start()
        assert sum(1 for _ in ranked(each, tmp_path / str(number), 250)) == number
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most_used(500)  # what is imported once
    assert most_used(6_000) < 4 * most_used(1_000)


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("http://www.a.example.co.uk:80/x", "example.co.uk"),
        ("https://Example.COM", "example.com"),
        ("http://192.0.2.1/x", "192.0.2.1"),
        ("http://localhost:8000/", "localhost"),
        ("http://[2001:db8::1]/x", "2001:db8::1"),
        ("http://[broken/x", ""),
        ("no address", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_page_belongs_to_the_registered_domain_of_its_address(url, domain):
    assert domain_of_url(url) == domain
    if domain:
        assert domain_of(domain) == domain


def write_ledger(path: Path, rows: list[tuple[str, str | None, str | None, str | None]]) -> None:
    columns = list(zip(*rows, strict=True))
    names = ["status", "stage", "rule", "host"]
    table = pa.table(dict(zip(names, map(list, columns), strict=True)))
    table = table.append_column("truncated", pa.array([None, "length"] * (len(rows) // 2)))
    pq.write_table(table, path, row_group_size=7)


def test_rules_that_took_most_of_their_pages_from_one_domain_are_found(tmp_path, monkeypatch):
    chance = random.Random(5)
    rows = [("dropped", "quality", "half", f"www.{'a' if n % 2 else 'b'}.com") for n in range(40)]
    rows += [("dropped", "quality", "most", f"h{n}.a.com") for n in range(21)]
    rows += [("dropped", "quality", "most", f"b{n}.com") for n in range(20)]
    rows += [("dropped", "dedup", "most", "b.com")] * 9  # too few to say anything
    rows += [("dropped", "url", "none", None)] * 30
    rows += [("kept", None, None, "c.com")] * 20
    chance.shuffle(rows)
    write_ledger(tmp_path / "one.parquet", rows[:70])
    write_ledger(tmp_path / "two.parquet", rows[70:])
    monkeypatch.setattr(count, "LEAST_PAGES", 10)
    ledgers = [(tmp_path / "one.parquet", 1), (tmp_path / "two.parquet", 2)]
    told = []
    found = count_run(Attempt(tmp_path, "card", "all"), [], ledgers, told.append)
    (rule,) = found.one_domain
    assert (rule.stage, rule.rule, rule.domain) == ("quality", "most", "a.com")
    assert (rule.pages, rule.of) == (21, 41)
    assert told == [1, 2]
    kept = [row for row in rows if row[0] == "kept"]
    assert 0 < found.truncated["length"] < len(kept)


def test_shards_are_counted_by_dump_and_language(tmp_path):
    folder = tmp_path / "d1"
    folder.mkdir()
    row = dict.fromkeys(DATASET.names)
    rows = [
        {**row, "text": "äö", "dump": "d1", "language": "en", "url": "http://a.com/1",
         "language_score": 0.9, "token_count": 3},
        {**row, "text": "a", "dump": "d1", "language": "de", "url": None,
         "language_score": 0.5, "token_count": 1},
        {**row, "text": "abc", "dump": "d1", "language": "de", "url": "http://x.a.com/2",
         "language_score": None, "token_count": 2},
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=DATASET), folder / "000_00000.parquet")
    attempt = Attempt(tmp_path, "card", "all")
    found = count_run(
        attempt, [(Placed("d1"), folder / "000_00000.parquet", 1)], [], lambda _: None
    )
    amounts = {key: (a.rows, a.tokens, a.bytes) for key, a in found.amounts.items()}
    assert amounts == {("d1", "en"): (1, 3, 4), ("d1", "de"): (2, 3, 4)}
    german = found.scores["de"]
    assert (german.rows, german.total, german.lowest, german.low) == (1, 0.5, 0.5, 1)
    assert found.scores["en"].low == 0
    table = pq.read_table(attempt.path("dataset/domains.parquet"))
    assert table.schema.equals(DOMAINS)
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (1, "a.com", 2, 7, 5), (2, "", 1, 1, 1),
    ]  # fmt: skip
