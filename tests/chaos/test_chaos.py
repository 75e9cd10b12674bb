"""A few rounds of faults, and a job that is submitted: `make chaos` plays more of them."""

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.chaos.cluster import ROOT
from tests.chaos.rounds import Chaos
from tests.command import contents

pytestmark = pytest.mark.slow
HAS_DASHBOARD = find_spec("aiohttp_cors") is not None


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        made = Chaos(tmp_path_factory.mktemp("chaos"), dashboard=HAS_DASHBOARD)
        try:
            yield made
        finally:
            made.close()


def submit(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Submit a job, once Ray's agents are there: they take longer to start than the nodes."""
    until = time.monotonic() + 180
    while True:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
        )
        if "No available agent" not in done.stderr or time.monotonic() > until:
            return done
        time.sleep(1)


@pytest.mark.skipif(not HAS_DASHBOARD, reason="Ray has no dashboard here: ray[default]")
def test_a_submitted_job_gives_the_same_bytes(chaos: Chaos, tmp_path: Path):
    """With this working tree, on a cluster whose head has no processors."""
    root = tmp_path / "run"
    asked = [
        Path(sys.executable).with_name("ray"),
        "job",
        "submit",
        "--address",
        chaos.nodes.jobs_address,
        "--working-dir",
        ".",
    ]
    typed = ["cuvee", "run", chaos.recipe, "--input", chaos.crawl, "--output", root]
    done = submit([*map(str, asked), "--", *map(str, typed)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the published shards" in done.stdout
    assert contents(root) == chaos.undisturbed


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("node killed: raylet and workers", 3),
        ("driver killed", 21),
        pytest.param("worker stopped, writes late", 6, marks=pytest.mark.long),
    ],
)
def test_the_run_survives(chaos: Chaos, kind: str, seed: int):
    played = chaos.round(kind, seed)
    assert played.wrong == ""
    assert played.strikes >= 1
