"""`cuvee takedown` of a run: pages gone everywhere, the rest as it was, and no way back."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.manifest import load_manifest
from pipelines.publish.content import read_content
from pipelines.publish.samples import draw_samples
from pipelines.report.write import write_report
from pipelines.stages import publishing
from pipelines.storage import CommitLog
from pipelines.takedown.requests import Matcher, Requests, read_requests
from pipelines.takedown.run import look, take_down
from pipelines.verify import verify_run
from tests.command import cuvee
from tests.hub.runs import FIRST, SECOND, rows_of
from tests.pipelines.hosts import Host
from tests.pipelines.small_run import RECIPE, Finished, differing, do_run, edited, published

HOST = "host1.example"


@pytest.fixture
def two(two_dumps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run of two dumps, whose shards stay as small when it goes on."""
    monkeypatch.setattr(publishing, "SHARD_BYTES", 1000)
    return Path(shutil.copytree(two_dumps, tmp_path / "run", copy_function=shutil.copy2))


def asked(root: Path, **lists: list[str]) -> Requests:
    files: dict[str, Path | None] = {}
    for kind, lines in lists.items():
        files[kind] = root.parent / f"{kind}.txt"
        (root.parent / f"{kind}.txt").write_text("\n".join(["# asked for", "", *lines]))
    return read_requests(files)


def check_whole(root: Path) -> None:
    found = verify_run(root, 1000, lambda _done, _total: None)
    assert found.ok, found.differences
    assert found.notes == []


def strings(root: Path) -> Iterator[tuple[str, str]]:
    """Everything that is text in a run's folder, by file: cells of tables, and other files."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".parquet":
            table = pq.ParquetFile(path).read()
            for field in table.schema:
                if pa.types.is_string(field.type):
                    yield name, "\n".join(filter(None, table[field.name].to_pylist()))
        elif path.is_file():
            yield name, path.read_bytes().decode("utf-8", "replace")


def urls_of(data: bytes) -> str:
    return " ".join(pq.read_table(pa.BufferReader(data))["url"].to_pylist())


def check_gone(root: Path, rows: list[Mapping[str, Any]]) -> None:
    assert rows
    for row in rows:
        words = row["text"][:200]
        assert [name for name, text in strings(root) if words in text] == []


def rows_by_id(root: Path) -> dict[str, Mapping[str, Any]]:
    ledger = pq.read_table(root / "ledger", partitioning=None).to_pylist()
    assert len({(row["file_path"], row["record"]) for row in ledger}) == len(ledger)
    return {row["id"]: row for row in ledger}


def test_a_domain_goes_and_all_else_stays_byte_for_byte(two: Path):
    draw_samples(two, ["1KT"])
    (two / "report.html").write_text(rows_of(two)[0]["text"])
    before, rows, manifest = published(two), rows_of(two), load_manifest(two)
    ledger = rows_by_id(two)
    meant = [row for row in rows if HOST in row["url"]]
    hosts = asked(two, domains=[f"*.{HOST.upper()}"])
    planned = look(two, hosts)
    assert published(two) == before
    done = take_down(two, hosts)
    assert [page.row["id"] for page in done.found.published()] == [
        page.row["id"] for page in planned.found.published()
    ]
    check_whole(two)
    check_gone(two, meant)
    assert rows_of(two) == [row for row in rows if HOST not in row["url"]]
    holding = {hit.path for hit in planned.shards}
    assert holding == {
        name for name, data in before.items()
        if name.startswith("dataset/") and HOST in urls_of(data)
    }  # fmt: skip
    changed = differing(before, published(two))
    assert {name for name in changed if name.startswith("dataset/")} == holding
    assert {name for name in changed if name.startswith("tokens/")} == {
        f"tokens/{name.removeprefix('dataset/data/').replace('/', '-')}" for name in holding
    }
    now = rows_by_id(two)
    assert now.keys() == ledger.keys()
    for name, row in now.items():
        is_meant = HOST in row["url"]
        outcome = (row["status"], row["stage"], row["rule"])
        assert (outcome == ("dropped", "takedown", "takedown_domain")) == is_meant
        rest = {"status": ..., "stage": ..., "rule": ...}
        assert {**row, **rest} == {**ledger[name], **rest}
        assert is_meant or row == ledger[name]
    after = load_manifest(two)
    assert after["pages"] == manifest["pages"]
    assert after["rows"] == manifest["rows"] - len(meant)
    (entry,) = after["takedowns"]
    tokens = sum(row["token_count"] for row in meant)
    assert (entry["pages"], entry["tokens"]) == (len(meant), tokens)
    assert entry["sha256"] == hosts.digest
    assert HOST not in json.dumps(after)
    card = (two / "dataset/README.md").read_text()
    assert f"removed {len(meant)} documents ({tokens:,} tokens) on request" in card
    assert not (two / "report.html").exists()
    assert "example.com" not in card
    domains = pq.read_table(two / "dataset/domains.parquet")
    assert HOST not in domains["domain"].to_pylist()
    assert sum(domains["pages"].to_pylist()) == after["rows"]
    for line in (two / "dataset/SHA256SUMS").read_text().splitlines():
        assert (two / "dataset" / line.split("  ")[1]).is_file()
    write_report(two)
    check_gone(two, meant)
    samples = [item for item in read_content(two).items if item.folder == "sample"]
    assert samples
    draw_samples(two, [])  # finds that they hold
    assert [item for item in read_content(two).items if item.folder == "sample"] == samples


def test_what_it_leaves_is_what_a_run_from_the_beginning_leaves(two: Path, tmp_path: Path):
    take_down(two, asked(two, domains=[HOST]))
    url = rows_of(two)[0]["url"]
    take_down(two, asked(two, urls=[url.replace("http://", "https://www.") + "/?utm_source=x"]))
    assert url not in [row["url"] for row in rows_of(two)]
    check_whole(two)
    fresh = tmp_path / "fresh"
    (fresh / "commits").mkdir(parents=True)
    for name in ("commits/format.json", "takedowns.json"):  # a folder that remembers no more
        shutil.copy2(two / name, fresh / name)
    do_run(RECIPE, two_dumps_crawl(two), fresh)
    assert differing(published(two), published(fresh)) == []
    one, other = load_manifest(two), load_manifest(fresh)
    for key in ("funnel", "rows", "tokens", "text_bytes", "languages", "dates", "edits", "pages"):
        assert one[key] == other[key], key
    assert one["takedowns"] == other["takedowns"]


def two_dumps_crawl(root: Path) -> Path:
    """Where the crawl of the run of two dumps is."""
    (crawl,) = yaml.safe_load((root / "recipe.yaml").read_text())["input"]
    return Path(crawl)


def test_no_later_run_brings_a_page_or_its_copies_back(
    base: Finished, small_crawl: Path, tmp_path: Path
):
    root = base.copy(tmp_path / "run")
    ledger = rows_by_id(root)
    (first,) = [row for row in ledger.values() if row["url"].endswith("/0")]
    copies = [
        row for row in ledger.values()
        if row["cluster_id"] == first["cluster_id"] and row["id"] != first["id"]
    ]  # fmt: skip
    assert first["status"] == "kept"
    assert [row["stage"] for row in copies] == ["dedup", "dedup"]
    take_down(root, asked(root, ids=[first["id"]]))
    check_whole(root)

    def check(*, kept: int) -> None:
        now = rows_by_id(root)
        assert now[first["id"]]["stage"] == "takedown"
        assert {now[row["id"]]["stage"] for row in copies} <= {"dedup"}
        urls = [row["url"] for row in rows_of(root)]
        assert len(urls) == kept
        assert not {first["url"], *(row["url"] for row in copies)} & set(urls)
        stored = "".join(text for name, text in strings(root) if name.startswith("documents/"))
        assert first["id"] not in stored
        assert copies[0]["id"] in stored  # a page of its own, which nobody has asked about
        check_whole(root)

    kept = len(rows_of(root))
    again = do_run(RECIPE, small_crawl, root)
    assert not again.did_work
    check(kept=kept)
    looser = edited(RECIPE, "very_short: lexical_words < 80", "very_short: lexical_words < 60")
    assert do_run(looser, small_crawl, root).did_work
    check(kept=len(rows_of(root)))
    shutil.rmtree(root / "stages")
    assert do_run(RECIPE, small_crawl, root).did_work
    check(kept=kept)
    shutil.rmtree(root / "commits/settle")
    (root / "manifest.json").unlink()
    assert do_run(RECIPE, small_crawl, root).did_work
    check(kept=kept)


def test_all_pages_of_a_dump_can_go(two: Path):
    ids = [row["id"] for row in rows_of(two, FIRST)]
    done = take_down(two, asked(two, ids=ids))
    assert len(done.shards) == 4
    check_whole(two)
    assert not list((two / "dataset/data" / FIRST).glob("*.parquet"))
    assert len(rows_of(two)) == load_manifest(two)["rows"] > 0
    take_down(two, asked(two, domains=["example"]))
    check_whole(two)
    assert load_manifest(two)["rows"] == 0
    assert do_run(RECIPE, two_dumps_crawl(two), two).did_work is False


def test_the_same_again_and_what_no_page_is_meant_by(two: Path):
    hosts = asked(two, domains=[HOST])
    take_down(two, hosts)
    state = published(two), (two / "manifest.json").read_bytes()
    done = take_down(two, hosts)
    assert (done.found.fresh(), done.files) == ([], 0)
    assert (published(two), (two / "manifest.json").read_bytes()) == state
    take_down(two, asked(two, domains=["nobody.example"]))
    assert published(two) == state[0]
    assert [entry["pages"] for entry in load_manifest(two)["takedowns"]] != [0, 0]
    assert len(load_manifest(two)["takedowns"]) == 2
    check_whole(two)


def test_repeats_that_stay_are_told(base: Finished, tmp_path: Path):
    root = base.copy(tmp_path / "run")
    (copy,) = [row for row in rows_by_id(root).values() if row["url"].endswith("/100")]
    done = take_down(root, asked(root, urls=[copy["url"]]))
    assert done.found.published() == []
    assert (done.alike.pages, [url[-2:] for url in done.alike.urls]) == (1, ["/0"])
    assert len(rows_of(root)) == len(rows_of(base.root))
    documents = pq.read_table(root / "documents", partitioning=None)["url"].to_pylist()
    assert copy["url"] not in documents
    check_whole(root)


_KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.takedown import switch, run
from pipelines.takedown.requests import read_requests

left = int(sys.argv[3])

def counted(work):
    def call(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*given, **named)
    return call

run.switch = counted(run.switch)
for name in ("move_into_place", "remember", "write_whole", "write_manifest", "make_card_held"):
    setattr(switch, name, counted(getattr(switch, name)))
run.take_down(Path(sys.argv[1]), read_requests({"domains": Path(sys.argv[2])}))
print(left)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_is_old_or_becomes_new(two: Path, tmp_path: Path):
    hosts = asked(two, domains=[HOST])
    old = published(two)
    new = Path(shutil.copytree(two, tmp_path / "new", copy_function=shutil.copy2))
    take_down(new, hosts)
    wanted = published(new)
    crawl = two_dumps_crawl(two)
    seen = set()
    for moment in (1, 3, 8, 13):
        root = Path(shutil.copytree(two, tmp_path / f"{moment}", copy_function=shutil.copy2))
        words = [sys.executable, "-c", _KILLED, str(root), str(two.parent / "domains.txt")]
        ended = subprocess.run([*words, str(moment)], capture_output=True, text=True, check=False)
        assert ended.returncode == -9, ended.stdout + ended.stderr
        if (root / "commits/takedown.json").exists():
            seen.add("between")
        else:
            seen.add("old")
            assert published(root) == old
            check_whole(root)
        if moment % 2:
            take_down(root, hosts)
        else:  # a run ends what was begun; what was not begun it knows nothing of
            do_run(RECIPE, crawl, root)
            take_down(root, hosts)
        assert differing(published(root), wanted) == []
        assert load_manifest(root)["takedowns"] == load_manifest(new)["takedowns"]
        assert not list((root / "work").iterdir())
        check_whole(root)
    assert seen == {"old", "between"}


def test_the_command_asks_and_tells(two: Path, tmp_path: Path):
    (tmp_path / "d.txt").write_text(f"{HOST}\n")
    given = ["takedown", two, "--domains", tmp_path / "d.txt"]
    before = published(two)
    asked_for = cuvee(*given)
    assert asked_for.returncode == 2
    assert "nobody can be asked here" in asked_for.stderr
    assert published(two) == before
    assert "are for a dataset on the Hub" in cuvee(*given, "--squash").stderr
    dry = cuvee(*given, "--dry-run")
    assert "Nothing was changed." in dry.stdout
    assert published(two) == before
    facts = json.loads(cuvee(*given, "--yes", "--json").stdout)
    assert facts["documents"] == len([p for p in facts["pages"] if p["documents"]]) > 0
    assert {HOST} == {page["url"].split("/")[2] for page in facts["pages"]}
    assert facts["written"]["files"] > len(facts["shards"]) > 0
    check_whole(two)


@pytest.mark.parametrize(
    ("kind", "line", "told"),
    [
        ("domains", "co.uk", "is a public suffix"),
        ("domains", "com", "is a public suffix"),
        ("domains", "a b", "is no domain"),
        ("domains", "example.com/page", "is no domain"),
        ("urls", "example.com/page", "is no address"),
        ("ids", "# nothing", "no line names anything"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, kind: str, line: str, told: str
):
    path = tmp_path / "list.txt"
    path.write_text(f"\n{line}\n")
    with pytest.raises(UsageError, match=told) as error:
        read_requests({kind: path})
    assert str(error.value).startswith(f"{path}:2: " if told.startswith("is ") else f"{path}: ")


def test_nothing_asked_and_no_file():
    with pytest.raises(UsageError, match="nothing says which pages"):
        read_requests({"urls": None, "ids": None, "domains": None})
    with pytest.raises(UsageError, match="cannot be read"):
        read_requests({"ids": Path("/nowhere/list.txt")})


def test_which_pages_are_meant():
    table = pa.table(
        {
            "id": [f"<urn:uuid:{number}>" for number in range(1, 7)],
            "url": [
                "http://a.example/x", "https://www.a.example/x/?utm_source=y",
                "http://b.a.example/x", "http://ba.example/x", "http://xn--mnchen-3ya.example/",
                None,
            ],
            "host": [
                "a.example", "www.a.example", "b.a.example", "ba.example",
                "xn--mnchen-3ya.example", None,
            ],
        }
    )  # fmt: skip
    address = Requests(urls=frozenset({"a.example/x"}))
    assert Matcher([address]).rules(table) == {0: "takedown_url", 1: "takedown_url"}
    below = Requests(domains=frozenset({"a.example"}), ids=frozenset({"<urn:uuid:6>"}))
    assert Matcher([below]).rules(table) == {
        0: "takedown_domain", 1: "takedown_domain", 2: "takedown_domain", 5: "takedown_id",
    }  # fmt: skip
    assert Matcher([address, below]).rules(table)[0] == "takedown_url"
    assert Matcher([below, address]).rules(table)[0] == "takedown_domain"
    assert Matcher([]).rules(table) == {}


def test_a_domain_in_letters_is_the_one_in_ascii(tmp_path: Path):
    (tmp_path / "d.txt").write_text("München.example\n")
    assert read_requests({"domains": tmp_path / "d.txt"}).domains == {
        "münchen.example", "xn--mnchen-3ya.example",
    }  # fmt: skip


def test_a_shard_written_anew_without_losses_is_the_same(two: Path):
    from pipelines.storage import Attempt
    from pipelines.takedown.rewrite import among, write_without

    nobody = among("id", pa.array(["nobody"], pa.string()))
    attempt = Attempt(two, "test", "all")
    for stage in ("dataset", "tokens"):
        for commit in CommitLog(two).commits(stage).values():
            (item,) = commit.files
            assert write_without(attempt, two / item.path, item.path, nobody) == item.rows
    for sealed in attempt.seal():
        assert (attempt.folder / sealed.path).read_bytes() == (two / sealed.path).read_bytes()
    attempt.close()
    assert {name.partition("/")[0] for name in CommitLog(two).commits("dataset")} == {FIRST, SECOND}


@pytest.mark.long
def test_a_run_on_s3_loses_its_pages_too(two: Path, s3_host: Host):
    root = run_folder("s3://runs/two")
    for path in two.rglob("[!.]*"):  # not the lock of a folder
        if path.is_file():
            (root / path.relative_to(two).as_posix()).write_bytes(path.read_bytes())
    hosts = asked(two, domains=[HOST])
    take_down(root, hosts)
    check_whole(root)
    take_down(two, hosts)
    for name, data in published(two).items():
        assert (root / name).read_bytes() == data
    assert load_manifest(root)["takedowns"] == load_manifest(two)["takedowns"]
    assert s3_host.asked
