"""Joining a cluster of several nodes by its address; the nodes are processes of this machine."""

import socket
from collections.abc import Iterator

import pytest

from pipelines.driver import Driver
from pipelines.execute import open_engine
from pipelines.storage import CommitLog
from tests.pipelines import units
from tests.pipelines.units import Listener, task

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def cluster_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A head without processors, as clusters should have it, and two nodes of one each."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    from ray import cloudpickle
    from ray.cluster_utils import Cluster

    # Workers cannot import a module of the tests.
    cloudpickle.register_pickle_by_value(units)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]  # Ray takes one though it has no dashboard
    small = {"object_store_memory": 80 * 1024**2, "include_dashboard": False}
    small["dashboard_port"] = port
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=80 * 1024**2)
        yield str(cluster.address)
    finally:
        cluster.shutdown()


# Where another Ray holds a port that it wants, Ray leaves a socket open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_units_run_on_every_node_of_a_cluster(tmp_path, cluster_address):
    wanted = [task(name, units.write_where) for name in NAMES]
    with open_engine("ray", workers=None, address=cluster_address) as engine:
        assert engine.slots == 2
        done = Driver(tmp_path, engine, Listener()).run("stage", wanted)
        assert list(done) == list(NAMES)
        assert CommitLog(tmp_path).commits("stage") == done
        assert len({commit.facts["node"] for commit in done.values()}) == 2

        lost = [task("e", units.die_once), task("f")]
        assert list(Driver(tmp_path, engine, Listener()).run("stage", lost)) == ["e", "f"]

    # Ray itself would join what it finds on this machine.
    with open_engine("ray", workers=1, address=None) as own:
        assert own.slots == 1
        assert list(Driver(tmp_path, own, Listener()).run("stage", [task("g")])) == ["g"]
