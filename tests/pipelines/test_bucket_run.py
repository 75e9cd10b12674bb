"""A whole run in a bucket: the bytes of a local one in spite of faults, or words where it ends."""

import json
from itertools import count
from pathlib import Path

import pytest

from filters.errors import UsageError
from pipelines.api import load_run
from pipelines.audit.ledger import open_ledger
from pipelines.bucket.path import run_folder
from pipelines.card import make_card
from pipelines.manifest import load_manifest
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.report import write_report
from pipelines.report.write import read_data
from tests.command import cuvee, succeed
from tests.pipelines.hosts import NAMES, SEGMENT, Host, Plan, Request
from tests.pipelines.languages import run_by_language
from tests.pipelines.small_run import RECIPE, REPOSITORY, Finished, differing, published
from tests.pipelines.units import Listener

GIVEN = f"{SEGMENT}/{NAMES[0]}"
KINDS = ("503", "500", "reset", "drop", "lost", "stall")
SECRETS = ("AKIDEXAMPLE", "verysecret", "sessiontoken")


def every_eleventh() -> Plan:
    """Fail every eleventh request, whatever it is, in one way after the other."""
    number = count(1)

    def plan(request: Request, before: int) -> str | None:
        del request, before
        asked = next(number)
        return KINDS[asked // 11 % len(KINDS)] if asked % 11 == 0 else None

    return plan


def is_read(request: Request, part: str) -> bool:
    return request.method == "GET" and part in request.path


def refuse_writing(part: str) -> Plan:
    """Answer 503 to whatever is to be written below a name."""
    return lambda asked, _: "503" if asked.method == "PUT" and part in asked.path else None


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.mark.long
def test_a_run_in_a_bucket_ends_as_a_local_one(s3_host: Host, hosted, recipe, tmp_path):
    inline = ("--engine", "inline", "--json")
    local = load_recipe(str(recipe), (), [str(hosted / GIVEN)])
    run(local, tmp_path / "run", RunOptions(engine="inline", input_base=str(hosted)), Listener())
    command = (
        "run", recipe, "--input", f"s3://commoncrawl/{GIVEN}", "--output", "s3://runs/whole/run"
    )  # fmt: skip
    said = []

    s3_host.plan = refuse_writing("whole/run/ledger/")
    ended = cuvee(*command, *inline)
    said += [ended.stdout, ended.stderr]
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-2:]
    assert last[0].startswith("cuvee: s3://runs/whole/run/ledger/000000.parquet: cannot be written")
    assert "503" in last[0]
    assert "(8 requests, 7 of them retries)" in last[0]
    assert "repeat the command" in last[1]
    assert s3_host.failed["503"] == 8
    said.append(succeed("status", "s3://runs/whole/run"))
    assert "not finished" in said[-1]
    with pytest.raises(UsageError, match="the run has not finished"):
        load_manifest(run_folder("s3://runs/whole/run"))

    s3_host.failed.clear()
    s3_host.plan = every_eleventh()
    asked = len(s3_host.asked)
    succeed(*command, *inline)
    assert set(s3_host.failed) == set(KINDS)
    assert not [item for item in s3_host.asked[asked:] if is_read(item, NAMES[0])]
    root = run_folder("s3://runs/whole/run")
    assert differing(published(tmp_path / "run"), published(root)) == []

    s3_host.plan = every_eleventh()
    asked = len(s3_host.asked)
    assert "nothing was done" in succeed(*command, "--engine", "inline")
    assert not [request for request in s3_host.asked[asked:] if is_read(request, "ledger/")]
    said += look_into(tmp_path / "run", root)
    said += [path.read_bytes().decode() for path in root.rglob("*.[jym][sad]*")]
    assert len(said) > 20
    assert not [secret for secret in SECRETS if any(secret in text for text in said)]


def look_into(local: Path, root: Path) -> list[str]:
    """Compare what commands and functions show of both; return what they printed."""
    said = [succeed("funnel", str(root)), succeed("show", str(root), "--kept", "--json")]
    assert len(json.loads(said[1])["pages"]) == 3
    one, other = load_run(local), load_run(str(root))
    for look in ("ledger", "documents", "dataset", "tokens", "funnel", "show"):
        assert getattr(one, look)().equals(getattr(other, look)()), look
    assert (other.status()["done"] == one.status()["done"]).all()
    found = one.diff(other)
    assert found.texts == {"published": True, "extracted": True}
    assert found.pages["both"] == len(one.ledger())
    assert found.same
    shown, there = (read_data(open_ledger(folder), 100) for folder in (local, root))
    assert {**shown, "run": None} == {**there, "run": None}
    assert write_report(root).read_bytes().startswith(b"<!doctype html>")
    return said


@pytest.mark.long
def test_a_dataset_by_language_in_a_bucket_is_that_of_a_local_run(s3_host: Host, tmp_path: Path):
    dumps = {"CC-MAIN-2023-50": {"en": 4, "de": 3, "th": 2}, "CC-MAIN-2024-10": {"de": 2, "zh": 2}}
    local = run_by_language(tmp_path, dumps)
    asked = ("run", tmp_path / "run.yaml", "--input", tmp_path / "crawl", "--engine", "inline")
    command = (*asked, "--limit", "30", "--output", "s3://runs/many/run", "--json")
    root = run_folder("s3://runs/many/run")

    s3_host.plan = refuse_writing("many/run/dataset/data/tha_Thai")
    ended = cuvee(*command)
    assert ended.returncode == 1
    assert "/dataset/data/tha_Thai/" in ended.stderr
    assert "cannot be written" in ended.stderr
    assert "not finished" in succeed("status", "s3://runs/many/run")

    s3_host.plan = every_eleventh()
    before = len(s3_host.asked)
    succeed(*command)
    sent = [item.path for item in s3_host.asked[before:] if item.method == "PUT"]
    assert any("/dataset/data/" in path for path in sent)
    assert not [path for path in sent if "/run/ledger/" in path], "was done again"
    assert differing(published(local), published(root)) == []
    assert {path.split("/")[2] for path in published(root) if path.startswith("dataset/")} == {
        "cmn_Hani", "deu_Latn", "eng_Latn", "tha_Thai"
    }  # fmt: skip

    s3_host.plan = lambda _asked, _before: None
    assert json.loads(succeed("verify", "s3://runs/many/run", "--json"))["ok"]
    make_card(root, REPOSITORY)
    assert b"config_name: cmn_Hani" in (root / "dataset/README.md").read_bytes()


@pytest.mark.usefixtures("s3_host")
def test_the_card_of_a_run_in_a_bucket_is_that_of_a_local_one(carded: Finished):
    root = run_folder("s3://runs/card/run")
    made = {f"dataset/{path.name}" for path in (carded.root / "dataset").glob("*.*")}
    for path in sorted(carded.root.rglob("[!.]*")):
        name = path.relative_to(carded.root).as_posix()
        if path.is_file() and name not in made:
            (root / name).write_bytes(path.read_bytes())
    make_card(root, REPOSITORY)
    assert len(made) > 5
    for name in {*made, "dataset/SHA256SUMS", "manifest.json"}:
        assert (root / name).read_bytes() == (carded.root / name).read_bytes(), name
