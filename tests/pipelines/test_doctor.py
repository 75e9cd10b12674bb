"""`cuvee doctor`: what it finds on a good machine, and on spoiled ones."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.command import cuvee
from tests.pipelines.disk import fill_up, remount
from tests.pipelines.hosts import SEGMENT, forwarded, lay_out, moto_s3, serving

TOKEN = "hf_" + "Zx8" * 11
CLEAN = {"HF_TOKEN": "", "RAY_ADDRESS": "", "AWS_ACCESS_KEY_ID": ""}


def doctor(
    *arguments: str | Path, env: Mapping[str, str] | None = None, engine: str = "inline"
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code and the findings by name."""
    command = ("doctor", *arguments, "--engine", engine, "--json")
    done = cuvee(*command, env={**CLEAN, **(env or {})})
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert found["ready"] is (done.returncode == 0)
    checks = {check["name"]: check for check in found["checks"]}
    assert len(checks) == len(found["checks"])
    for check in checks.values():
        assert check["fact"]
        assert bool(check["advice"]) or check["status"] == "ok"
    return done.returncode, checks


def problems(checks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, check in checks.items() if check["status"] == "problem"]


def test_a_good_machine_is_ready(small_crawl: Path, tmp_path: Path):
    code, checks = doctor(
        "demo", "--input", small_crawl, "--output", tmp_path / "runs/mine", engine="ray"
    )
    assert code == 0, problems(checks)
    assert "one task run" in checks["Ray"]["fact"]
    assert checks["Ray"]["fact"].endswith(" s")
    assert checks["input"]["fact"].startswith("2 files, ")
    assert "of" in checks["packages"]["fact"]
    assert checks["kernels"]["fact"] == "compiled"
    assert checks["recipe"]["status"] == checks["tokenizer"]["status"] == "ok"
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"


def test_what_a_person_sees():
    done = cuvee("doctor", "--engine", "inline", "--output", "/proc/none", env=CLEAN)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok       cores ")
    (bad,) = [index for index, line in enumerate(lines) if line.startswith("problem  ")]
    assert lines[bad].startswith("problem  output          /proc/none: cannot be written: ")
    assert lines[bad + 1].strip() == "Choose another folder with --output."
    assert not done.stderr


def test_an_output_that_cannot_be_used(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    code, checks = doctor("--output", tmp_path / "file")
    assert code == 1
    assert "is a file" in checks["output"]["fact"]
    (tmp_path / "old/commits").mkdir(parents=True)
    (tmp_path / "old/commits/format.json").write_text('{"format": 99, "version": "9.9"}')
    code, checks = doctor("--output", tmp_path / "old")
    assert code == 1
    assert "in another format" in checks["output"]["fact"]


@pytest.fixture
def read_only(mounted: Path) -> Iterator[Path]:
    remount(mounted, "ro")
    yield mounted
    remount(mounted, "rw")


def test_a_disk_that_is_read_only(read_only: Path):
    code, checks = doctor("--output", read_only / "run", env={"CUVEE_CACHE": str(read_only / "c")})
    assert code == 1
    assert problems(checks) == ["cache", "output"]
    assert "read-only" in checks["output"]["fact"]
    assert "CUVEE_CACHE" in checks["cache"]["advice"]


def test_a_disk_that_is_full(mounted: Path):
    code, checks = doctor("--output", mounted / "run")
    assert code == 1
    assert problems(checks) == ["disk"]
    fill_up(mounted / "ballast")
    code, checks = doctor("--output", mounted / "run")
    assert code == 1
    assert set(problems(checks)) <= {"output", "disk"}


def test_a_missing_cache_costs_a_warning_and_stays_missing(tmp_path: Path):
    code, checks = doctor("--output", tmp_path / "o", env={"CUVEE_CACHE": str(tmp_path / "cache")})
    assert code == 0
    assert checks["language model"]["status"] == "warning"
    assert "0.9 MB" in checks["language model"]["fact"] or "938" in checks["language model"]["fact"]
    assert "unpacks" in checks["URL lists"]["fact"]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("place", ["HF_TOKEN", "file"])
def test_a_token_is_found_and_never_shown(place: str, tmp_path: Path):
    env = {"HF_HOME": str(tmp_path)}
    if place == "file":
        (tmp_path / "token").write_text(TOKEN)
    else:
        env["HF_TOKEN"] = TOKEN
    for more in ((), ("--json",), ("--debug",)):
        done = cuvee("doctor", "--engine", "inline", *more, env={**CLEAN, **env})
        shown = done.stdout + done.stderr
        assert TOKEN not in shown
        assert "found in " + ("HF_TOKEN" if place == "HF_TOKEN" else str(tmp_path)) in shown


def test_an_input_that_is_not_there_and_one_that_holds_nothing(tmp_path: Path):
    code, checks = doctor("demo", "--input", tmp_path / "crowl")
    assert code == 1
    assert problems(checks) == ["input"]
    assert "does not exist" in checks["input"]["fact"]
    code, checks = doctor("--input", tmp_path)
    assert "without files that can be read" in checks["input"]["fact"]


def test_a_secret_in_an_address_is_not_shown():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    address = f"http://me:{TOKEN}@127.0.0.1:{port}/crawl.warc.gz?signature={TOKEN}"
    env = {"CUVEE_RETRY_SECONDS": "0.01"}
    done = cuvee("doctor", "--engine", "inline", "--input", address, env={**CLEAN, **env})
    assert done.returncode == 1
    assert f"127.0.0.1:{port}/crawl.warc.gz" in done.stdout
    assert TOKEN not in done.stdout + done.stderr


def test_credentials_of_s3_that_are_named_but_not_there():
    code, checks = doctor(env={"AWS_PROFILE": "nobody", "AWS_CONFIG_FILE": "/none"})
    assert code == 0, "no input needs them"
    assert "nobody" in checks["S3"]["fact"]
    assert "AWS_PROFILE" in checks["S3"]["advice"]


def test_credentials_of_s3_are_found_and_never_shown():
    env = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": TOKEN}
    env["AWS_ENDPOINT_URL"] = f"http://me:{TOKEN}@127.0.0.1:9"
    done = cuvee("doctor", "--engine", "inline", env={**CLEAN, **env})
    assert "S3" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert "AKIAEXAMPLE" not in done.stdout + done.stderr


def test_an_input_on_s3_is_listed_for_anybody_and_its_refusal_told(tmp_path: Path):
    somebody = {"AWS_CONFIG_FILE": "/none", "AWS_SHARED_CREDENTIALS_FILE": "/none"}
    env = {**somebody, "AWS_EC2_METADATA_DISABLED": "true", "CUVEE_RETRY_SECONDS": "0.01"}
    with moto_s3(lay_out(tmp_path)) as port, serving(forwarded(port)) as host:
        env["AWS_ENDPOINT_URL"] = host.url
        code, checks = doctor("--input", f"s3://commoncrawl/{SEGMENT}/*.warc.gz", env=env)
        assert code == 0, checks
        assert (
            checks["S3"]["fact"] == f"is asked anonymously: there are no credentials, at {host.url}"
        )
        assert checks["input"]["fact"].startswith("3 files, ")
        code, checks = doctor("--input", "s3://commoncrawl", "--match", "*-00000.*", env=env)
        assert checks["input"]["fact"].startswith("2 files, ")
        host.plan = lambda _request, _before: "403"
        code, checks = doctor("--input", "s3://commoncrawl", env=env)
        assert code == 1
        assert problems(checks) == ["input"]
        assert "access is refused" in checks["input"]["fact"]


def test_a_wrong_recipe_does_not_end_the_other_checks(tmp_path: Path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("recipe: mine\nextends: fineweb\nstages:\n- drop:\n    many: nothing > 1\n")
    code, checks = doctor(recipe, "--output", tmp_path / "o")
    assert code == 1
    assert problems(checks) == ["recipe"]
    assert f"{recipe}:5" in checks["recipe"]["fact"]
    assert "output" in checks


def test_ranks_that_are_not_there(tmp_path: Path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("extends: fineweb\ntokenizer: {tiktoken: {ranks: no/cl100k_base.tiktoken}}\n")
    (tmp_path / "some.jsonl").write_text('{"text": "some"}\n')
    code, checks = doctor(recipe, "--input", tmp_path / "some.jsonl", "--output", tmp_path / "o")
    assert code == 1
    assert problems(checks) == ["tokenizer"]
    assert (
        "'no/cl100k_base.tiktoken', ranks of tiktoken, is not here" in checks["tokenizer"]["fact"]
    )


def test_a_cluster_that_is_not_there():
    code, checks = doctor(engine="ray", env={"RAY_ADDRESS": "127.0.0.1:1"})
    assert code == 1
    assert problems(checks) == ["Ray"]
    assert "127.0.0.1:1" in checks["Ray"]["fact"]
    assert "RAY_ADDRESS" in checks["Ray"]["advice"]


def test_packages_that_do_not_fit(tmp_path: Path):
    """The package's own metadata, with wishes that cannot be met."""
    info = tmp_path / "cuvee-0.1.0.dist-info"
    info.mkdir()
    wishes = ("no-such-package>=1", "numpy<1", "rich>=14", 'typer<0; extra == "more"')
    lines = ["Metadata-Version: 2.1", "Name: cuvee", "Version: 0.1.0", "Requires-Python: >=99"]
    lines += [f"Requires-Dist: {wish}" for wish in wishes]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    impostor = tmp_path / "fasttext_predict-0.9.dist-info"
    impostor.mkdir()
    (impostor / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: fasttext-predict\nVersion: 0.9\n"
    )
    (impostor / "RECORD").write_text("fasttext/__init__.py,,\n")
    (impostor / "top_level.txt").write_text("fasttext\n")
    path = os.pathsep.join([str(tmp_path), str(Path.cwd())])
    code, checks = doctor(env={"PYTHONPATH": path})
    assert code == 1
    assert problems(checks) == [
        "python", "package no-such-package", "package numpy", "module fasttext",
    ]  # fmt: skip
    assert "pip uninstall fasttext-predict" in checks["module fasttext"]["advice"]
