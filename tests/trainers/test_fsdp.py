"""A training under FSDP that is killed goes on with the batches that would have come."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "train_fsdp.py"
ROOT = PROGRAM.parent.parent.parent
STEPS = 20


def start(shards: Path, folder: Path, ranks: int, workers: int = 0) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    run = ["-m", "torch.distributed.run", "--nproc_per_node", str(ranks), "--standalone"]
    given = [PROGRAM, shards, folder, STEPS, workers]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, *run, *map(str, given)],
            env=env, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip


def train(shards: Path, folder: Path, ranks: int, workers: int = 0) -> dict[int, dict]:
    done = start(shards, folder, ranks, workers)
    assert done.wait(timeout=300) == 0, (folder / "said").read_text()[-3000:]
    return told(folder)


def told(folder: Path) -> dict[int, dict]:
    """What was said last of each step."""
    lines = (folder / "steps.jsonl").read_text().splitlines()
    return {line["step"]: line for line in map(json.loads, lines)}


def kill_in_the_middle(shards: Path, folder: Path, ranks: int) -> int:
    """Kill all processes some steps after a checkpoint; return the step that was reached."""
    running = start(shards, folder, ranks)
    deadline = time.monotonic() + 300
    while not (folder / "last.json").exists() or max(told(folder)) < 8:
        assert running.poll() is None, (folder / "said").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    end_workers(folder)
    return max(told(folder))


def end_workers(folder: Path) -> None:
    """End the ranks that the killed launcher has left: each has a session of its own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in command and PROGRAM.name.encode() in command:
                os.kill(int(entry.name), signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict]:
    return train(shards, tmp_path_factory.mktemp("undisturbed"), 2)


@pytest.fixture(scope="module")
def killed(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    assert kill_in_the_middle(shards, folder, 2) < STEPS
    return folder


@pytest.mark.parametrize(("ranks", "workers"), [(2, 0), (1, 0), (3, 2)])
def test_a_killed_training_goes_on_with_the_same_batches(
    shards: Path, undisturbed, killed: Path, tmp_path: Path, ranks: int, workers: int
):
    folder = tmp_path / "again"
    shutil.copytree(killed, folder)
    resumed_at = json.loads((folder / "last.json").read_text())["step"]
    (folder / "steps.jsonl").rename(folder / "before.jsonl")
    found = train(shards, folder, ranks, workers)
    assert list(found) == list(range(resumed_at + 1, STEPS + 1))
    for step, line in found.items():
        assert line["batch"] == undisturbed[step]["batch"], step
        assert line["loss"] == pytest.approx(undisturbed[step]["loss"], rel=1e-4)


def test_the_killed_training_had_the_same_batches_until_then(undisturbed, killed: Path):
    for step, line in told(killed).items():
        assert line["batch"] == undisturbed[step]["batch"]


def test_the_batches_of_all_steps_are_different_samples(undisturbed):
    batches = [json.dumps(line["batch"]) for line in undisturbed.values()]
    assert len(set(batches)) == STEPS
