"""What the help promises: every example runs, every --json is one object, completion completes."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli import app
from tests.command import shell, succeed

COMMANDS = typer.main.get_command(app).commands
_EXAMPLE = re.compile(r"^ +(cuvee .+)$", re.MULTILINE)
# Runs from nothing are made in this process and of few pages; that Ray does the same, and how
# long whole runs take, is tested elsewhere.
_SHORTER = {
    "run": " --engine inline --limit 10",
    "doctor": " --engine inline",
    "plan": " --engine inline --pages 40",
    "calibrate": " --engine inline --pages 80",
    "dedup-check": " --sample 2",
    "tokenize": " --engine inline",
    "compare": " --engine inline --limit 10",
}
_LONG = {"compare", "calibrate", "plan", "dedup-check", "run"}


def examples(name: str) -> list[str]:
    return _EXAMPLE.findall((COMMANDS[name].epilog or "").partition("Examples:")[2])


def shortened(name: str, example: str) -> str:
    command, redirected, file = example.partition(" > ")
    more = "" if "--engine" in command else _SHORTER.get(name, "")
    return command + more + redirected + file


def options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts}


def speakers_of_json() -> list[Any]:
    """Return the commands that speak JSON; those that work longest are for the long tests."""
    names = [name for name in COMMANDS if "--json" in options(name)]
    return [pytest.param(name, marks=pytest.mark.long) if name in _LONG else name for name in names]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_and_shows_them(name: str):
    assert examples(name), f"the help of {name} has no example"
    shown = succeed(name, "--help")
    for example in examples(name):
        assert example.startswith(f"cuvee {name}")
        assert f"\n    {example}\n" in shown, "an example is to be copied: it must stay one line"
    assert COMMANDS[name].help
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name} is not explained"


def test_the_examples_of_the_whole_command_are_among_them():
    shown = succeed("--help")
    assert _EXAMPLE.findall(shown) == ["cuvee demo", "cuvee run --help"]


def lists_of_nobody(desk: Path) -> None:
    """Write what examples of `takedown` read; the run stays as it is for other examples."""
    (desk / "domains.txt").write_text("nobody.example\n")
    (desk / "items.jsonl").write_text('{"question": "Who is asked what nobody knows?"}\n')
    (desk / "urls.txt").write_text("https://nobody.example/\n")


@pytest.mark.slow
@pytest.mark.usefixtures("reachable_hub")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_runs(name: str, desk: Path):
    if name in ("verify", "takedown"):  # what an example names has to be there
        shell("cuvee publish runs/demo ORG/NAME", desk)
    lists_of_nobody(desk)
    answers = desk / "runs/demo/card.yaml"
    said_by_a_person = answers.read_bytes()
    for example in examples(name):
        if example.endswith("--init"):  # which refuses to begin what is there
            answers.unlink()
        said = shell(shortened(name, example), desk)
        redirected = example.partition(" > ")[2]
        assert said.strip() or (desk / redirected).stat().st_size > 0, example
        answers.write_bytes(said_by_a_person)


@pytest.mark.slow
@pytest.mark.usefixtures("reachable_hub")
@pytest.mark.parametrize("name", speakers_of_json())
def test_json_is_one_object_and_nothing_else(name: str, desk: Path):
    lists_of_nobody(desk)
    command = shortened(name, examples(name)[0]).replace("runs/mine", "runs/json")
    said = shell(f"{command} --json", desk, fresh=True)  # which also imports in its own order
    assert isinstance(json.loads(said), dict)
    assert said.isascii()


def test_which_commands_speak_json():
    without = {name for name in COMMANDS if "--json" not in options(name)}
    assert without == {"schema", "classifier"}, "the schema is JSON anyway, subcommands speak it"


def test_the_version():
    assert re.fullmatch(r"cuvee \d+\.\d+\.\d+\n", succeed("--version"))


def test_bash_gets_a_script_that_completes_commands_and_recipes(tmp_path: Path):
    script = shell("bash -c 'cuvee --show-completion; true'", tmp_path)
    assert "_CUVEE_COMPLETE=complete_bash" in script
    assert completed(script, ["cuvee", "st"], tmp_path) == ["status"]
    assert completed(script, ["cuvee", "run", ""], tmp_path) == sorted(recipes())
    assert completed(script, ["cuvee", "run", "gop"], tmp_path) == ["gopher"]
    assert completed(script, ["cuvee", "doctor", "de"], tmp_path) == ["demo"]
    assert completed(script, ["cuvee", "run", "demo", "--engine", "i"], tmp_path) == ["inline"]
    # Nothing of ours fits, so the shell offers files.
    assert completed(script, ["cuvee", "run", "min"], tmp_path) == []


def recipes() -> list[str]:
    return list(json.loads(succeed("recipes", "--json"))["recipes"])


def completed(script: str, words: list[str], folder: Path) -> list[str]:
    """What bash offers for the last word, by the script."""
    typed = f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}"
    ask = '_cuvee_completion cuvee; for word in "${COMPREPLY[@]}"; do echo "$word"; done'
    return sorted(shell(["bash", "-c", f"{script}\n{typed}\n{ask}"], folder).split())
