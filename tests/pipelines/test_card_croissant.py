"""`croissant.json` as MLCommons' own reader takes it, without a network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.card import make_card
from pipelines.manifest import load_manifest
from tests.pipelines.small_run import REPOSITORY, Finished

_READER = """\
import json, socket, sys
def refused(*_, **__):
    raise OSError("no network in this test")
socket.socket.connect = socket.getaddrinfo = refused
import mlcroissant as mlc
from etils import epath

folder, config, inside = sys.argv[1:]
mapping = {"repo": epath.Path(folder)} if inside else None
dataset = mlc.Dataset(f"{folder}/croissant.json", mapping=mapping)
issues = dataset.metadata.ctx.issues
def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value
print(json.dumps({
    "errors": sorted(issues.errors),
    "warnings": sorted(issues.warnings),
    "version": str(dataset.metadata.ctx.conforms_to),
    "rows": [
        {key.split("/")[1]: plain(value) for key, value in row.items()}
        for row in dataset.records(config)
    ] if config else [],
    "back": dataset.metadata.to_json(),
}, default=str))
"""


def read(folder: Path, config: str, *, inside: bool) -> dict:
    """Validate and load in a process of its own: the reader's libraries warn."""
    done = subprocess.run(
        [sys.executable, "-c", _READER, str(folder), config, "yes" if inside else ""],
        capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("config", ["default", "local"])
def test_it_is_valid_and_its_records_are_the_datasets(carded: Finished, config):
    found = read(carded.root / "dataset", config, inside=True)
    assert (found["errors"], found["warnings"]) == ([], [])
    assert "1.1" in found["version"] or "V_1_1" in found["version"]
    (shard,) = (carded.root / "dataset/data").rglob("*.parquet")
    assert found["rows"] == pq.read_table(shard).to_pylist()
    assert len(found["rows"]) == load_manifest(carded.root)["rows"] > 5


def test_in_a_folder_without_a_repository_it_loads_too(carded: Finished, tmp_path):
    root = carded.copy(tmp_path / "run")
    make_card(root)
    found = read(root / "dataset", "default", inside=False)
    assert (found["errors"], found["warnings"]) == ([], [])
    assert len(found["rows"]) == load_manifest(root)["rows"]


def test_without_a_persons_words_only_those_are_missing(base: Finished, tmp_path):
    root = base.copy(tmp_path / "run")
    make_card(root)
    found = read(root / "dataset", "", inside=False)
    assert found["errors"] == []
    missing = ("datePublished", "license", "version")
    assert len(found["warnings"]) == len(missing)
    for name, warning in zip(missing, found["warnings"], strict=True):
        assert f"schema.org/{name}" in warning


def test_it_says_where_the_dataset_comes_from(carded: Finished):
    manifest = load_manifest(carded.root)
    data = json.loads((carded.root / "dataset/croissant.json").read_text())
    assert data["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert data["@context"]["prov"] == "http://www.w3.org/ns/prov#"
    assert data["license"] == "https://spdx.org/licenses/ODC-By-1.0.html"
    assert data["url"] == f"https://huggingface.co/datasets/{REPOSITORY}"
    crawl, files = data["prov:wasDerivedFrom"]
    assert crawl["@id"] == "urn:cuvee:crawl:local"
    assert manifest["inputs"]["list_sha256"] in files["prov:label"]
    made = data["prov:wasGeneratedBy"]
    assert manifest["recipe"]["digest"] in made["prov:label"]
    code = manifest["code"]["sources_sha256"]
    assert made["prov:wasAssociatedWith"]["@id"] == f"urn:cuvee:code:{code}"
    names = [agent["prov:label"] for agent in data["prov:wasAttributedTo"]]
    assert names == ["A. Person", "B. Person"]


def test_a_reference_that_leads_nowhere_is_not_valid(carded: Finished, tmp_path):
    """The validator does find mistakes."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    written = (carded.root / "dataset/croissant.json").read_text()
    broken = written.replace(
        '"fileSet": {\n       "@id": "files-of-', '"fileSet": {\n       "@id": "x-'
    )
    assert broken != written
    (folder / "croissant.json").write_text(broken)
    with pytest.raises(AssertionError, match="ValidationError"):
        read(folder, "", inside=True)
