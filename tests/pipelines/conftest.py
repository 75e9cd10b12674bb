"""Fixtures for the tests of the pipelines."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.hosts import lay_out, moto_s3
from tests.pipelines.small_run import RECIPE, Finished, do_run, made_pages
from tests.pipelines.warc_bytes import gzip_each


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MiB, where the test may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small file system can be mounted here: {error}")
    yield folder
    _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="session")
def small_crawl(sample_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two crawl files: pages of the web, and made ones."""
    folder = tmp_path_factory.mktemp("crawl") / "crawl"
    folder.mkdir()
    shutil.copy2(sample_crawl / "formasaurus-00002.warc.gz", folder / "a.warc.gz")
    (folder / "b.warc.gz").write_bytes(gzip_each(made_pages()))
    return folder


@pytest.fixture(scope="session")
def garbage(small_crawl: Path) -> Path:
    """The crawl's names, sizes and times, but nothing that could be read."""
    folder = small_crawl.parent / "garbage"
    folder.mkdir()
    for path in small_crawl.iterdir():
        facts = path.stat()
        (folder / path.name).write_bytes(b"\xff" * facts.st_size)
        os.utime(folder / path.name, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return folder


@pytest.fixture(scope="session")
def base(small_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp("base") / "run"
    do_run(RECIPE, small_crawl, root)
    return Finished(root)


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files behind the local hosts, laid out as Common Crawl's bucket is."""
    return lay_out(tmp_path_factory.mktemp("crawl"))


@pytest.fixture(scope="session")
def bucket(hosted: Path) -> Iterator[int]:
    """Port of a local S3 server that has this folder."""
    with moto_s3(hosted) as port:
        yield port
