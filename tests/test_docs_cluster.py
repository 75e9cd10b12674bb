"""The commands of docs/cluster.md: what can run on one machine runs here, the rest is parsed.

Not run are `docker build` and `kubectl apply` (no daemon, no Kubernetes), `ray up` (no other
machines) and `make chaos` (long; `tests/chaos` plays rounds of it).
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.tokenizer import train_tokenizer
from tests.command import contents, end_session
from tests.common_crawl import common_crawl
from tests.pipelines.small_run import made_pages, prose
from tests.pipelines.warc_bytes import gzip_each

ROOT = Path(__file__).parent.parent
DOC = (ROOT / "docs/cluster.md").read_text()
BIN = Path(sys.executable).parent
HAS_DASHBOARD = find_spec("aiohttp_cors") is not None
COMMIT = "0" * 40


def commands() -> list[str]:
    """Return what is to be typed, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", DOC, re.DOTALL)
    return [re.sub(r"\s+# .*", "", line) for block in blocks for line in block.splitlines()]


def is_image_build(words: list[str]) -> bool:
    file, tag = words[words.index("-f") + 1], words[words.index("-t") + 1]
    image = yaml.safe_load((ROOT / "configs/cluster/ray-up.yaml").read_text())["docker"]["image"]
    return (ROOT / file).is_file() and tag == image and words[-1] == "."


def is_rayjob(words: list[str]) -> bool:
    manifest = yaml.safe_load((ROOT / words[words.index("-f") + 1]).read_text())
    return words[1] == "apply" and manifest["kind"] == "RayJob"


PARSED: Mapping[str, Callable[[list[str]], bool]] = {
    "docker": is_image_build,
    "kubectl": is_rayjob,
}


def test_what_cannot_run_here_names_what_is_there():
    words = [shlex.split(command) for command in commands()]
    parsed = [line for line in words if line[0] in PARSED]
    assert [line[0] for line in parsed] == list(PARSED)
    assert all(PARSED[line[0]](line) for line in parsed)
    assert {line[0] for line in words} - set(PARSED) == {"cuvee", "ray", "export"}
    inline = re.findall(r"`(ray up [^`]+|make chaos [^`]+|cuvee [^`]+)`", DOC)
    (launcher,) = {line.split()[-1] for line in inline if line.startswith("ray up")}
    assert (ROOT / launcher).is_file()  # tests/test_cluster_configs.py has Ray validate it
    targets = {line.split()[1] for line in inline if line.startswith("make ")}
    assert targets == {"chaos"}
    assert re.search(
        r"^chaos: .*\n.*\$\(N\).*\$\(SEED\)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a crawl where the document has it, and GPT-2's tokenizer, or one like it."""
    for folder in (tmp_path / "crawl", tmp_path / "data/crawl"):
        folder.mkdir(parents=True)
        (folder / "a.warc.gz").write_bytes(gzip_each(made_pages()))
    cached = tmp_path / "hf/hub/models--gpt2"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs/main").write_text(COMMIT)
    (cached / "snapshots" / COMMIT).mkdir(parents=True)
    trained = train_tokenizer(prose(0, 100), 300)
    (cached / "snapshots" / COMMIT / "tokenizer.json").write_bytes(trained)
    return tmp_path


@pytest.fixture
def environment(place: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of every process: programs, no Hub, Common Crawl on this machine."""
    (tmp_path / "hosts").mkdir()
    with common_crawl(tmp_path / "hosts") as (hosts, *_):
        yield {
            **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
            **hosts,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(place / "hf"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        }


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


@contextmanager
def node(command: str, environment: Mapping[str, str], *more: str) -> Iterator[None]:
    """Start what a reader starts on a machine, in the foreground so that it can be ended."""
    with tempfile.TemporaryDirectory(prefix="cn", dir="/tmp") as folder:
        own = ("--block", "--object-store-memory", str(80 * 1024**2), *more)
        at = ("--temp-dir", folder) if "--head" in command else ()
        started = subprocess.Popen(
            [*shlex.split(command), *own, *at],
            env=dict(environment), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield
        finally:
            started.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                started.wait(20)
            end_session(started.pid)
            started.wait()


def typed(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Type a command; expect exit code 0, and wait for a cluster that is just starting."""
    until = time.monotonic() + 180
    while True:
        done = subprocess.run(
            shlex.split(command),
            cwd=folder, env=dict(environment), capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        starting = "No available agent" in done.stderr or "no Ray could be reached" in done.stderr
        if not starting or time.monotonic() > until:
            break
        time.sleep(1)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.long
def test_what_can_run_here_works_in_its_order(place: Path, environment: dict[str, str]):
    gcs, dashboard = free_port(), free_port()
    told: dict[str, str] = {
        "HEAD:6379": f"127.0.0.1:{gcs}",
        "http://HEAD:8265": f"http://127.0.0.1:{dashboard}",
        "/data/": f"{place}/data/",
    }

    def here(command: str) -> str:
        for name, meant in told.items():
            command = command.replace(name, meant)
        return command

    wanted = [command for command in commands() if shlex.split(command)[0] not in PARSED]
    made = [command for command in wanted if "auth" in command.lower()]
    name, _, mode = made[0].removeprefix("export ").partition("=")
    token = typed(made[1], place, {**environment, name: mode, "HOME": str(place)})
    kept = place / ".ray/auth_token"
    assert kept.read_text() == token.strip()
    environment = {**environment, name: mode, "RAY_AUTH_TOKEN_PATH": str(kept)}
    wanted = [command for command in wanted if command not in made]
    nodes = [here(command) for command in wanted if command.startswith("ray start")]
    others = [command for command in wanted if not command.startswith("ray start")]
    assert len(nodes) == 2
    assert len(others) == 6
    head = (f"--port={gcs}", f"--dashboard-port={dashboard}")
    with node(nodes[0], environment, *head), node(nodes[1], environment, *agent_ports()):
        said: dict[str, Any] = {}
        for command in others:
            if command.startswith("ray job"):
                if not HAS_DASHBOARD:
                    continue
                said["job"] = typed(here(command), ROOT, environment)
            else:
                said[command] = typed(here(command), place, environment)
    assert all(text.strip() for text in said.values())
    one, joined = contents(place / "runs/mine"), contents(place / "data/runs/mine")
    assert one == joined != {}
    assert "finished" in list(said.values())[-1]
    assert ("job" in said) == HAS_DASHBOARD


def agent_ports() -> tuple[str, ...]:
    """Return what a second node on the same machine must not share with the first."""
    return (f"--dashboard-agent-listen-port={free_port()}",)
