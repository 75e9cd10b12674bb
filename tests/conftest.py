"""Fixtures for all tests: the sample crawl, and third-party data where there is some."""

import os
from pathlib import Path

import pytest

from pipelines.sample import default_folder, fetch_sample_crawl


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
