"""Every number of a card, counted again from the tables of the run and the crawl itself."""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest
from tldextract import TLDExtract
from warcio.archiveiterator import ArchiveIterator

from pipelines.card import make_card
from pipelines.manifest import load_manifest

pytestmark = pytest.mark.slow

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)*%?")


@pytest.fixture(scope="module")
def root(demo_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's run with the card of `cuvee card`."""
    folder = tmp_path_factory.mktemp("numbers") / "run"
    shutil.copytree(demo_run, folder)
    make_card(folder)
    return folder


@pytest.fixture(scope="module")
def body(root: Path) -> str:
    return (root / "dataset/README.md").read_text().split("---\n", 2)[2]


def rows(root: Path, what: str) -> list[tuple[Any, ...]]:
    ledger = f"read_parquet('{root}/ledger/*.parquet', union_by_name => true)"
    shards = f"read_parquet('{root}/dataset/data/*/*.parquet')"
    return duckdb.sql(what.replace("LEDGER", ledger).replace("SHARDS", shards)).fetchall()


def tables(text: str) -> Iterator[list[list[str]]]:
    """Yield the cells of each table, without its head, with code as plain text."""
    for block in re.findall(r"(?:^\|.*\n)+", f"{text}\n", re.MULTILINE):
        lines = block.splitlines()[2:]
        yield [[cell.strip(" `*") for cell in line.strip("|").split(" | ")] for line in lines]


def part(body: str, name: str) -> str:
    begin, end = f"<!-- cuvee:begin {name} -->\n", f"<!-- cuvee:end {name} "
    return body[body.index(begin) + len(begin) : body.index(end)]


def percent(some: float, whole: float) -> str:
    value = 100 * some / whole
    return f"{value:.1f}%" if value >= 0.1 or not value else f"{value:.2g}%"


def funnel_of(root: Path) -> list[tuple[Any, ...]]:
    return rows(
        root,
        "SELECT coalesce(stage, 'kept'), coalesce(rule, ''), count(*), sum(token_count) "
        "FROM LEDGER GROUP BY ALL",
    )


def composition_of(root: Path) -> list[tuple[Any, ...]]:
    return rows(
        root,
        "SELECT dump, language, count(*), sum(token_count), sum(octet_length(encode(text))) "
        "FROM SHARDS GROUP BY ALL ORDER BY 1, 3 DESC, 2",
    )


def domains_of(root: Path) -> list[tuple[str, int, int, int]]:
    """Return pages, bytes and tokens of each domain, most bytes first, by tldextract itself."""
    extract = TLDExtract(suffix_list_urls=(), cache_dir=None)
    sums: dict[str, Counter[str]] = {}
    query = "SELECT url, octet_length(encode(text)), token_count FROM SHARDS"
    for url, size, tokens in rows(root, query):
        host = urlsplit(url).hostname or ""
        name = extract(host).top_domain_under_public_suffix or host
        sums.setdefault(name, Counter()).update(pages=1, bytes=size, tokens=tokens)
    order = sorted(sums, key=lambda name: (-sums[name]["bytes"], name))
    return [(n, sums[n]["pages"], sums[n]["bytes"], sums[n]["tokens"]) for n in order]


def test_the_composition_is_that_of_the_shards(root, body):
    (shown,) = tables(part(body, "composition"))
    counted = composition_of(root)
    whole = ["all", "", *(f"{sum(row[i] for row in counted):,}" for i in (2, 3, 4))]
    assert shown == [[*row[:2], *(f"{n:,}" for n in row[2:])] for row in counted] + [whole]


def test_the_funnel_is_that_of_the_ledger(root, body):
    (shown,) = tables(part(body, "funnel"))
    pages = rows(root, "SELECT count(*) FROM LEDGER")[0][0]
    counted = {
        (stage, rule): [f"{n:,}", percent(n, pages), f"{tokens or 0:,}"]
        for stage, rule, n, tokens in funnel_of(root)
    }
    assert {(row[0], row[1]): row[2:5] for row in shown} == counted
    idle = set(re.findall(r"`(\w+)`", part(body, "funnel").rpartition("Removed nothing: ")[2]))
    assert len(idle) > 5
    assert not idle & {rule for stage, rule in counted if stage in ("url", "language")}


def test_the_repeats_are_the_clusters_of_the_ledger(root, body):
    (shown,) = tables(part(body, "repeats"))
    sizes = Counter(row[0] for row in rows(root, "SELECT cluster_id FROM LEDGER") if row[0])
    sizes = Counter({doc: size for doc, size in sizes.items() if size > 1})
    removed = rows(root, "SELECT count(*) FROM LEDGER WHERE rule = 'minhash'")[0][0]
    groups = Counter(1 << (size.bit_length() - 1) for size in sizes.values())
    told = ", ".join(f"{low}–{2 * low - 1}: {groups[low]}" for low in sorted(groups))
    numbers = [removed, len(sizes), sizes.total(), max(sizes.values())]
    assert shown == [["minhash", *map(str, numbers), told]]


def test_redactions_are_those_of_the_ledger(root, body):
    emails, ips = rows(root, 'SELECT sum("pii.emails"), sum("pii.ips") FROM LEDGER')[0]
    assert f"(`pii.emails`): {emails:,} replaced" in part(body, "personal-data")
    assert f"(`pii.ips`): {ips:,} replaced" in part(body, "personal-data")
    assert emails > 0


def test_domains_and_scores_are_those_of_the_shards(root, body):
    scores, domains = tables(part(body, "limits"))
    counted = rows(
        root,
        "SELECT language, count(*), avg(language_score), min(language_score), "
        "count(*) FILTER (language_score < 0.8) FROM SHARDS GROUP BY 1 ORDER BY 2 DESC",
    )
    assert scores == [
        [label, f"{n:,}", f"{mean:.3f}", f"{lowest:.3f}", percent(low, n)]
        for label, n, mean, lowest, low in counted
    ]
    every = domains_of(root)
    assert domains == [[row[0], *(f"{n:,}" for n in row[1:])] for row in every[:10]]
    table = rows(root, f"SELECT * FROM '{root}/dataset/domains.parquet' ORDER BY rank")  # noqa: S608  own path
    assert table == [(rank, *row) for rank, row in enumerate(every, start=1)]


def test_rules_that_hit_one_domain_are_named(root, body):
    extract = TLDExtract(suffix_list_urls=(), cache_dir=None)
    hit: dict[tuple[str, str], Counter[str]] = {}
    query = "SELECT stage, rule, host FROM LEDGER WHERE status = 'dropped'"
    for stage, rule, host in rows(root, query):
        name = extract(host).top_domain_under_public_suffix or host
        hit.setdefault((stage, rule), Counter())[name] += 1
    expected = []
    for (stage, rule), counts in sorted(hit.items()):
        ((name, pages),) = counts.most_common(1)
        of = counts.total()
        if of >= 10 and 2 * pages > of:
            expected.append(
                f"- `{rule}` ({stage}): {pages} of the {of} pages that it removed "
                f"({percent(pages, of)}) are of one domain, `{name}`."
            )
    told = [line for line in part(body, "limits").splitlines() if "are of one domain" in line]
    assert told == expected
    assert told


def known_numbers(root: Path, crawl: Path) -> set[str]:
    """Return every number that a card of this run may have, each counted here."""
    ledger = rows(root, "SELECT count(*), count(*) FILTER (status = 'failed') FROM LEDGER")[0]
    composition, funnel, domains = composition_of(root), funnel_of(root), domains_of(root)
    kept, tokens, size = (sum(row[i] for row in composition) for i in (2, 3, 4))
    files = sorted(crawl.glob("*.warc.gz"))
    kinds = Counter(kind for path in files for kind in records(path))
    responses = kinds.pop("response")
    others = load_manifest(root)["other_records"]
    not_pages = {kind: n for kind, n in others.items() if kind.startswith("response_not_")}
    assert sum(not_pages.values()) == responses - ledger[0]
    assert {kind: others[kind] for kind in kinds} == dict(kinds)
    tenth = -(-len(domains) // 10)
    recipe = json.loads(json.dumps(load_manifest(root)))["packages"]
    numbers: list[Any] = [
        *ledger, kept, tokens, size, len(files), sum(path.stat().st_size for path in files),
        *kinds.values(), *not_pages.values(), sum(others.values()), len(domains), tenth,
        len({row[0] for row in composition}), len({row[1] for row in composition}), 10, 8192,
    ]  # fmt: skip
    numbers += [n for row in composition for n in row[2:]]
    numbers += [n or 0 for row in funnel for n in row[2:]]
    numbers += [n for row in domains[:10] for n in row[1:]]
    found = {f"{n:,}" for n in numbers}
    bytes_of = [row[2] for row in domains]
    found |= {percent(n, ledger[0]) for n in [*(row[2] for row in funnel), ledger[1]]}
    found |= {percent(sum(bytes_of[:10]), size), percent(sum(bytes_of[:tenth]), size)}
    found |= {f"{size / 1000:.1f}", "0.8"}  # kB; the score that counts as unsure
    return found | {version(name) for name in recipe if name != "python"} | {recipe["python"]}


def records(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        yield from (record.rec_type for record in ArchiveIterator(stream))


def test_no_number_is_unaccounted_for(root, body, sample_crawl):
    """Numbers in prose and tables; those in code are the recipe's, of programs or digests."""
    plain = re.sub(r"```.*?```|<!--.*?-->|`[^`\n]*`", "", body, flags=re.DOTALL)
    for name in ("repeats", "personal-data"):  # compared above, cell by cell
        shown = re.sub(r"```.*?```|<!--.*?-->|`[^`\n]*`", "", part(body, name), flags=re.DOTALL)
        plain = plain.replace(shown, "")
    for line in part(body, "limits").splitlines():  # compared above, word by word
        if "are of one domain" in line or line.startswith("| `en`"):
            plain = plain.replace(re.sub(r"`[^`\n]*`", "", line), "")
    dates = load_manifest(root)["dates"]
    first, last = rows(root, "SELECT min(date), max(date) FROM SHARDS")[0]
    assert dates == [first, last]
    plain = re.sub(r"PROV-O|int64|sha256|SHA256SUMS|Croissant 1\.1", "", plain)
    numbers = [number.strip(",.") for number in NUMBER.findall(plain)]
    assert len(numbers) > 150
    assert set(numbers) - known_numbers(root, sample_crawl) == set()


def test_the_digest_of_the_sources_is_that_of_their_list(root, body, sample_crawl):
    names = [path.name for path in sorted(sample_crawl.glob("*.warc.gz"))]
    listed = hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()
    assert f"`{listed}`" in part(body, "sources")
    assert rows(root, "SELECT DISTINCT file_path FROM LEDGER ORDER BY 1") == [(n,) for n in names]


def test_the_plain_card_of_a_run_says_the_same(demo_run, root, body):
    plain = (demo_run / "dataset/README.md").read_text().split("---\n", 2)[2]
    for name in ("funnel", "repeats", "fields", "personal-data", "sources", "title", "loading"):
        assert part(plain, name) == part(body, name)
    dumps, languages = tables(part(plain, "composition"))
    kept = rows(root, "SELECT count(*) FROM SHARDS")[0][0]
    assert [row[1] for row in dumps] == [f"{kept:,}"]
    assert languages == [
        [label, f"{n:,}"]
        for label, n in rows(root, "SELECT language, count(*) FROM SHARDS GROUP BY 1 ORDER BY 2")
    ]
