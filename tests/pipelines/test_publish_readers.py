"""A published dataset as people read it: datasets, pyarrow, DuckDB, `hf`, and cuvee itself."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.ledger import DATASET, TOKENS
from pipelines.publish.content import folder_of
from pipelines.publish.samples import draw_samples
from pipelines.verify import verify_run
from tests.hub.people import TOKEN, environment, run_commands, run_program
from tests.hub.runs import FIRST, SECOND, beside, rows_of, wanted
from tests.hub.server import Hub, serve
from tests.pipelines.text_rows import LENIENT

READ = """
import json, sys
from pipelines.crawl.text.hub import quiet_datasets
datasets = quiet_datasets()
names = json.loads(sys.argv[1])
told = {}
for name, config in names:
    for streaming in (False, True):
        rows = list(datasets.load_dataset(name, config, split="train", streaming=streaming))
        told[f"{name} {config} {streaming}"] = [
            [row["id"], row["token_count"], *sorted(set(row) - {"id", "token_count"})]
            for row in rows
        ]
configs = {name: datasets.get_dataset_config_names(name) for name in {name for name, _ in names}}
print(json.dumps([configs, told]))
"""
PYARROW = """
import json
import pyarrow.dataset as ds
from huggingface_hub import HfFileSystem
table = ds.dataset("datasets/org/name/data", filesystem=HfFileSystem(), format="parquet").to_table(
    columns=["id"], filter=ds.field("dump") == "CC-MAIN-2024-10"
)
print(json.dumps(table["id"].to_pylist()))
"""


@dataclass
class Published:
    hub: Hub
    root: Path
    env: dict[str, str]

    @property
    def samples(self) -> list[Path]:
        return sorted((self.root / "dataset/sample").rglob("*.parquet"))

    def ids(self, folder: str) -> list[str]:
        files = self.hub.repositories["org/name"].files()
        found: list[str] = []
        for path, blob in sorted(files.items()):
            if path.startswith(folder):
                table = pq.read_table(pa.BufferReader(blob.data), columns=["id"])
                found += table["id"].to_pylist()
        return found


@pytest.fixture(scope="module")
def there(two_dumps: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    folder = tmp_path_factory.mktemp("readers")
    root = Path(shutil.copytree(two_dumps, folder / "run"))
    with serve(rights={TOKEN: "write"}) as hub:
        env = environment(hub, folder / "hf")
        publish = ["publish", root, "org/name", "--sample", "1KT", "--sample", "3K", "--tokens"]
        ((code, said),) = run_commands([[*publish, "--tokens-repo", "org/ids"]], env)
        assert code == 0, said
        yield Published(hub, root, env)


def read(there: Published, *names: tuple[str, str]) -> Any:
    return run_program(READ, json.dumps(names), env=there.env)


def test_datasets_reads_each_config_streaming_and_not(there: Published):
    names = ["default", FIRST, SECOND, "sample-1KT", "sample-3KT", "tokens"]
    configs, told = read(there, *(("org/name", name) for name in names), ("org/ids", "default"))
    assert set(configs["org/name"]) == set(names)
    assert configs["org/ids"] == ["default"]
    rows = {row["id"]: row for row in rows_of(there.root)}
    for streaming in (False, True):
        found = {name: told[f"org/name {name} {streaming}"] for name in names}
        assert [row[0] for row in found["default"]] == list(rows)
        assert all(row[1] == rows[row[0]]["token_count"] for row in found["default"])
        assert found["default"][0][2:] == sorted({*DATASET.names} - {"id", "token_count"})
        assert {row[0] for row in found[FIRST]} == {
            name for name, row in rows.items() if row["dump"] == FIRST
        }
        ids = told[f"org/ids default {streaming}"]
        assert ids == found["tokens"]
        assert [row[:2] for row in ids] == [row[:2] for row in found["default"]]
        assert ids[0][2:] == ["input_ids"]


def test_samples_are_nested_and_no_larger_than_they_say(there: Published):
    small, large = there.ids("sample/1KT/"), there.ids("sample/3KT/")
    assert small
    assert set(small) < set(large) < set(there.ids("data/"))
    order = there.ids("data/")
    assert large == sorted(large, key=order.index)
    counts = {row["id"]: row["token_count"] for row in rows_of(there.root)}
    most = max(counts.values())
    for ids, size in ((small, 1000), (large, 3000)):
        assert size - most < sum(counts[name] for name in ids) <= size


def test_samples_stay_as_they_are_until_the_dataset_changes(there: Published, tmp_path: Path):
    root = Path(shutil.copytree(there.root, tmp_path / "run"))
    files = [root / path.relative_to(there.root) for path in there.samples]
    before = [(path.stat().st_ino, path.read_bytes()) for path in files]
    draw_samples(root, ["1KT"])
    assert [(path.stat().st_ino, path.read_bytes()) for path in files] == before
    files[0].unlink()
    draw_samples(root, [])
    assert [path.read_bytes() for path in files] == [data for _, data in before]
    assert verify_run(root, 5, lambda _done, _total: None).ok


def test_wrong_sizes_are_told(there: Published):
    given = {"big": "is no number of tokens", "1BT": "the dataset itself has", "0K": "is no number"}
    told = run_commands(
        [["publish", there.root, "org/x", "--sample", size] for size in given], there.env
    )
    for words, (code, said) in zip(given.values(), told, strict=True):
        assert (code, words in said) == (2, True), said


def hf(there: Published, *words: str | Path) -> None:
    """Type a command of the Hub's own tool."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hf")), *map(str, words), "--repo-type", "dataset"],
        env={name: text for name, text in there.env.items() if name != "PYTHONWARNINGS"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_hf_has_uploaded_is_not_sent_again(there: Published):
    hf(there, "upload", "org/by-hf", there.root / "dataset", ".")
    puts = len(there.hub.puts("org/by-hf/"))
    assert puts == len(wanted(there.root)) + len(there.samples) + beside(there.root)
    ((code, said),) = run_commands([["publish", there.root, "org/by-hf"]], there.env)
    assert code == 0, said
    assert "1 commit, 5 files" in said, "recipes, the card, the manifest and the sums"
    assert len(there.hub.puts("org/by-hf/")) == puts


def test_pyarrow_duckdb_and_hf_read_the_files(there: Published, tmp_path: Path):
    wanted_ids = {row["id"] for row in rows_of(there.root, FIRST)}
    assert set(run_program(PYARROW, env=there.env)) == wanted_ids
    hf(there, "download", "org/name", "--local-dir", tmp_path / "fetched")
    files = sorted((tmp_path / "fetched/data").rglob("*.parquet"))
    assert {
        path.relative_to(tmp_path / "fetched").as_posix(): path.read_bytes() for path in files
    } == wanted(there.root)
    ((rows, tokens),) = duckdb.sql(
        f"SELECT count(*), sum(token_count) FROM '{tmp_path}/fetched/data/*/*.parquet'"  # noqa: S608
    ).fetchall()
    assert rows == len(rows_of(there.root))
    assert tokens == sum(row["token_count"] for row in rows_of(there.root))


def test_every_table_has_a_page_index_and_groups_that_the_viewer_shows(there: Published):
    for path, blob in there.hub.repositories["org/name"].files().items():
        if folder_of(path):  # the others lie beside the card
            file = pq.ParquetFile(pa.BufferReader(blob.data))
            group = file.metadata.row_group(0)
            assert group.column(0).has_offset_index, path
            assert group.total_byte_size < 300_000_000
            schema = TOKENS if path.startswith("tokens/") else DATASET
            assert file.schema_arrow.equals(schema, check_metadata=False)


def test_both_repositories_are_verified_and_the_second_time_nothing_is_sent(there: Published):
    puts = len(there.hub.puts())
    again = ["publish", there.root, "org/name", "--tokens", "--tokens-repo", "org/ids", "--json"]
    told = run_commands([["verify", "org/name"], ["verify", "org/ids"], again], there.env)
    assert [code for code, _ in told] == [0, 0, 0], told
    facts = json.loads(told[2][1])
    assert facts["commits"] == facts["tokens"]["commits"] == []
    assert len(there.hub.puts()) == puts


def test_it_is_an_input_of_a_run(there: Published, tmp_path: Path):
    recipe = tmp_path / "again.yaml"
    recipe.write_text(LENIENT)
    command = ["run", recipe, "--input", "hf://datasets/org/name", "--engine", "inline"]
    ((code, said),) = run_commands([[*command, "--output", tmp_path / "again"]], there.env)
    assert code == 0, said
    ledger = pq.read_table(tmp_path / "again/ledger", partitioning=None)
    assert sorted(ledger["id"].to_pylist()) == sorted(row["id"] for row in rows_of(there.root))
