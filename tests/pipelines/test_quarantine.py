"""Units that cannot be done: set aside with the reason, named, and tried again by the command."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from tests.command import contents, cuvee, succeed
from tests.pipelines.small_run import RECIPE, edited, made_pages, stamps
from tests.pipelines.warc_bytes import gzip_each

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quarantine") / "crawl"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / f"{name}.warc.gz").write_bytes(gzip_each(made_pages()[number::4]))
    return folder


@pytest.fixture(scope="module")
def undisturbed(pages: Path) -> dict[str, str]:
    """What a run gives of which no file fails."""
    root = pages.parent / "whole"
    succeed(*command(pages, root))
    return contents(root)


@pytest.fixture
def crawl(pages: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pages, tmp_path / "crawl")


def command(crawl: Path, root: Path, *more: str) -> list[str]:
    written, listed = root.parent / "small.yaml", root.parent / "all.paths"
    written.write_text(edited(RECIPE, "input: crawl\n", ""))
    listed.write_text("".join(f"{name}.warc.gz\n" for name in NAMES))
    where = ("--input", listed, "--input-base", crawl, "--output", root, "--engine", "inline")
    return [str(word) for word in ("run", written, *where, *more)]


def again_by(message: str) -> list[str]:
    """Return the command that a message tells to type."""
    last = message.splitlines()[-1]
    return shlex.split(last.partition("just these again: ")[2])


def test_files_that_fail_are_named_and_only_they_are_tried_again(crawl, undisturbed, tmp_path):
    root = tmp_path / "run"
    for name in ("b", "d"):
        (crawl / f"{name}.warc.gz").rename(tmp_path / f"{name}.away")
    done = cuvee(*command(crawl, root))
    assert done.returncode == 1
    assert "curate: 2 unit(s) failed, the first is 000001: " in done.stderr
    assert "b.warc.gz' cannot be opened" in done.stderr
    assert "Failed as well: d.warc.gz. " in done.stderr
    assert len(done.stderr.strip().splitlines()) == 3

    told = json.loads(succeed("status", root, "--json"))
    assert not told["finished"]
    assert {
        unit: "cannot be opened" in why for unit, why in told["stages"]["curate"]["failed"].items()
    } == {
        "000001": True,
        "000003": True,
    }
    assert "its command again tries just the 2 failed unit(s)" in succeed("status", root)

    before = stamps(root)["curate"]
    for name in ("b", "d"):
        (tmp_path / f"{name}.away").rename(crawl / f"{name}.warc.gz")
    _, *words = again_by(done.stderr)
    succeed(*words)
    assert {name: stamps(root)["curate"][name] for name in before} == before
    assert contents(root) == undisturbed
    assert json.loads(succeed("status", root, "--json"))["stages"]["curate"]["failed"] == {}


def test_a_run_with_as_many_failures_as_allowed_ends_well_and_can_be_completed(
    crawl, undisturbed, tmp_path
):
    root = tmp_path / "run"
    shutil.move(crawl / "c.warc.gz", tmp_path)
    allowed = command(crawl, root, "--set", "max_failed_units=1")
    said = succeed(*allowed)
    assert "1 crawl file(s) could not be read:" in said
    assert "c.warc.gz: input " in said
    assert "The same command tries just these again." in said
    assert "finished; its command again tries just the 1 failed unit(s)" in succeed("status", root)
    shutil.move(tmp_path / "c.warc.gz", crawl)
    succeed(*allowed)
    assert "Already finished" in succeed(*allowed)
    assert contents(root) == undisturbed
