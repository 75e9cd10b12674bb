"""What befalls a run, each by its own name. A fault says whether it has found a victim."""

import random
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.cluster import Nodes, below, kill


@dataclass
class Stage:
    """Where a fault comes: a run under way."""

    nodes: Nodes
    driver: subprocess.Popen[bytes]
    root: Path
    chance: random.Random
    stopped: psutil.Process | None = None
    """A worker that is to go on later."""
    held: str = ""
    """The name of its attempt's folder."""

    def record(self) -> Path:
        """Return where the record of the unit comes that the stopped worker has."""
        stage, _, rest = self.held.partition(".")
        return self.root / "commits" / stage / f"{rest.rpartition('.')[0]}.json"


def _one(stage: Stage, victims: list[psutil.Process]) -> bool:
    if victims:
        kill(stage.chance.choice(victims))
    return bool(victims)


def _node(stage: Stage) -> bool:
    raylet = stage.chance.choice(stage.nodes.raylets())
    kill(raylet, *below(raylet))
    return True


def _raylet(stage: Stage) -> bool:
    kill(stage.chance.choice(stage.nodes.raylets()))
    return True


def _driver(stage: Stage) -> bool:
    stage.driver.kill()
    return True


def _stop(stage: Stage) -> bool:
    """Stop a worker that is in the middle of a unit."""
    for worker in stage.nodes.working():
        if stage.stopped is None and (held := _attempt_of(worker)):
            with suppress(psutil.NoSuchProcess):
                worker.send_signal(signal.SIGSTOP)
                stage.stopped, stage.held = worker, held
                if stage.record().exists():  # too late: it has done its unit
                    worker.send_signal(signal.SIGCONT)
                    stage.stopped = None
    return stage.stopped is not None


def _attempt_of(worker: psutil.Process) -> str:
    """Return the name of the attempt's folder in which a worker has files open."""
    with suppress(OSError):
        for link in Path(f"/proc/{worker.pid}/fd").iterdir():
            target = str(link.readlink())
            if "/work/" in target and "(deleted)" not in target:
                return target.rpartition("/work/")[2].partition("/")[0]
    return ""


def _add(stage: Stage) -> bool:
    stage.nodes.add()
    return True


FAULTS: Mapping[str, Callable[[Stage], bool]] = {
    "worker killed": lambda stage: _one(stage, stage.nodes.working()),
    "sandbox child killed": lambda stage: _one(stage, stage.nodes.sandboxed()),
    "sandbox template killed": lambda stage: _one(stage, stage.nodes.templates()),
    "node killed: raylet and workers": _node,
    "raylet killed, workers orphaned": _raylet,
    "driver killed": _driver,
    "worker stopped, writes late": _stop,
    "node added": _add,
}
