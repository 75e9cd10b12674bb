"""Fixtures for the tests in the trainers' environment: `make test-trainers`."""

from pathlib import Path

import pytest

from tests.pipelines.small_run import RECIPE, do_run, made_pages
from tests.pipelines.token_shards import Documents, numbered, write_shards
from tests.pipelines.warc_bytes import gzip_each

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the trainers warn: what they say of each other is not ours to mend."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def documents() -> Documents:
    return numbered(400, longest=60, first=3)


@pytest.fixture(scope="session")
def shards(documents: Documents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Token shards of a few row groups, with ids that a tiny model can have."""
    small = [[3 + token % 250 for token in document] for document in documents]
    return write_shards(tmp_path_factory.mktemp("shards"), small, files=3, rows=20)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a few made pages."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "crawl").mkdir()
    (folder / "crawl/a.warc.gz").write_bytes(gzip_each(made_pages()))
    do_run(RECIPE, folder / "crawl", folder / "run")
    return folder / "run"
