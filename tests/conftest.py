"""Fixtures for all tests: the sample crawl, and third-party data where there is some."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fasteners import InterProcessLock
from xdist.scheduler.loadscope import LoadScopeScheduling

from pipelines.sample import default_folder, fetch_sample_crawl
from tests.command import succeed
from tests.hub.people import TOKEN, completed, environment
from tests.hub.server import Hub, serve


def pytest_configure() -> None:
    """Have what tests start listen to Ctrl-C, which a job in the background ignores.

    And have it keep what it compiles: that is the same for hundreds of processes.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class ByFile(LoadScopeScheduling):
    """Keeps a file's tests on one process, and all that need datatrove's models on one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder = path.rpartition("/")[0]
        return folder if folder.endswith("parity") else path


@pytest.hookimpl(optionalhook=True)  # tests also run without xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Share out the tests (`make test` runs several processes), files in the order below."""
    config.option.loadscopereorder = False  # else by their number of tests, which says nothing
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process waits for them at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that all processes of this test session see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


@pytest.fixture(scope="session")
def sample_crawl(shared_folder: Path) -> Path:
    """Folder with the sample crawl; fetched into the cache on the first use on a machine."""
    with InterProcessLock(shared_folder / "sample.lock"):
        return fetch_sample_crawl(default_folder()).folder


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder with third-party crawl files that are not part of the project."""
    folder = os.environ.get("CUVEE_TEST_DATA")
    if not folder:
        pytest.skip("CUVEE_TEST_DATA is not set: no third-party crawl files to read")
    return Path(folder)


@pytest.fixture(scope="session")
def demo_run(shared_folder: Path) -> Path:
    """Run directory of the demo, made once by the command with two Ray workers."""
    output = shared_folder / "demo" / "run"
    with InterProcessLock(shared_folder / "demo.lock"):
        if not (output / "manifest.json").exists():
            succeed("demo", "--output", output, "--workers", "2")
    return output


@pytest.fixture(scope="module")
def desk(demo_run: Path, sample_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader of the documents has it: the demo's run, and a crawl of their own.

    The run's card says what only a person can say, as it has to before it is published.
    """
    folder = tmp_path_factory.mktemp("desk")
    completed(Path(shutil.copytree(demo_run, folder / "runs/demo")))
    (folder / "crawl").mkdir()
    for path in sorted(sample_crawl.glob("*.warc.gz"))[:2]:
        (folder / "crawl" / path.name).symlink_to(path)
    return folder


@pytest.fixture
def reachable_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine, which all that is started meanwhile takes for the Hub."""
    with serve(rights={TOKEN: "write"}) as hub:
        for name, value in environment(hub, tmp_path / "hf").items():
            monkeypatch.setenv(name, value)
        yield hub
