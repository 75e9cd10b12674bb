"""A Ray cluster of several processes on this machine, and who works in it."""

import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

ROOT = Path(__file__).parents[2]
STORE = 80 * 1024**2
NOTICED = {
    # A node that has ended is dead after five seconds, one that is only slow is not.
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 10,
}
WORKING, TEMPLATE = "ray::perform_remotely", "pipelines.sandbox.template"


class Nodes:
    """A head without processors, as clusters should have it, and nodes of one processor each."""

    def __init__(self, count: int = 2, *, dashboard: bool = False) -> None:
        # Short, as sockets need it; elsewhere others on this machine would find the cluster.
        self._folder = tempfile.mkdtemp(prefix="cc", dir="/tmp")
        self._environment = patch.dict(
            os.environ,
            RAY_USAGE_STATS_ENABLED="0",
            RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
            RAY_TMPDIR=self._folder,
            PYTHONPATH=str(ROOT),
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        )
        self._environment.start()
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": dashboard}
        # Any free port: on its usual one the agent that starts jobs may meet another cluster's.
        head["dashboard_agent_listen_port"] = 0
        self._cluster = Cluster(
            initialize_head=True, head_node_args={**head, "_system_config": NOTICED}
        )
        self._nodes: list[Any] = []
        self._count = count
        self.mend()

    @property
    def address(self) -> str:
        """Where a driver joins."""
        return str(self._cluster.address)

    @property
    def jobs_address(self) -> str:
        """Where jobs are submitted, with a dashboard."""
        return f"http://{self._cluster.webui_url}"

    def add(self) -> None:
        """Add a node, with a folder of its own, as machines have."""
        own = tempfile.mkdtemp(dir=self._folder)
        node = self._cluster.add_node(num_cpus=1, object_store_memory=STORE, temp_dir=own)
        self._nodes.append(node)

    def mend(self) -> None:
        """Have as many nodes as at first, all of them alive."""
        for node in [node for node in self._nodes if raylet_of(node) is None]:
            self._drop(node)
        for node in self._nodes[self._count :]:
            self._drop(node)
        while len(self._nodes) < self._count:
            self.add()

    def _drop(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)
        self._nodes.remove(node)

    def raylets(self) -> list[psutil.Process]:
        """Return the nodes' own processes."""
        return [raylet for node in self._nodes if (raylet := raylet_of(node))]

    def working(self) -> list[psutil.Process]:
        """Return the workers that have a unit under way."""
        return [one for raylet in self.raylets() for one in below(raylet) if title(one) == WORKING]

    def templates(self) -> list[psutil.Process]:
        """Return the processes that sandboxes' children are forked from."""
        found = [one for worker in self.working() for one in children(worker)]
        return [one for one in found if TEMPLATE in title(one)]

    def sandboxed(self) -> list[psutil.Process]:
        """Return the processes that are at work on pages."""
        return [child for template in self.templates() for child in children(template)]

    def close(self) -> None:
        """End all of them."""
        self._cluster.shutdown()
        self._environment.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def raylet_of(node: Any) -> psutil.Process | None:
    """Return the process that a node lives and dies with; None once it has ended."""
    process = node.all_processes["raylet"][0].process
    return psutil.Process(process.pid) if process.poll() is None else None


def children(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes that one has started and that live."""
    with suppress(psutil.NoSuchProcess):
        return process.children()
    return []


def below(process: psutil.Process) -> list[psutil.Process]:
    """Return all processes below one that live."""
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def title(process: psutil.Process) -> str:
    """Return what a process says that it is; nothing of one that has ended."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""


def kill(*victims: psutil.Process) -> None:
    """SIGKILL; who has ended already is as dead."""
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
