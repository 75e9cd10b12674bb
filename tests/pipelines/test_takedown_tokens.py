"""`cuvee takedown` of token ids: packed rows, and those of other tokenizers."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import UsageError
from pipelines.bucket.path import run_folder
from pipelines.events import Event, UnitDone
from pipelines.manifest import load_manifest, read_manifest
from pipelines.pipeline import RunOptions
from pipelines.recipe.parts import TokenOptions
from pipelines.stages import publishing
from pipelines.takedown.run import look, take_down
from pipelines.tokenizer import END_OF_TEXT, train_tokenizer
from pipelines.tokens.another import Tokenized, tokenize_run
from pipelines.verify import verify_run
from tests.command import cuvee
from tests.hub.runs import rows_of
from tests.pipelines.small_run import RECIPE, Finished, differing, do_run
from tests.pipelines.test_takedown import (
    HOST,
    asked,
    check_gone,
    check_whole,
    two_dumps_crawl,
)
from tests.pipelines.units import Listener

PACKED = f"{RECIPE}tokens: {{end: '{END_OF_TEXT}', packed: 64}}\n"
OTHERS = {
    "packed": TokenOptions(begin=END_OF_TEXT, end=END_OF_TEXT, packed=48, packing="in_order"),
    "plain": TokenOptions(),
}
"""What `cuvee tokenize` makes, by the name of its folder."""
GONE = (f"http://{HOST}/", "http://host2.example/1002", "http://host3.example/2007")
"""How addresses begin of what is taken down: of some shards all, of some a part."""


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "tokenizer.json"
    path.write_bytes(train_tokenizer(["the cat sat on the mat", "a river and a house"] * 9, 320))
    return path


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "SHARD_BYTES", 1000)


@pytest.fixture(scope="module")
def whole(two_dumps: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with packed rows, and token ids by another tokenizer twice."""
    root = copied(two_dumps, tmp_path_factory.mktemp("whole") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 1000)
        do_run(PACKED, two_dumps_crawl(root), root)
    make_others(root, tokenizer)
    return root


@pytest.fixture(scope="module")
def fresh(whole: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run from the beginning makes in a folder that remembers the same."""
    root = tmp_path_factory.mktemp("fresh") / "run"
    memory = copied(whole, root.parent / "memory")
    take_all_down(memory)
    (root / "commits").mkdir(parents=True)
    for name in ("commits/format.json", "takedowns.json"):
        shutil.copy2(memory / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 1000)
        do_run(PACKED, two_dumps_crawl(whole), root)
    make_others(root, tokenizer)
    return root


def copied(root: Path, to: Path) -> Path:
    return Path(shutil.copytree(root, to, copy_function=shutil.copy2))


def make(root: Path, tokenizer: Path, name: str, listener: Listener | None = None) -> Tokenized:
    inline = RunOptions(engine="inline")
    return tokenize_run(root, str(tokenizer), OTHERS[name], name, inline, listener or Listener())


def make_others(root: Path, tokenizer: Path) -> list[bool]:
    """Make all; whether there was anything to do."""
    return [make(root, tokenizer, name).did_work for name in OTHERS]


def take_all_down(root: Path) -> None:
    take_down(root, asked(root, domains=[HOST]))
    take_down(root, asked(root, urls=list(GONE[1:])))


def tables(root: Path) -> dict[str, bytes]:
    """Shards of the dataset and everything that is made of them."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in ("dataset/data", "tokens", "packed", "tokenized")
        for path in sorted((root / folder).rglob("*.parquet"))
    }


def said(folder: Path) -> dict[str, Any]:
    """What a manifest says of token ids."""
    manifest = load_manifest(folder)
    keys = ("token_shards", "packed", "files", "made_from")
    found = {key: manifest[key] for key in keys if key in manifest}
    found["files"] = [item for item in found["files"] if item["path"].endswith("parquet")]
    return found


def numbers(root: Path) -> dict[str, str]:
    """The ids of each table of them, one after another, as text."""
    found = {}
    for path in sorted(root.rglob("*.parquet")):
        if "input_ids" in pq.read_schema(path).names:
            ids = pq.read_table(path)["input_ids"].combine_chunks().flatten()
            found[path.relative_to(root).as_posix()] = " ".join(map(str, ids.to_pylist()))
    return found


def parts(whole: Path) -> list[str]:
    """Some ids in a row of each page that is taken down, by each tokenizer."""
    folders = [whole, *(whole / "tokenized" / name for name in OTHERS)]
    rows = [
        row
        for folder in folders
        for row in pa.concat_tables(map(pq.read_table, sorted((folder / "tokens").iterdir())))
        .filter(pa.compute.is_in(pa.compute.field("id"), pa.array(gone_ids(whole))))
        .to_pylist()
    ]
    assert len(rows) == len(gone_ids(whole)) * len(folders)
    return [" ".join(map(str, row["input_ids"][1:41])) for row in rows]


def gone_ids(whole: Path) -> list[str]:
    return [row["id"] for row in rows_of(whole) if row["url"].startswith(GONE)]


def check_ids_gone(root: Path, whole: Path) -> None:
    wanted = parts(whole)
    everywhere = "\n".join(numbers(whole).values())
    assert all(ids in everywhere for ids in wanted)
    left = numbers(root)
    assert [(name, ids) for name, text in left.items() for ids in wanted if ids in text] == []


def check_same(root: Path, fresh: Path) -> None:
    """All is what a run from the beginning makes, and `cuvee verify` finds nothing."""
    assert differing(tables(root), tables(fresh)) == []
    for name in ("", *(f"tokenized/{name}" for name in OTHERS)):
        assert said(root / name) == said(fresh / name), name
    check_whole(root)


def check_rows_are_whole(folder: Path, *, is_empty: bool = False) -> None:
    """Packed rows have each id of the shard of the same name once, and say where it is from."""
    shards = sorted((folder / "packed").glob("*.parquet"))
    assert bool(shards) != is_empty
    for path in shards:
        documents = pq.read_table(folder / "tokens" / path.name)["input_ids"].to_pylist()
        found: list[list[int | None]] = [[None] * len(ids) for ids in documents]
        for row in pq.read_table(path).to_pylist():
            put_back(row, found)
        assert found == documents


def put_back(row: Mapping[str, list[int]], found: list[list[int | None]]) -> None:
    place = 0
    columns = row["document_rows"], row["document_starts"], row["document_lengths"]
    for document, start, size in zip(*columns, strict=True):
        found[document][start : start + size] = row["input_ids"][place : place + size]
        place += size


def test_token_ids_are_those_of_a_run_from_the_beginning(
    whole: Path, fresh: Path, tokenizer: Path, tmp_path: Path
):
    root = copied(whole, tmp_path / "run")
    meant = [row for row in rows_of(root) if row["url"].startswith(GONE)]
    before = said(root)
    hosts = asked(root, domains=[HOST])
    assert look(root, hosts).tokenized == [f"tokenized/{name}" for name in OTHERS]
    take_all_down(root)
    assert look(root, hosts).tokenized == []
    check_same(root, fresh)
    check_gone(root, meant)
    check_ids_gone(root, whole)
    check_rows_are_whole(root)
    check_rows_are_whole(root / "tokenized/packed")
    check_rows_are_whole(root / "tokenized/plain", is_empty=True)
    special = before["token_shards"]["special_tokens_added"] - len(meant)
    assert said(root)["token_shards"]["special_tokens_added"] == special
    of_another = said(root / "tokenized/packed")["token_shards"]
    assert of_another["special_tokens_added"] == 2 * special
    assert said(root)["packed"]["documents"] == len(rows_of(root))
    untouched = set(differing(tables(root), {})) - set(differing(tables(root), tables(whole)))
    assert {name.partition("/")[0] for name in untouched} == {
        "dataset", "tokens", "packed", "tokenized",
    }  # fmt: skip
    assert make_others(root, tokenizer) == [False, False]
    state = tables(root)
    assert take_down(root, hosts).files == 0
    assert tables(root) == state
    assert not do_run(PACKED, two_dumps_crawl(root), root).did_work


def test_no_later_run_brings_token_ids_back(
    two_dumps: Path, whole: Path, fresh: Path, tokenizer: Path, tmp_path: Path
):
    root = copied(two_dumps, tmp_path / "run")
    take_all_down(root)
    do_run(PACKED, two_dumps_crawl(root), root)  # what was not packed before
    make_others(root, tokenizer)
    check_same(root, fresh)
    do_run(RECIPE, two_dumps_crawl(root), root)
    assert not list(root.glob("packed/*"))
    check_whole(root)
    shutil.rmtree(root / "stages")
    shutil.rmtree(root / "commits/settle")
    do_run(PACKED, two_dumps_crawl(root), root)  # with token ids there by others
    check_same(root, fresh)
    check_ids_gone(root, whole)
    assert make_others(root, tokenizer) == [False, False]


_KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.takedown import switch, run
from pipelines.takedown.requests import read_requests

_, folder, urls, name, times = sys.argv
work, left = getattr(switch, name), int(times)

def counted(*given):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(*given)

setattr(switch, name, counted)
run.take_down(Path(folder), read_requests({"urls": Path(urls)}))
"""


def test_killed_in_between_the_same_command_ends_it(
    whole: Path, fresh: Path, tokenizer: Path, tmp_path: Path
):
    made = copied(whole, tmp_path / "made")
    take_down(made, asked(made, domains=[HOST]))
    hosts = asked(made, urls=list(GONE[1:]))
    for function, times, end in (
        ("move_into_place", 12, lambda root: take_down(root, hosts)),
        ("finish_tokenized", 2, lambda root: make(root, tokenizer, "plain")),
    ):
        root = copied(made, tmp_path / function)
        words = ["-c", _KILLED, str(root), str(tmp_path / "urls.txt"), function, str(times)]
        ended = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, check=False
        )
        assert ended.returncode == -9, ended.stdout + ended.stderr
        assert (root / "commits/takedown.json").exists()
        assert not (root / "tokenized/plain/manifest.json").exists()
        assert not (root / "manifest.json").exists()
        end(root)
        assert not list(root.rglob("work/*"))
        check_same(root, fresh)


class Stopped(Listener):
    """Stops when so many units are done."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self._left = units

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        self._left -= isinstance(event, UnitDone)
        if not self._left:
            raise KeyboardInterrupt


def test_of_what_is_not_finished_no_token_id_stays(
    whole: Path, fresh: Path, tokenizer: Path, tmp_path: Path
):
    root = copied(whole, tmp_path / "run")
    folder = root / "tokenized/packed"
    shutil.rmtree(folder)
    with pytest.raises(KeyboardInterrupt):
        make(root, tokenizer, "packed", Stopped(units=12))  # of 8 shards, 4 of them packed
    assert len(list((folder / "packed").iterdir())) == 4
    shutil.copy2(next((whole / "tokens").iterdir()), folder / "tokens/of-no-record.parquet")
    take_all_down(root)
    assert read_manifest(folder) is None
    assert not (folder / "tokens/of-no-record.parquet").exists()
    check_ids_gone(root, whole)
    (note,) = verify_run(root, 0, lambda *_: None).notes
    assert "'cuvee tokenize' has not ended there" in note
    assert make_others(root, tokenizer) == [True, False]
    check_same(root, fresh)


def test_what_is_of_another_dataset_is_cleaned_and_stays_so(whole: Path, tmp_path: Path):
    root = copied(whole, tmp_path / "run")
    path = root / "tokenized/plain/manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["made_from"]["dataset"] = "0" * 64
    path.write_text(json.dumps(manifest))
    take_all_down(root)
    check_ids_gone(root, whole)
    found = verify_run(root, 0, lambda *_: None)
    assert found.differences == [
        "tokenized/plain: is of another dataset; 'cuvee tokenize' makes it anew"
    ]


def test_all_pages_can_go(whole: Path, tokenizer: Path, tmp_path: Path):
    root = copied(whole, tmp_path / "run")
    done = cuvee("takedown", root, "--domains", asked_for(root, "example"), "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tokenized"] == ["tokenized/packed", "tokenized/plain"]
    check_whole(root)
    assert tables(root) == {}
    for name in ("", "tokenized/packed"):
        totals = load_manifest(root / name)
        assert (totals["packed"]["rows"], totals["packed"]["padding"]) == (0, 0)
        assert totals["token_shards"]["special_tokens_added"] == 0
    with pytest.raises(UsageError, match="nothing to encode"):
        make(root, tokenizer, "plain")


@pytest.mark.usefixtures("s3_host")
def test_of_a_run_in_a_bucket_too(base: Finished, tokenizer: Path, tmp_path: Path):
    here = base.copy(tmp_path / "run")
    make(here, tokenizer, "packed")
    there = run_folder("s3://runs/packed")
    for path in here.rglob("[!.]*"):  # not the lock of a folder
        if path.is_file():
            (there / path.relative_to(here).as_posix()).write_bytes(path.read_bytes())
    before, hosts = tables(here), asked(here, domains=[HOST])
    for root in (here, there):
        take_down(root, hosts)
    changed = differing(tables(here), before)
    assert [name for name in changed if "/packed/packed/" in name]
    for name, data in tables(here).items():
        assert (there / name).read_bytes() == data, name
    assert said(there / "tokenized/packed") == said(here / "tokenized/packed")
    assert make(there, tokenizer, "packed").did_work is False


def asked_for(root: Path, domain: str) -> Path:
    path = root.parent / "list.txt"
    path.write_text(domain)
    return path
