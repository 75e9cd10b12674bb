"""A dataset that is laid out by language and script, from the plan of its shards to its readers."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from filters.errors import UsageError
from pipelines.dataset import PlanJob, plan_shards, read_plan
from pipelines.export.binary import Options
from pipelines.export.lines import export_lines
from pipelines.export.tools import export_for
from pipelines.layout import Placed, language_folder, placed, shard_name
from pipelines.ledger import DATASET
from pipelines.loading import open_shards
from pipelines.manifest import load_manifest
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.recipe.parts import TokenOptions
from pipelines.settle import LANGUAGE_HOSTS
from pipelines.stages import publishing
from pipelines.storage import Attempt, CommitLog
from pipelines.tables import TableWriter
from pipelines.tokens.another import tokenize_run
from pipelines.verify import verify_run
from tests.hub.people import run_program
from tests.hub.runs import FIRST, SECOND, rows_of
from tests.pipelines.languages import BY_LANGUAGE, FOLDERS, run_by_language
from tests.pipelines.small_run import differing, do_run, edited, published, stamps
from tests.pipelines.units import Listener

LOAD = """
import json, sys
from pipelines.crawl.text.hub import quiet_datasets
datasets = quiet_datasets()
folder = sys.argv[1]
names = datasets.get_dataset_config_names(folder)
print(json.dumps({
    name: [row["id"] for row in datasets.load_dataset(folder, name, split="train", streaming=True)]
    for name in names
}))
"""


def shards(root: Path) -> dict[str, list[dict]]:
    folder = root / "dataset/data"
    return {
        path.relative_to(folder).as_posix(): pq.read_table(path, partitioning=None).to_pylist()
        for path in sorted(folder.rglob("*.parquet"))
    }


def test_each_language_has_a_folder_and_each_dump_its_own_names(by_language: Path):
    found = shards(by_language)
    assert {path.split("/")[0] for path in found} == set(FOLDERS.values())
    for path, rows in found.items():
        place = placed(path)
        assert path.split("/")[1] == "train"
        assert rows
        assert {row["dump"] for row in rows} == {place.dump}
        assert {FOLDERS[row["language"]] for row in rows} == {place.language}
    places = Counter(map(placed, found))
    assert places[Placed(FIRST, "eng_Latn")] > 1, "English is not cut"
    assert places[Placed(SECOND, "tha_Thai")] == 1
    rows = [row for each in found.values() for row in each]
    assert len(rows) == load_manifest(by_language)["rows"] == 30
    ids = pq.read_table(by_language / "ledger", partitioning=None).filter(
        pa.compute.field("status") == "kept"
    )["id"]
    assert sorted(row["id"] for row in rows) == sorted(ids.to_pylist())


def test_rows_lie_by_host_and_a_host_of_a_language_in_one_shard(by_language: Path):
    hosts: dict[tuple, str] = {}
    for path, rows in shards(by_language).items():
        keys = [(row["url"].split("/")[2], row["url"]) for row in rows]
        assert keys == sorted(keys)
        for host, _ in keys:
            assert hosts.setdefault((placed(path), host), path) == path
        schema = pq.read_schema(by_language / "dataset/data" / path)
        assert schema.equals(DATASET, check_metadata=False)


def test_a_unit_writes_several_small_languages(by_language: Path):
    """The number of units goes by the amount of text, not by the number of languages."""
    units = CommitLog(by_language).commits("dataset")
    sizes = {unit: len(commit.files) for unit, commit in units.items()}
    assert max(sizes.values()) >= 3
    assert sum(sizes.values()) == len(shards(by_language))
    assert all(unit.startswith((f"{FIRST}/000_", f"{SECOND}/000_")) for unit in units)


def test_token_ids_are_those_of_each_shard(by_language: Path):
    tokens = {path.name for path in (by_language / "tokens").iterdir()}
    assert tokens == {path.replace("/", "-") for path in shards(by_language)}
    for path, rows in shards(by_language).items():
        ids = pq.read_table(by_language / "tokens" / path.replace("/", "-"))
        assert ids["id"].to_pylist() == [row["id"] for row in rows]


def test_the_same_rows_as_by_dump(by_language: Path, tmp_path: Path):
    """Only the places differ; the run goes on in its folder, and back again to the same bytes."""
    root = Path(shutil.copytree(by_language, tmp_path / "run", copy_function=shutil.copy2))
    crawl = by_language.parent / "crawl"
    before, records = published(root), stamps(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 8000)
        do_run(edited(BY_LANGUAGE, "dataset: {by: language}\n", ""), crawl, root)
        assert {path.split("/")[0] for path in shards(root)} == {FIRST, SECOND}
        by_dump = sorted(rows_of(root), key=lambda row: row["id"])
        for stage in ("curate", "labels_exact", "tokenizer"):
            assert stamps(root)[stage] == records[stage], "was done again"
        do_run(BY_LANGUAGE, crawl, root)
    assert differing(before, published(root)) == []
    assert sorted(rows_of(root), key=lambda row: row["id"]) == by_dump


@pytest.mark.long  # what engines and workers do to bytes is tested of the demo, too
def test_the_same_bytes_by_ray_and_several_workers(by_language: Path, tmp_path: Path):
    recipe = tmp_path / "many.yaml"
    recipe.write_text(BY_LANGUAGE)
    crawl = str(by_language.parent / "crawl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 8000)
        options = RunOptions(engine="ray", workers=2)
        run(load_recipe(str(recipe), (), [crawl]), tmp_path / "run", options, Listener())
    assert differing(published(by_language), published(tmp_path / "run")) == []


def test_a_shard_that_is_lost_is_made_again_with_its_unit(by_language: Path, tmp_path: Path):
    root = Path(shutil.copytree(by_language, tmp_path / "run", copy_function=shutil.copy2))
    (root / f"dataset/data/tha_Thai/train/{SECOND}_00000.parquet").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 8000)
        do_run(BY_LANGUAGE, by_language.parent / "crawl", root)
    assert differing(published(by_language), published(root)) == []


def test_it_verifies(by_language: Path):
    found = verify_run(by_language, 100, lambda _done, _total: None)
    assert found.ok, found.differences


def test_a_run_without_its_card_and_with_it_loads_by_language(by_language: Path, tmp_path: Path):
    plain = run_by_language(tmp_path, {FIRST: {"de": 2, "zh": 2}})
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    for root in (plain, by_language):
        found = run_program(LOAD, str(root / "dataset"), env=env)
        by_folder: dict[str, set[str]] = {}
        for path, rows in shards(root).items():
            by_folder.setdefault(placed(path).language, set()).update(row["id"] for row in rows)
        assert set(found.pop("default")) == set().union(*by_folder.values())
        assert {name: set(ids) for name, ids in found.items()} == by_folder


def test_the_head_has_a_config_with_sizes_for_each_language(by_language: Path):
    head = yaml.safe_load((by_language / "dataset/README.md").read_text().split("---\n")[1])
    configs = {config["config_name"]: config for config in head["configs"]}
    assert list(configs) == ["default", *sorted(FOLDERS.values())]
    assert configs["default"]["data_files"][0]["path"] == "data/*/*/*.parquet"
    assert configs["srp_Cyrl"]["data_files"][0]["path"] == "data/srp_Cyrl/train/*.parquet"
    infos = {info["config_name"]: info for info in head["dataset_info"]}
    assert infos.keys() == configs.keys()
    for name, info in infos.items():
        paths = sorted((by_language / "dataset/data").rglob("*.parquet"))
        own = [path for path in paths if name in ("default", path.parent.parent.name)]
        footers = [pq.ParquetFile(path).metadata for path in own]
        groups = [f.row_group(n).total_byte_size for f in footers for n in range(f.num_row_groups)]
        (split,) = info["splits"]
        assert split["num_examples"] == sum(footer.num_rows for footer in footers)
        assert split["num_bytes"] == sum(groups)
        assert info["download_size"] == sum(path.stat().st_size for path in own)


def test_a_plan_puts_small_languages_together_and_cuts_large_ones(tmp_path: Path):
    sizes = [("d1", "aaa_Latn", "h1", 4), ("d1", "bbb_Latn", "h1", 2), ("d1", "ccc_Latn", "h1", 9)]
    sizes += [("d1", "ccc_Latn", "h2", 9), ("d1", "ddd_Latn", "h3", 1), ("d2", "aaa_Latn", "h", 1)]
    attempt = Attempt(tmp_path, "settle", "u")
    with TableWriter(attempt, "hosts.parquet", LANGUAGE_HOSTS) as writer:
        for dump, folder, host, size in sizes:
            row = {"dump": dump, "folder": folder, "host": host, "rows": 1, "bytes": size}
            writer.add(row)
    plan_shards(attempt, PlanJob((attempt.path("hosts.parquet"),), 8, by_language=True))
    rows = read_plan(attempt.path("stages/plan/shards.parquet"))
    assert [(row["dump"], row["unit"], row["folder"], row["shard"]) for row in rows] == [
        ("d1", 0, "aaa_Latn", 0), ("d1", 0, "bbb_Latn", 0), ("d1", 1, "ccc_Latn", 0),
        ("d1", 2, "ccc_Latn", 1), ("d1", 3, "ddd_Latn", 0), ("d2", 0, "aaa_Latn", 0),
    ]  # fmt: skip
    attempt.close()


def test_names_and_places_are_each_others_opposite():
    for place in (Placed(FIRST), Placed("a_b.c", "fra_Latn"), Placed("local_00000", "cmn_Hani")):
        assert placed(f"{shard_name(place.dump, 7, place.language)}.parquet") == place
    assert shard_name(FIRST, 7) == f"{FIRST}/000_00007"
    assert shard_name(FIRST, 7, "fra_Latn") == f"fra_Latn/train/{FIRST}_00007"


def test_what_no_model_says_is_undetermined():
    assert language_folder("") == language_folder("klingon") == "und_Zyyy"
    assert language_folder("zho_Hans") == language_folder("zh") == "cmn_Hani"


def test_a_wrong_layout_is_told(tmp_path: Path):
    recipe = tmp_path / "wrong.yaml"
    recipe.write_text(edited(BY_LANGUAGE, "by: language", "by: script"))
    with pytest.raises(UsageError, match=r"dataset\.by|one of dump, language"):
        load_recipe(str(recipe), (), ["crawl"])


def test_it_is_exported_read_and_tokenized_like_any_other(by_language: Path, tmp_path: Path):
    root = Path(shutil.copytree(by_language, tmp_path / "run"))
    rows = rows_of(root)
    exported = export_lines(root, tmp_path / "pile", "pile")
    names = {path.removesuffix(".parquet") for path in shards(root)}
    assert {item.path.removesuffix(".jsonl.zst") for item in exported.files} == names
    made = export_for(root, tmp_path / "trl", "trl", Options(), sequence_length=128)
    said = yaml.safe_load((tmp_path / "trl" / made.files[0]).read_text())
    start, _, rest = said["datasets"][0]["data_files"].partition("*")
    assert len(list(Path(start).glob("*" + rest))) == len(names)
    assert sum(block.rows for block in open_shards(root).blocks) == len(rows)
    other = tokenize_run(
        root, str(root / "tokenizer.json"), TokenOptions(packed=64), "again",
        RunOptions(engine="inline"), Listener(),
    )  # fmt: skip
    assert other.manifest["token_shards"]["documents"] == len(rows)
    for folder in ("tokens", "packed"):
        assert {path.name for path in (other.folder / folder).iterdir()} == {
            f"{name.replace('/', '-')}.parquet" for name in names
        }


def test_the_card_speaks_of_each_language(by_language: Path):
    """Amounts are those of the shards, what rules removed is that of the ledger."""
    body = (by_language / "dataset/README.md").read_text()
    part = body[body.index("### Languages") : body.index("<!-- cuvee:end composition")]
    rows = rows_of(by_language)
    assert 'load_dataset("org/name", "eng_Latn", split="train", streaming=True)' in body
    by_label: dict[str, list[dict]] = {}
    for row in rows:
        by_label.setdefault(row["language"], []).append(row)
    sizes = {label: sum(len(r["text"].encode()) for r in own) for label, own in by_label.items()}
    names = {"en": "English", "de": "German", "zh": "Mandarin Chinese", "sr": "Serbian"}
    for label, name in names.items():
        own = by_label[label]
        language, script = FOLDERS[label].split("_")
        tokens = sum(row["token_count"] for row in own)
        percent = f"{100 * sizes[label] / sum(sizes.values()):.1f}%"
        assert (
            f"| {name} | `{language}` | `{script}` | `{label}` | {len(own):,} | {tokens:,} "
            f"| {sizes[label]:,} | {percent} |"
        ) in part
    ledger = pq.read_table(by_language / "ledger", partitioning=None).to_pylist()
    english = [row for row in ledger if row["language"] == "en"]
    again = sum(row["rule"] == "exact" for row in english)
    assert again == 2
    kept = len(by_label["en"])
    assert len(english) == kept + again
    shown = (
        f"| English | {len(english)} | {kept} | {100 * kept / len(english):.1f}% | `dedup: exact` "
    )
    assert shown in part


def test_croissant_has_a_record_set_for_each_language(by_language: Path):
    said = json.loads((by_language / "dataset/croissant.json").read_text())
    assert [each["@id"] for each in said["recordSet"]] == ["default", *sorted(FOLDERS.values())]
    sets = {each["@id"]: each["includes"] for each in said["distribution"] if "includes" in each}
    assert sets["files-of-cmn_Hani"] == "data/cmn_Hani/train/*.parquet"
    assert sets["files-of-default"] == "data/*/*/*.parquet"
    assert sorted(said["inLanguage"]) == ["de", "en", "fr", "sr", "th", "zh"]
