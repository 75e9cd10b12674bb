"""A run over a faulty S3 or HTTP host gives what the same run gives on local copies."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters.errors import WorkError
from pipelines.pipeline import Outcome, RunOptions, run
from pipelines.recipe import load_recipe
from tests.command import cuvee
from tests.pipelines.hosts import (
    DUMP,
    KINDS,
    NAMES,
    OTHER_SEGMENT,
    PATHS,
    SEGMENT,
    folder_answers,
    forwarded,
    seeded_faults,
    serving,
)
from tests.pipelines.small_run import RECIPE, differing, published
from tests.pipelines.units import Listener

ONE_SEGMENT = "*/1700679099281.67/*"


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("CUVEE_RETRY_SECONDS", "0.01")
    monkeypatch.setenv("CUVEE_STALL_SECONDS", "0.4")


def go(root: Path, given: str, written: str = RECIPE, **options) -> Outcome:
    recipe = root.parent / "recipe.yaml"
    recipe.write_text(written)
    chosen = RunOptions(engine="inline", **options)
    return run(load_recipe(str(recipe), (), [given]), root, chosen, Listener())


@pytest.fixture(scope="module")
def local(hosted, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("local") / "run"
    go(root, str(hosted / PATHS), input_base=str(hosted), match=ONE_SEGMENT)
    return root


def ledger(root: Path) -> list[dict]:
    return pq.read_table(root / "ledger", partitioning=None).to_pylist()


def fetched(root: Path) -> dict:
    return json.loads((root / "manifest.json").read_text())["inputs"].get("fetched", {})


def test_the_local_run_has_pages_of_every_kind(local):
    rows = ledger(local)
    assert {row["status"] for row in rows} == {"kept", "dropped"}
    assert {row["file_path"] for row in rows} == {f"{SEGMENT}/{name}" for name in NAMES}
    assert {row["dump"] for row in rows} == {"CC-MAIN-2023-50"}
    assert not fetched(local)


@pytest.mark.parametrize("seed", [41, 46])  # every kind of fault comes in each of these
@pytest.mark.parametrize("kind", ["s3", "http", "http without ranges"])
def test_faults_change_no_byte(local, hosted, bucket, tmp_path, monkeypatch, kind, seed):
    answers = forwarded(bucket) if kind == "s3" else folder_answers(hosted, ranges=kind == "http")
    with serving(answers, seeded_faults(seed)) as host:
        monkeypatch.setenv("AWS_ENDPOINT_URL", host.url)
        if kind == "s3":
            go(tmp_path / "run", f"s3://commoncrawl/{SEGMENT}/*.warc.gz")
        else:
            given, base = f"{host.url}/{PATHS}", f"{host.url}/"
            go(tmp_path / "run", given, input_base=base, match=ONE_SEGMENT)
    assert differing(published(local), published(tmp_path / "run")) == []
    cost = fetched(tmp_path / "run")
    assert cost["retries"] == sum(cost["faults"].values()) > 0
    assert cost["requests"] == cost["retries"] + len(NAMES)
    assert set(host.failed) == set(KINDS)
    assert set(cost["faults"]) >= {"429", "500", "503", "timeout"}
    size = sum((hosted / SEGMENT / name).stat().st_size for name in NAMES)
    assert cost["bytes"] >= size


def test_a_file_of_the_list_that_is_missing_is_named_and_the_rest_goes_on(hosted, tmp_path):
    missing = [f"{OTHER_SEGMENT}/gone-{number}.warc.gz" for number in range(2)]
    names = [missing[0], f"{SEGMENT}/{NAMES[1]}", missing[1]]
    (tmp_path / "some.paths").write_text("\n".join(names))
    with serving(folder_answers(hosted)) as host:
        for kind, base in (("http", f"{host.url}/"), ("local", str(hosted))):
            root = tmp_path / kind / "run"
            root.parent.mkdir()
            outcome = go(
                root,
                str(tmp_path / "some.paths"),
                f"{RECIPE}max_failed_units: 2\n",
                input_base=base,
            )
            assert sorted(outcome.manifest["failed_units"]) == sorted(missing)
            assert {row["file_path"] for row in ledger(root)} == {names[1]}
        assert len(host.reads_of("gone-0.warc.gz")) == 2 + 1  # the unit twice, and a look before
        with pytest.raises(WorkError, match="2 unit"):
            go(tmp_path / "strict", str(tmp_path / "some.paths"), input_base=f"{host.url}/")


def test_what_was_read_is_not_read_again_and_what_changed_is(hosted, tmp_path):
    from shutil import copytree

    crawl = copytree(hosted, tmp_path / "crawl")
    given = f"{SEGMENT}/{NAMES[1]}"
    with serving(folder_answers(crawl)) as host:
        first = go(tmp_path / "run", f"{host.url}/{given}")
        reads = len(host.reads_of(".gz"))
        assert not go(tmp_path / "run", f"{host.url}/{given}").did_work
        assert len(host.reads_of(".gz")) == reads + 1  # only HEAD
        (crawl / given).write_bytes((crawl / SEGMENT / NAMES[2]).read_bytes())
        second = go(tmp_path / "run", f"{host.url}/{given}")
    assert second.did_work
    assert first.manifest["inputs"]["digest"] != second.manifest["inputs"]["digest"]
    commit = json.loads((tmp_path / "run/commits/curate/000000.json").read_text())
    assert commit["facts"]["fetched"]["version"] == host_version(crawl / given)


def host_version(path: Path) -> str:
    from hashlib import sha256

    return f'"{sha256(path.read_bytes()).hexdigest()[:32]}"'


def test_a_unit_of_a_list_notes_the_version_it_read(hosted, tmp_path):
    with serving(folder_answers(hosted)) as host:
        go(tmp_path / "run", f"{host.url}/{PATHS}", input_base=host.url, match=f"*{NAMES[2]}")
    commit = json.loads((tmp_path / "run/commits/curate/000000.json").read_text())
    assert commit["facts"]["fetched"]["version"] == host_version(hosted / SEGMENT / NAMES[2])


def test_no_secret_of_an_address_is_written_down(hosted, tmp_path):
    with serving(folder_answers(hosted)) as host:
        address = f"{host.url}/{SEGMENT}/{NAMES[1]}?token=verysecret".replace(
            "//", "//me:verysecret@", 1
        )
        go(tmp_path / "run", address)
    assert any("verysecret" in asked.target for asked in host.asked)
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or b"verysecret" not in path.read_bytes(), path


def test_the_command_says_in_words_what_cannot_be_reached(tmp_path):
    env = {"CUVEE_RETRY_SECONDS": "0.01", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    for given in ("https://u:secret@nowhere.invalid/x.warc.gz", f"s3://commoncrawl/{DUMP}"):
        done = cuvee("run", "demo", "--input", given, "--output", tmp_path / "run", env=env)
        assert done.returncode == 2, done.stderr
        assert "cannot be reached" in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 3
        assert "secret" not in done.stderr
        assert not (tmp_path / "run").exists()
