"""Running the command line as a person does, and comparing what runs leave behind."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

FOLDERS = ("ledger", "documents", "dataset/data", "tokens")
"""What "the same bytes" means."""


def cuvee(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run `cuvee` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )


def succeed(*arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run `cuvee`, expect exit code 0 and return what it printed."""
    done = cuvee(*arguments, env=env)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def shell(command: list[str] | str, desk: Path) -> str:
    """Run what a reader types in a folder; expect exit code 0, return output.

    Without the Hub, unless the environment says that it is on this machine.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    away = {} if "HF_ENDPOINT" in os.environ else {"HF_HUB_OFFLINE": "1"}
    env = {**os.environ, "PATH": path, **away, "HF_HOME": str(desk / "hf")}
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=desk, env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


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
