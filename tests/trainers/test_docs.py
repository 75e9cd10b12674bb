"""The Python of docs/training.md and the encoder of docs/classifiers.md, typed as they stand."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import succeed
from tests.pipelines.labelled import write_rows
from tests.pipelines.small_run import prose
from tests.trainers.served import hub_with
from tests.trainers.tiny_bert import make_bert

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/training.md").read_text(), re.DOTALL)


def test_the_programs_of_the_page_run(small_run: Path, tmp_path: Path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/demo").symlink_to(small_run)
    assert len(PROGRAMS) == 1
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[0]],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == " ".join(["torch.Size([4, 512])"] * 3)


def test_the_encoder_of_the_page_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/classifiers.md").read_text()
    (command,) = re.findall(r"^cuvee classifier train .*--encoder .*$", page, re.MULTILINE)
    scored = [{"text": " ".join(prose(n, 1 + n % 6)), "url": f"https://s{n}.test/", "score": n % 6}
              for n in range(60)]  # fmt: skip
    write_rows(tmp_path / "scored.jsonl", scored)
    named = {"Snowflake/snowflake-arctic-embed-m": make_bert(tmp_path / "bert", marks=True)}
    with hub_with(named, tmp_path) as env:
        printed = succeed(*shlex.split(command)[1:], env={"PYTHONPATH": str(ROOT), **env})
    assert "In a recipe: classifiers:" in printed
    head = json.loads((tmp_path / "models/edu/classifier.json").read_bytes())
    assert head["encoder"]["model"] in named
