"""The command line where names are hostile, runs are broken, and nothing is kept."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import cuvee, succeed
from tests.pipelines.small_run import RECIPE, edited, made_pages
from tests.pipelines.warc_bytes import gzip_each

HOSTILE = "\x1b[31m[bold]\u202e\x9b2J.warc.gz"
RAW = ("\x1b", "\u202e", "\x9b")
LONG = "very " * 30
LOOKS = ("status", "show", "funnel")


@dataclass(frozen=True)
class Ran:
    """A crawl with names that are meant ill, and the command that has run on it."""

    crawl: Path
    root: Path
    command: tuple[str, ...]
    said: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("cli")
    pages = made_pages()
    for name, content in (("one", pages[:6]), ("two", pages[6:])):
        (folder / name).mkdir()
        (folder / name / "a.warc.gz").write_bytes(gzip_each(content))
    (folder / "two" / HOSTILE).write_bytes(b"no crawl file")
    recipe = folder / "small.yaml"
    recipe.write_text(f"{edited(RECIPE, 'input: crawl', '')}max_failed_pages: 0.5\n")
    root = folder / f"runs [b] {LONG.strip()}"
    inputs = ("--input", str(folder / "one"), "--input", str(folder / "two"))
    command = ("run", str(recipe), *inputs, "--output", str(root), "--engine", "inline")
    done = cuvee(*command, "--input-base", folder)
    assert done.returncode == 0, done.stderr
    return Ran(folder, root, command, done.stdout + done.stderr)


def test_the_memory_of_a_worker_is_an_option(tmp_path: Path):
    given = ("run", "demo", "--input", tmp_path, "--output", tmp_path / "run")
    assert "memory_per_worker must be at least 256MiB, not 2." in refused(
        *given, "--memory-per-worker", "2"
    )


def refused(*arguments: str | Path) -> str:
    done = cuvee(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "defect" not in done.stderr
    assert 1 <= len(done.stderr.strip().splitlines()) <= 3, done.stderr
    assert not any(raw in done.stderr + done.stdout for raw in RAW)
    return done.stderr


def at(root: Path, ran: Ran) -> list[str]:
    """Return the same command for another folder."""
    words = [str(root) if word == str(ran.root) else word for word in ran.command]
    return [*words, "--input-base", str(ran.crawl)]


def commands_to_go_on(said: str) -> list[list[str]]:
    return [shlex.split(line) for line in said.partition("Next:\n")[2].splitlines()]


def test_files_of_one_name_need_a_base_to_tell_them_apart(ran):
    message = refused(*ran.command[:-3], ran.crawl / "other", "--engine", "inline")
    assert "would both be 'a.warc.gz'" in message
    assert "--input-base" in message
    assert not (ran.crawl / "other").exists()
    shown = json.loads(succeed("show", ran.root, "--json", "-n", "100"))["pages"]
    assert {page["file_path"] for page in shown} == {
        "one/a.warc.gz", "two/a.warc.gz", f"two/{HOSTILE}",
    }  # fmt: skip


def test_names_from_elsewhere_reach_the_terminal_as_text(ran):
    outputs = [ran.said, succeed("show", ran.root, "-n", "100"), succeed("status", ran.root)]
    for said in outputs:
        assert not any(raw in said for raw in RAW)
    assert "two/·[31m[bold]··2J.warc.gz" in outputs[1]
    assert f"{ran.root}: finished".split() == outputs[2].split()[-len(str(ran.root).split()) - 1 :]
    assert succeed("show", ran.root, "-n", "100", "--json").isascii()
    assert "·[31m[bold]" in refused(
        "run", "demo", "--input", ran.crawl / "two" / f"no {HOSTILE}", "--output", ran.root
    )


def test_next_commands_quote_the_folder_and_work(ran):
    commands = commands_to_go_on(ran.said)
    assert [words[:2] for words in commands] == [
        ["cuvee", name] for name in ("show", "show", "funnel")
    ]
    for _, *words in commands:
        assert str(ran.root) in words
        assert "kept" in succeed(*words) or "--rule" in words


def test_the_program_to_go_on_with_loads_the_dataset(ran, tmp_path):
    root = tmp_path / f"it's {LONG}here"
    shutil.copytree(ran.root, root, copy_function=shutil.copy2)
    said = succeed(*at(root, ran))
    assert "Already finished" in said
    (program,) = [words for words in commands_to_go_on(said) if words[0] == "python"]
    loaded = subprocess.run(
        [sys.executable, *program[1:]], capture_output=True, text=True, check=False,
        env={**os.environ, "HF_HOME": str(tmp_path / "hf")},
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stderr
    assert "'text': 'That" in loaded.stdout


def test_a_run_that_keeps_nothing_ends_well(ran, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(ran.root, root, copy_function=shutil.copy2)
    said = succeed(*at(root, ran), "--set", "short=100000")
    assert "0.0%, 0 tokens" in said
    commands = commands_to_go_on(said)
    assert [words[1] for words in commands] == ["show", "funnel", "status"]
    for _, *words in commands:
        succeed(*words)


def test_looking_at_a_run_of_another_format(ran, tmp_path):
    (tmp_path / "commits").mkdir()
    (tmp_path / "commits/format.json").write_text('{"format": 99, "version": "9.9"}')
    shutil.copy2(ran.root / "manifest.json", tmp_path)
    for look in LOOKS:
        assert "made by cuvee 9.9 in another format" in refused(look, tmp_path)


def test_looking_at_a_damaged_run(ran, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(ran.root, root, copy_function=shutil.copy2)
    for name, look in (("commits/plan.json", "status"), ("manifest.json", "funnel")):
        (root / name).write_bytes((root / name).read_bytes()[:20])
        assert f"{root / name}: is damaged" in refused(look, root)


def test_an_interrupt_ends_the_command_with_its_own_code(ran, tmp_path):
    root = tmp_path / "run"
    command = [sys.executable, "-m", "pipelines", *at(root, ran)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(root.glob("work/*")):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert said.strip() == "cuvee: interrupted; the same command again goes on from here."
    assert not (root / "manifest.json").exists()


def test_an_interrupted_plan_promises_nothing(ran, tmp_path):
    command = [sys.executable, "-m", "pipelines", "plan", *at(tmp_path, ran)]
    command = [word for word in command if word not in ("run", "--output", str(tmp_path))]
    planning = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("cuvee-plan-*")):
        assert planning.poll() is None, planning.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    planning.send_signal(signal.SIGINT)
    _, said = planning.communicate(timeout=60)
    assert (planning.returncode, said.strip()) == (130, "cuvee: interrupted.")
    assert not list(tmp_path.iterdir())
