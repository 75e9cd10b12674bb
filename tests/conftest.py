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
