"""Fixtures for the tests of the pipelines."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


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
