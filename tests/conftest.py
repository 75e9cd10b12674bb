"""Fixtures for all tests: the sample crawl, and third-party data where there is some."""

import os
from pathlib import Path

import pytest

from pipelines.sample import default_folder, fetch_sample_crawl
from tests.command import succeed


@pytest.fixture(scope="session")
def sample_crawl() -> Path:
    """Folder with the sample crawl; fetched into the cache on the first use on a machine."""
    return fetch_sample_crawl(default_folder()).folder


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder with third-party crawl files that are not part of the project."""
    folder = os.environ.get("CUVEE_TEST_DATA")
    if not folder:
        pytest.skip("CUVEE_TEST_DATA is not set: no third-party crawl files to read")
    return Path(folder)


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of the demo, made once by the command with two Ray workers."""
    output = tmp_path_factory.mktemp("demo") / "run"
    succeed("demo", "--output", output, "--workers", "2")
    return output


@pytest.fixture(scope="module")
def desk(demo_run: Path, sample_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader of the documents has it: the demo's run, and a crawl of their own."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "runs").mkdir()
    (folder / "runs/demo").symlink_to(demo_run)
    (folder / "crawl").mkdir()
    for path in sorted(sample_crawl.glob("*.warc.gz"))[:2]:
        (folder / "crawl" / path.name).symlink_to(path)
    return folder
