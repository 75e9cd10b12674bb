"""A command that is a fork of a loaded process does what one does that Python starts."""

import subprocess
from pathlib import Path

import pytest

from tests.command import cuvee, is_plain, shell

SAID = {
    "an answer": (["recipes", "--json"], 0),
    "wrong use": (["status", "no-such-run"], 2),
    "no command": (["nonsense"], 2),
    "help": (["run", "--help"], 0),
}


@pytest.mark.parametrize("case", SAID)
def test_it_says_and_ends_the_same(case: str):
    words, code = SAID[case]
    forked, fresh = cuvee(*words), cuvee(*words, fresh=True)
    assert (forked.returncode, forked.stdout, forked.stderr) == (code, fresh.stdout, fresh.stderr)
    assert fresh.returncode == code
    assert forked.stdout + forked.stderr


def test_it_has_the_folder_and_the_environment_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mine.yaml").write_text("recipe: of-this-folder\nextends: gopher\n")
    assert "of-this-folder" in shell("cuvee recipes show mine.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "of-this-folder" in cuvee("recipes", "show", "mine.yaml").stdout
    cache = tmp_path / "cache"
    asked = ("doctor", "--engine", "inline", "--json")
    assert str(cache) in cuvee(*asked, env={"CUVEE_CACHE": str(cache)}).stdout
    assert str(cache) not in cuvee(*asked).stdout


def test_one_that_takes_too_long_is_killed_and_the_next_one_runs(tmp_path: Path):
    with pytest.raises(subprocess.TimeoutExpired):
        cuvee("run", "demo", "--input", "configs", "--output", tmp_path / "run", timeout=0.001)
    assert cuvee("--version").returncode == 0


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("cuvee show runs/demo -n 3", True),
        ("cuvee run fineweb --set 'tokenizer={train: {vocab_size: 8192}}'", True),
        ("cuvee schema > schema.json", False),
        ("cuvee audit $HOME", False),
        ("cuvee show runs/*", False),
        ("cuvee status a; cuvee status b", False),
        ("python -c 'print(1)'", False),
    ],
)
def test_what_needs_a_shell_gets_one(line: str, plain: bool):
    assert is_plain(line) == plain
