"""Running the command line as a person does, and comparing what runs leave behind."""

import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.forked import ROOT, can_be_forked, run_forked

FOLDERS = ("ledger", "documents", "dataset/data", "tokens")
"""What "the same bytes" means."""
_BIN = Path(sys.executable).parent
_SHELL = re.compile(r"[^\w\s./:@%+=,'\"{}-]")
"""What makes a line more than a program and its words."""

_ENDING = "\nimport time\ntime.sleep(0.5)\n"


def python(program: str, *arguments: str) -> list[str]:
    """Return the command that runs a program which may read Parquet as a stream.

    It ends a moment later: a thread of Arrow's that has read ahead lets go of Python's memory,
    and where it does so while Python ends, the process aborts (pyarrow 26, seen on busy machines).
    """
    return [sys.executable, "-c", program + _ENDING, *arguments]


def cuvee(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `cuvee` to its end: as `tests.forked` says, or from Python's start if `fresh`."""
    words = [str(ROOT / "pipelines/__main__.py"), *map(str, arguments)]
    given = {**os.environ, **(env or {})}
    if not fresh and can_be_forked(given):
        return run_forked(words, cwd=Path.cwd(), env=given, search=Path.cwd(), timeout=timeout)
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=given,
    )


def succeed(
    *arguments: str | Path, env: Mapping[str, str] | None = None, fresh: bool = False
) -> str:
    """Run `cuvee`, expect exit code 0 and return what it printed."""
    done = cuvee(*arguments, env=env, fresh=fresh)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def shell(command: list[str] | str, desk: Path, *, fresh: bool = False) -> str:
    """Run what a reader types in a folder; expect exit code 0, return output.

    Without the Hub, unless the environment says that it is on this machine. A line that is
    `cuvee` and its words alone goes without a shell, by `tests.forked`, unless it is `fresh`.
    """
    path = f"{_BIN}{os.pathsep}{os.environ['PATH']}"
    away = {} if "HF_ENDPOINT" in os.environ else {"HF_HUB_OFFLINE": "1"}
    env = {**os.environ, "PATH": path, **away, "HF_HOME": str(desk / "hf")}
    if isinstance(command, str) and not fresh and is_plain(command) and can_be_forked(env):
        words = [str(_BIN / "cuvee"), *shlex.split(command)[1:]]
        done = run_forked(words, cwd=desk, env=env, search=_BIN, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=desk, env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def is_plain(line: str) -> bool:
    """Return whether a line is `cuvee` and its words, with nothing for a shell to do."""
    return line.startswith("cuvee ") and not _SHELL.search(line)


def contents(root: Path) -> dict[str, str]:
    """Return the sha256 of every published file, by path."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def commit_count(root: Path) -> int:
    """Return how many units have been committed."""
    return sum(1 for _ in root.glob("commits/*/*.json"))


def kill_after_commits(commits: int, root: Path, *arguments: str | Path) -> bool:
    """Start `cuvee`, SIGKILL the driver as soon as `commits` units are committed.

    Returns False when it was done before that. Workers are not killed at once: they
    may finish their unit after the driver's death, as on a cluster.
    """
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    with tempfile.TemporaryFile() as said:
        driver = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        deadline = time.monotonic() + 300
        while driver.poll() is None and commit_count(root) < commits:
            assert time.monotonic() < deadline, f"never reached {commits} commits"
            time.sleep(0.02)
        killed = driver.poll() is None
        driver.kill()
        driver.wait()
        time.sleep(0.5)
        end_session(driver.pid)
        said.seek(0)
        assert killed or driver.returncode == 0, said.read().decode()
    return killed


def end_session(leader: int) -> None:
    """End what the killed driver started: Ray's helpers wait for a parent to be reaped."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _session_of(entry) == leader:
            os.kill(int(entry.name), signal.SIGKILL)


def _session_of(entry: Path) -> int | None:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[3])
