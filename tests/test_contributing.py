"""CONTRIBUTING's filter in five minutes, done as it says, in a copy of the repository."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.manifest import read_manifest

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("filters", "pipelines", "configs", "tests", "pyproject.toml", "README.md")


@pytest.fixture
def checkout(tmp_path: Path, sample_crawl: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=ignore)
        else:
            shutil.copy(source, tmp_path / name)
    (tmp_path / "crawl").mkdir()
    first = min(sample_crawl.glob("*.warc.gz"))
    (tmp_path / "crawl" / first.name).symlink_to(first)
    return tmp_path


def type_in(command: str, checkout: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # A contributor's environment has their checkout installed; this one has another.
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(checkout)}
    if command.startswith("cuvee run"):
        command += " --engine inline"  # what is tested is the filter, not Ray
    done = subprocess.run(  # noqa: S602  a shell is what the guide is typed into
        command, shell=True, cwd=checkout, env=env,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_a_filter_in_five_minutes(checkout: Path):
    said: dict[str, str] = {}
    for language, body in BLOCK.findall(GUIDE):
        if language == "python":
            module = checkout / "filters/fineweb.py"
            module.write_text(f"{module.read_text()}\n\n{body}")
        elif language == "json":
            assert len(body.strip().splitlines()) == 1
            with (checkout / "tests/golden/fineweb.jsonl").open("a") as golden:
                golden.write(body)
        elif language == "yaml":
            assert len(body.strip().splitlines()) == 1
            recipe = checkout / "mine.yaml"
            above, below, rest = recipe.read_text().partition("    dup_para_frac: ")
            assert below
            recipe.write_text(above + body + below + rest)
        else:
            for command in body.strip().splitlines():
                said[command.partition(" --")[0]] = type_in(command, checkout)
    assert "question_lines" in said["cuvee signals"]
    assert "many_questions" in said["cuvee funnel runs/mine"]
    ledger = pq.read_table(checkout / "runs/mine/ledger", partitioning=None)
    counts = ledger["text.question_lines"].to_pylist()
    assert any(counts)
    fell = [row["pages"] for row in read_manifest(checkout / "runs/mine")["funnel"]
            if row["rule"] == "many_questions"]  # fmt: skip
    assert fell == [ledger["rule"].to_pylist().count("many_questions")]


def test_the_golden_row_of_the_guide_can_fail(checkout: Path):
    (function,) = (body for language, body in BLOCK.findall(GUIDE) if language == "python")
    (golden,) = (body for language, body in BLOCK.findall(GUIDE) if language == "json")
    module = checkout / "filters/fineweb.py"
    module.write_text(f"{module.read_text()}\n\n{function}")
    wrong = {**json.loads(golden), "question_lines": 99}
    with (checkout / "tests/golden/fineweb.jsonl").open("a") as rows:
        rows.write(json.dumps(wrong) + "\n")
    with pytest.raises(AssertionError, match="99"):
        type_in("python -m pytest tests/filters/test_golden.py -q", checkout)
