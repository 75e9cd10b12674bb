"""A dataset by language at a Hub: published, grown, replaced, taken from; never shown by halves."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.layout import placed
from pipelines.stages import publishing
from tests.hub.people import TOKEN, completed, environment, run_commands, run_program, shown_by
from tests.hub.repository import Blob
from tests.hub.runs import FIRST, SECOND, THIRD, rows_of, wanted
from tests.hub.server import Hub, serve
from tests.pipelines.languages import BY_LANGUAGE, FOLDERS, run_by_language
from tests.pipelines.small_run import edited

BATCHES = ("--commit-files", "3")
LOAD = """
import json, sys
from pipelines.crawl.text.hub import quiet_datasets
datasets = quiet_datasets()
print(json.dumps({
    name: datasets.load_dataset("org/name", name, split="train")["id"][:]
    for name in datasets.get_dataset_config_names("org/name")
}))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve(rights={TOKEN: "write"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one more dump, with a language that the others have not."""
    folder = tmp_path_factory.mktemp("later")
    return completed(run_by_language(folder, {THIRD: {"de": 2, "fr": 2, "zh": 1}}))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that finds other languages in the second dump."""
    folder = tmp_path_factory.mktemp("changed")
    recipe = edited(BY_LANGUAGE, "chars < 60", "chars < 61")
    return completed(run_by_language(folder, {SECOND: {"fr": 2, "en": 1}}, recipe))


def languages_of(files: dict[str, Blob], *dumps: str) -> dict[str, set[str]]:
    """The shards of each language, of some dumps or all."""
    found: dict[str, set[str]] = {}
    for path in files:
        if path.startswith("data/"):
            place = placed(path.removeprefix("data/"))
            if not dumps or place.dump in dumps:
                found.setdefault(place.language, set()).add(path)
    return found


def head_of(files: dict[str, Blob]) -> dict:
    return yaml.safe_load(files["README.md"].data.decode().split("---\n")[1])


def rows_there(files: dict[str, Blob]) -> list[dict]:
    tables = [pq.read_table(pa.BufferReader(files[path].data)) for path in sorted(files)
              if path.startswith("data/")]  # fmt: skip
    return [row for table in tables for row in table.to_pylist()]


def check_sizes(files: dict[str, Blob]) -> None:
    """Each config's sizes are those of its shards."""
    infos = {info["config_name"]: info for info in head_of(files)["dataset_info"]}
    shown = languages_of(files)
    assert infos.keys() == {"default", *shown}
    for name, paths in {**shown, "default": set().union(*shown.values())}.items():
        blobs = [files[path] for path in paths]
        footers = [pq.ParquetFile(pa.BufferReader(blob.data)).metadata for blob in blobs]
        (split,) = infos[name]["splits"]
        assert split["num_examples"] == sum(footer.num_rows for footer in footers)
        assert split["num_bytes"] == sum(
            footer.row_group(n).total_byte_size for footer in footers
            for n in range(footer.num_row_groups)
        )  # fmt: skip
        assert infos[name]["download_size"] == sum(blob.size for blob in blobs)


def test_it_is_published_in_batches_and_loads_by_language(
    hub: Hub, by_language: Path, tmp_path: Path
):
    root = Path(shutil.copytree(by_language, tmp_path / "run"))
    env = environment(hub, tmp_path / "hf")
    publish = ["publish", root, "org/name", *BATCHES, "--tokens", "--sample", "1KT"]
    done = run_commands([publish, publish, ["verify", "org/name"]], env)
    assert [code for code, _ in done] == [0, 0, 0], done
    repository = hub.repositories["org/name"]
    files = repository.files()
    tables = {path: blob.data for path, blob in files.items() if path.startswith("data/")}
    assert tables == wanted(root)
    shown = shown_by(files)
    by_folder = languages_of(files)
    assert shown["default"] == set(tables)
    assert {name: shown[name] for name in by_folder} == by_folder
    inner = {path.removeprefix("data/") for path in tables}
    assert {path.removeprefix("tokens/") for path in shown["tokens"]} == inner
    assert shown.keys() == {"default", "sample-1KT", "tokens", *FOLDERS.values()}
    for oid, commit in repository.history("main"):  # nobody is shown a half of a language
        offered = shown_by(commit.files)
        data = {name: paths for name, paths in offered.items() if name in by_folder}
        assert all(paths == by_folder[name] for name, paths in data.items()), (oid, commit.title)
    check_sizes(files)
    found = run_program(LOAD, env=env)
    for name, paths in by_folder.items():
        tables = [pq.read_table(pa.BufferReader(files[path].data)) for path in paths]
        assert sorted(found[name]) == sorted(pa.concat_tables(tables)["id"].to_pylist())
    assert len(found["tokens"]) == len(found["default"]) == len(rows_of(root))


def test_a_dump_comes_to_those_of_other_runs_and_a_dump_is_replaced(
    hub: Hub, by_language: Path, later: Path, changed: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    more = ["publish", later, "org/name", *BATCHES]
    replace = ["publish", changed, "org/name", *BATCHES]
    done = run_commands(
        [["publish", by_language, "org/name"], more, replace,
         [*replace, "--replace-dump", SECOND], ["verify", "org/name"]], env
    )  # fmt: skip
    assert [code for code, _ in done] == [0, 0, 2, 0, 0], done
    assert f"--replace-dump {SECOND}" in done[2][1]
    repository = hub.repositories["org/name"]
    files = repository.files()
    paths = languages_of(files)
    assert {placed(path.removeprefix("data/")).dump for path in paths["fra_Latn"]} == {
        FIRST, SECOND, THIRD,
    }  # fmt: skip
    assert languages_of(files, SECOND).keys() == {"fra_Latn", "eng_Latn"}
    assert {name: shown for name, shown in shown_by(files).items() if name in paths} == paths
    check_sizes(files)
    rows = rows_there(files)
    listing = json.loads(files["manifest.json"].data)
    assert listing["dumps"].keys() == {FIRST, SECOND, THIRD}
    assert listing["rows"] == len(rows)
    for oid, commit in repository.history("main"):  # dumps are whole whenever they are shown
        for name, shown in shown_by(commit.files).items():
            dumps = {placed(path.removeprefix("data/")).dump for path in shown
                     if path.startswith("data/")}  # fmt: skip
            for dump in dumps:
                complete = [
                    {p for p in wanted(root) if placed(p.removeprefix("data/")).dump == dump
                     and name in ("default", p.split("/")[1])}
                    for root in (by_language, later, changed)
                ]  # fmt: skip
                own = {p for p in shown if placed(p.removeprefix("data/")).dump == dump}
                assert own in complete, (oid, commit.title, name)


def test_dumps_by_language_and_by_dump_are_not_mixed(
    hub: Hub, by_language: Path, third_dump: Path, tmp_path: Path
):
    env = environment(hub, tmp_path)
    done = run_commands(
        [["publish", by_language, "org/name"], ["publish", third_dump, "org/name"]], env
    )
    assert [code for code, _ in done] == [0, 2], done
    assert "--set dataset.by=dump or dataset.by=language" in " ".join(done[1][1].split())


def test_pages_are_taken_down_there_and_in_the_run_alike(
    hub: Hub, by_language: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Both give the same shards; a language of which nothing is left has no config."""
    monkeypatch.setattr(publishing, "SHARD_BYTES", 8000)
    root = Path(shutil.copytree(by_language, tmp_path / "run", copy_function=shutil.copy2))
    rows = rows_of(root)
    thai = [row["id"] for row in rows if row["language"] == "th"]
    some = [next(row["id"] for row in rows if row["language"] == label) for label in ("en", "fr")]
    (tmp_path / "ids.txt").write_text("\n".join([*thai, *some]))
    env = environment(hub, tmp_path / "hf")
    takedown = ["--ids", tmp_path / "ids.txt", "--yes"]
    publish = ["publish", root, "org/name", "--tokens"]
    verified = [["verify", "org/name"], ["verify", root, "--sample", "100"]]
    done = run_commands(
        [publish, ["takedown", "org/name", *takedown], ["takedown", root, *takedown], *verified],
        env,
    )
    assert [code for code, _ in done] == [0, 0, 0, 0, 0], done
    files = hub.repositories["org/name"].files()
    assert rows_of(root) == [row for row in rows if row["id"] not in (*thai, *some)]
    assert {path: blob.data for path, blob in files.items() if path.startswith("data/")} == wanted(
        root
    )
    check_sizes(files)
    assert "tha_Thai" not in {config["config_name"] for config in head_of(files)["configs"]}
    for path in languages_of(files)["eng_Latn"]:
        ids = pq.read_table(pa.BufferReader(files[f"tokens/{path.removeprefix('data/')}"].data))
        data = pq.read_table(pa.BufferReader(files[path].data))
        assert ids["id"].to_pylist() == data["id"].to_pylist()
