"""A driver killed while it writes a dataset by language: the next one ends as if none had been."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import end_session
from tests.pipelines.languages import BY_LANGUAGE
from tests.pipelines.small_run import differing, published, stamps

DRIVER = """
import os, signal, sys
from pathlib import Path
from pipelines import dataset, storage
from pipelines.events import UnitDone
from pipelines.pipeline import RunOptions, run
from pipelines.recipe import load_recipe
from pipelines.stages import publishing

recipe, crawl, root, engine, moment = sys.argv[1:]
publishing.SHARD_BYTES = 8000
written = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def watch(event):
    if moment == "unit" and isinstance(event, UnitDone) and event.commit.stage == "dataset":
        die()

def write(*given, real=dataset._write):
    global written
    rows = real(*given)
    written += 1
    if moment == "shard" and written == 4:
        die()
    return rows

def publish(log, commit, real=storage.CommitLog.publish):
    if moment == "commit" and commit.stage == "dataset":
        die()
    return real(log, commit)

dataset._write, storage.CommitLog.publish = write, publish
options = RunOptions(engine=engine, workers=2, limit=30)
run(load_recipe(recipe, (), [crawl]), Path(root), options, watch)
"""
"""Runs as `do_run` does, and kills itself at a moment of the dataset's stage."""


def drive(folder: Path, crawl: Path, engine: str, moment: str) -> tuple[int, str]:
    """Return how a driver ended, and what it said; what it leaves running is ended."""
    recipe = folder / "many.yaml"
    recipe.write_text(BY_LANGUAGE)
    given = [str(recipe), str(crawl), str(folder / "run"), engine, moment]
    with (folder / "said.txt").open("w+") as said:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *given], stdout=said, stderr=said, start_new_session=True
        )
        code = driver.wait(600)
        end_session(driver.pid)
        said.seek(0)
        return code, said.read()


@pytest.mark.long
@pytest.mark.parametrize(
    ("engine", "moment"),
    [("inline", "shard"), ("inline", "commit"), ("inline", "unit"), ("ray", "unit")],
)
def test_the_next_driver_ends_with_the_same_bytes(
    engine: str, moment: str, by_language: Path, tmp_path: Path
):
    crawl, root = by_language.parent / "crawl", tmp_path / "run"
    code, said = drive(tmp_path, crawl, engine, moment)
    assert code == -signal.SIGKILL, said
    assert not (root / "manifest.json").exists()
    before, whole = stamps(root), stamps(by_language)
    assert before["plan"].keys() == whole["plan"].keys()
    assert len(before.get("dataset", ())) < len(whole["dataset"]), "in the dataset's stage"
    code, said = drive(tmp_path, crawl, engine, "none")
    assert code == 0, said
    assert differing(published(by_language), published(root)) == []
    after = stamps(root)
    for stage, done in before.items():
        assert {unit: after[stage][unit] for unit in done} == done, f"{stage}: was done again"
    assert list((root / "work").iterdir()) == []
