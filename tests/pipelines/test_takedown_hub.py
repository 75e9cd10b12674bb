"""`cuvee takedown` of a dataset on the Hub: little is read and sent, and what is said is true."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.takedown.chunks import _LEAST, _MOST, _cuts, new_bytes
from tests.hub.faults import Rule, by_rules
from tests.hub.people import TOKEN, environment, run_commands
from tests.hub.repository import Blob
from tests.hub.runs import FIRST, SECOND, THIRD, rows_of
from tests.hub.server import Hub, serve
from tests.pipelines.small_run import edited

HOST = "host1.example"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve(rights={TOKEN: "write"}) as hub:
        yield hub


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    (tmp_path / "domains.txt").write_text(f"{HOST}\n")
    return tmp_path / "domains.txt"


def urls_of(data: bytes) -> str:
    return " ".join(pq.read_table(pa.BufferReader(data))["url"].to_pylist())


def rows_there(files: dict[str, Blob], folder: str) -> list[dict]:
    tables = [pq.read_table(pa.BufferReader(files[path].data)) for path in sorted(files)
              if path.startswith(f"{folder}/")]  # fmt: skip
    return [row for table in tables for row in table.to_pylist()]


def head_of(files: dict[str, Blob]) -> dict:
    return yaml.safe_load(files["README.md"].data.decode().split("---\n")[1])


def check_true(files: dict[str, Blob], rows: list[dict]) -> None:
    """Card, Croissant, annex, domains and sizes say what is there."""
    listing = json.loads(files["manifest.json"].data)
    tokens = sum(row["token_count"] for row in rows)
    said = (len(rows), tokens)
    assert (listing["rows"], listing["tokens"]) == said
    infos = {info["config_name"]: info for info in head_of(files)["dataset_info"]}
    for dump in ["default", *listing["dumps"]]:
        tables = {path: blob for path, blob in files.items() if path.startswith("data/")
                  and dump in ("default", path.split("/")[1])}  # fmt: skip
        footers = [pq.ParquetFile(pa.BufferReader(blob.data)).metadata for blob in tables.values()]
        unpacked = sum(
            f.row_group(n).total_byte_size for f in footers for n in range(f.num_row_groups)
        )
        (split,) = infos[dump]["splits"]
        assert split["num_examples"] == sum(footer.num_rows for footer in footers)
        assert split["num_bytes"] == infos[dump]["dataset_size"] == unpacked
        assert infos[dump]["download_size"] == sum(blob.size for blob in tables.values())
    card = files["README.md"].data.decode()
    assert f"{said[0]:,} documents, {said[1]:,} tokens" in card
    assert f"{said[0]:,} documents, {said[1]:,} tokens" in files["croissant.json"].data.decode()
    assert json.loads(files["annex.json"].data)["1.3 training data"]["tokens"] == tokens
    table = pq.read_table(pa.BufferReader(files["domains.parquet"].data)).to_pylist()
    found: dict[str, list[int]] = {}
    for row in rows:
        held = found.setdefault(row["url"].split("/")[2], [0, 0, 0])
        for at, count in enumerate((1, len(row["text"].encode()), row["token_count"])):
            held[at] += count
    assert {r["domain"]: [r["pages"], r["bytes"], r["tokens"]] for r in table} == found
    funnel = pq.read_table(pa.BufferReader(files["funnel.parquet"].data)).to_pylist()
    kept = [row for row in funnel if row["status"] == "kept"]
    assert [(row["pages"], row["tokens"]) for row in kept] == [said]


def test_only_what_holds_the_pages_is_sent_and_all_that_is_said_is_true(
    hub: Hub, two_dumps: Path, domains: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    root = Path(shutil.copytree(two_dumps, tmp_path / "run"))
    publish = ["publish", root, "org/name", "--tokens", "--sample", "4KT", "--tag", "v1"]
    takedown = ["takedown", "org/name", "--domains", domains]
    (published, dry) = run_commands([publish, [*takedown, "--dry-run", "--json"]], env)
    assert [published[0], dry[0]] == [0, 0], (published, dry)
    repository = hub.repositories["org/name"]
    before = repository.files()
    rows = rows_of(root)
    meant = [row for row in rows if HOST in row["url"]]
    facts = json.loads(dry[1])
    assert {page["id"] for page in facts["pages"]} == {row["id"] for row in meant}
    assert len(repository.history("main")) == 2
    puts = len(hub.puts())
    (unasked, done, again, verified) = run_commands(
        [takedown, [*takedown, "--yes"], [*takedown, "--yes", "--json"], ["verify", "org/name"]],
        env,
    )
    assert (unasked[0], "nobody can be asked here" in unasked[1]) == (2, True)
    assert [done[0], again[0], verified[0]] == [0, 0, 0], (done, again, verified)
    assert len(repository.history("main")) == 3
    files = repository.files()
    assert rows_there(files, "data") == [row for row in rows if HOST not in row["url"]]
    ids = {row["id"] for row in meant}
    for folder in ("tokens", "sample"):
        left = [row for row in rows_there(before, folder) if row["id"] not in ids]
        assert left == rows_there(files, folder)
        assert len(left) < len(rows_there(before, folder))
    holding = {path for path in before if path.startswith("data/")
               and HOST in urls_of(before[path].data)}  # fmt: skip
    changed = {
        path for path in before if path not in files or files[path].data != before[path].data
    }
    assert {path for path in changed if path.startswith("data/")} == holding
    assert {hit["path"] for hit in facts["files"] if hit["path"].startswith("data/")} == holding
    sent = {request.target.rsplit("/", 1)[1] for request in hub.puts()[puts:]}
    assert sent == {blob.sha256 for path, blob in files.items()
                    if blob.lfs and path in changed}  # fmt: skip
    check_true(files, rows_there(files, "data"))
    card = files["README.md"].data.decode()
    tokens = sum(row["token_count"] for row in meant)
    assert f"removed {len(meant)} documents ({tokens:,} tokens) on request" in card
    everything = b"".join(files[path].data for path in files if not path.endswith(".parquet"))
    assert HOST.encode() not in everything
    assert "The Hub's history still holds the old files" in done[1]
    assert "until they are deleted: v1" in done[1]
    assert json.loads(again[1])["commits"] == []


def test_one_commit_of_the_history_on_request(
    hub: Hub, two_dumps: Path, domains: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    takedown = ["takedown", "org/name", "--domains", domains, "--yes", "--squash"]
    told = run_commands([["publish", two_dumps, "org/name"], takedown], env)
    assert [code for code, _ in told] == [0, 0], told
    repository = hub.repositories["org/name"]
    assert len(repository.commits) == 1
    assert "Its history is one commit now." in told[1][1]
    assert HOST not in str(rows_there(repository.files(), "data"))


def test_what_a_run_takes_down_and_what_the_hub_does_are_the_same_bytes(
    hub: Hub, two_dumps: Path, domains: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    root = Path(shutil.copytree(two_dumps, tmp_path / "run"))
    told = run_commands(
        [
            ["publish", root, "org/name"],
            ["takedown", "org/name", "--domains", domains, "--yes"],
            ["takedown", root, "--domains", domains, "--yes"],
            ["publish", root, "org/name", "--dry-run", "--json"],
        ],
        env,
    )
    assert [code for code, _ in told] == [0, 0, 0, 0], told
    (step,) = json.loads(told[3][1])["commits"]
    assert [item["path"] for item in step["add"] if item["path"].startswith("data/")] == []


def test_a_dump_can_be_gone_and_a_whole_dataset_cannot(hub: Hub, two_dumps: Path, tmp_path: Path):
    env = environment(hub, tmp_path)
    (tmp_path / "ids.txt").write_text("\n".join(row["id"] for row in rows_of(two_dumps, FIRST)))
    (tmp_path / "all.txt").write_text("example\n")
    told = run_commands(
        [
            ["publish", two_dumps, "org/name"],
            ["takedown", "org/name", "--domains", tmp_path / "all.txt", "--yes"],
            ["takedown", "org/name", "--ids", tmp_path / "ids.txt", "--yes"],
            ["verify", "org/name"],
            ["takedown", "org/name", "--urls", tmp_path / "ids.txt", "--yes"],
            ["takedown", "org/nothing", "--ids", tmp_path / "ids.txt", "--yes"],
        ],
        env,
    )
    assert [code for code, _ in told] == [0, 2, 0, 0, 2, 2], told
    assert "every document of the dataset" in told[1][1]
    assert "is no address" in told[4][1]
    assert "is no dataset on the Hub" in told[5][1]
    files = hub.repositories["org/name"].files()
    assert {path.split("/")[1] for path in files if path.startswith("data/")} == {SECOND}
    check_true(files, rows_of(two_dumps, SECOND))


def test_a_fault_in_between_leaves_the_old_or_the_new(
    two_dumps: Path, domains: Path, tmp_path: Path
):
    rules = [
        Rule("500 after", "POST org/name/commit/", skip=1),
        Rule("503", "POST org/name/commit/", times=8, skip=2),
        Rule("cut", "GET org/name/resolve/ .parquet", skip=3),
    ]
    with serve(plan=by_rules(*rules), rights={TOKEN: "write"}) as hub:
        env = environment(hub, tmp_path)
        (tmp_path / "more.txt").write_text("host2.example\n")
        more = ["takedown", "org/name", "--domains", tmp_path / "more.txt", "--yes"]
        told = run_commands(
            [
                ["publish", two_dumps, "org/name"],
                ["takedown", "org/name", "--domains", domains, "--yes"],
                more,
                ["verify", "org/name"],
                more,
                ["verify", "org/name"],
            ],
            env,
        )
        assert [code for code, _ in told] == [0, 0, 1, 0, 0, 0], told
        titles = [commit.title for _, commit in hub.repositories["org/name"].history("main")]
        assert titles == ["Remove pages on request"] * 2 + ["Publish small", "initial commit"]
        assert all(rule.met > rule.skip for rule in rules)


def test_after_adding_a_dump_all_that_is_said_is_of_all_dumps(
    hub: Hub, two_dumps: Path, third_dump: Path, domains: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    add = ["publish", third_dump, "org/name"]
    told = run_commands([["publish", two_dumps, "org/name"], add, add], env)
    assert [code for code, _ in told] == [0, 0, 0], told
    assert "The Hub has all of it already." in told[2][1]
    files = hub.repositories["org/name"].files()
    assert {info["config_name"] for info in head_of(files)["dataset_info"]} == {
        "default", FIRST, SECOND, THIRD,
    }  # fmt: skip
    check_true(files, rows_there(files, "data"))
    card = files["README.md"].data.decode()
    assert f"`{FIRST}`" in card
    assert "Recipe digests and recipes by dump" in card
    assert run_commands([["takedown", "org/name", "--domains", domains, "--yes"]], env)[0][0] == 0
    files = hub.repositories["org/name"].files()
    check_true(files, rows_there(files, "data"))
    assert HOST not in str(rows_there(files, "data"))
    assert run_commands([["verify", "org/name"]], env)[0][0] == 0


def test_a_manifest_that_says_too_little_is_not_guessed_at(
    hub: Hub, two_dumps: Path, domains: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    assert run_commands([["publish", two_dumps, "org/name"]], env)[0][0] == 0
    repository = hub.repositories["org/name"]
    manifest = repository.files()["manifest.json"].data.decode()
    less = Blob(edited(manifest, '"person"', '"nobody"').encode(), lfs=False)
    repository.add("main", "as of old", {"manifest.json": less}, None)
    ((code, said),) = run_commands([["takedown", "org/name", "--domains", domains, "--yes"]], env)
    assert (code, "does not say enough of itself" in said) == (2, True), said
    assert "--replace-dump" in said


def test_chunks_are_cut_by_content(tmp_path: Path):
    import random

    data = random.Random(5).randbytes(6_000_000)
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(data)
    sizes = _cuts(old)
    assert sum(sizes) == len(data)
    assert all(_LEAST <= size <= _MOST for size in sizes[:-1])
    assert 40_000 < len(data) / len(sizes) < 90_000
    assert new_bytes([old], [old]) == 0
    assert new_bytes([old, old], []) == len(data)
    new.write_bytes(data[:2_000_000] + b"something else" + data[2_100_000:])
    assert 0 < new_bytes([new], [old]) <= 3 * _MOST
    new.write_bytes(b"")
    assert new_bytes([new], [old]) == 0
