"""What a finished run says of itself, and what makes it unfinished again."""

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from filters.errors import UnitError, UsageError, WorkError
from pipelines.crawl import CrawlFile, read
from pipelines.files import plain_errors
from pipelines.manifest import load_manifest, open_run_directory, read_manifest
from pipelines.summary import read_status
from pipelines.tokenizer import train_tokenizer
from tests.pipelines.small_run import (
    RECIPE,
    Finished,
    differing,
    do_run,
    edited,
    prose,
    published,
)
from tests.pipelines.units import Listener

_NOBODY = 65534
ONE_MAY_FAIL = f"{RECIPE}max_failed_units: 1\n"


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch):
    """Let b.warc.gz vanish after it was found, for as long as the context lasts."""
    real = read.open_file

    def open_file(file: CrawlFile, traffic=None):
        if file.file_path == "b.warc.gz":
            raise UnitError(f"input '{file.uri}' cannot be opened: gone.\n  Put it back.")
        return real(file, traffic)

    with monkeypatch.context() as patch:
        patch.setattr(read, "open_file", open_file)
        yield patch


def test_a_crawl_file_that_may_fail_is_named_and_tried_again(lost, base, small_crawl, tmp_path):
    root = tmp_path / "run"
    outcome = do_run(ONE_MAY_FAIL, small_crawl, root)
    reason = f"input '{small_crawl / 'b.warc.gz'}' cannot be opened: gone."
    assert outcome.manifest["failed_units"] == {"b.warc.gz": reason}
    assert f"- `b.warc.gz`: `{reason}`" in (root / "dataset/README.md").read_text()
    assert {file for file, _ in Finished(root).ledger()} == {"a.warc.gz"}
    assert read_status(root)["stages"]["curate"] == {
        "units": 2, "done": 1, "failed": {"000001": reason},
    }  # fmt: skip

    again = Listener()
    assert do_run(ONE_MAY_FAIL, small_crawl, root, again).did_work
    assert "curate: 2 units, 1 done" in again.told

    lost.undo()
    mended = do_run(ONE_MAY_FAIL, small_crawl, root)
    assert mended.manifest["failed_units"] == {}
    assert "b.warc.gz" not in (root / "dataset/README.md").read_text()
    assert differing(published(root), published(base.root)) == []
    assert not do_run(ONE_MAY_FAIL, small_crawl, root).did_work


@pytest.mark.usefixtures("lost")
def test_a_crawl_file_that_may_not_fail_ends_the_run(small_crawl, tmp_path):
    with pytest.raises(WorkError) as caught:
        do_run(RECIPE, small_crawl, tmp_path / "run")
    assert f"'{small_crawl / 'b.warc.gz'}' cannot be opened: gone" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert read_manifest(tmp_path / "run") is None


def test_a_tokenizer_file_with_other_content_is_another_tokenizer(base, small_crawl, tmp_path):
    given = tmp_path / "given.json"
    shutil.copy2(base.root / "tokenizer.json", given)
    recipe = edited(RECIPE, "{train: {vocab_size: 400}}", str(given))
    root = tmp_path / "run"
    do_run(recipe, small_crawl, root)
    before = published(root)
    assert not do_run(recipe, small_crawl, root).did_work
    given.write_bytes(train_tokenizer(prose(7), 300))
    assert do_run(recipe, small_crawl, root).did_work
    assert (root / "tokenizer.json").read_bytes() == given.read_bytes()
    counted = {name for name in before if name.startswith(("ledger/", "tokens/"))}
    assert counted <= set(differing(before, published(root)))
    do_run(recipe, small_crawl, tmp_path / "fresh")
    assert differing(published(root), published(tmp_path / "fresh")) == []


def test_a_card_that_was_deleted_is_made_again(base, small_crawl, tmp_path):
    root = base.copy(tmp_path / "run")
    card = root / "dataset/README.md"
    written = card.read_bytes()
    card.unlink()
    looks = Listener()
    assert do_run(RECIPE, small_crawl, root, looks).did_work
    assert card.read_bytes() == written
    assert "curate: 2 units, 2 done" in looks.told
    assert not do_run(RECIPE, small_crawl, root).did_work


def test_kept_documents_follow_what_deduplication_keeps(small_crawl, tmp_path):
    recipe = edited(RECIPE, "keep_text: gated", "keep_text: kept")
    finished = Finished(tmp_path / "run")
    stored = []
    for written in (recipe, edited(recipe, "bands: 14, rows: 8", "bands: 1, rows: 100"), recipe):
        do_run(written, small_crawl, finished.root)
        kept = {key for key, row in finished.ledger().items() if row["status"] == "kept"}
        assert finished.documents() == kept
        stored.append(kept)
    assert stored[0] == stored[2]
    assert stored[0] < stored[1]


NOTES = ("commits/plan.json", "commits/failed.json")
RECORDS = ("manifest.json", "commits/format.json", "commits/curate/000000.json")
GARBAGE = (b"", b'{"format": 1, "un', b"[]", b"\xff\x00")
DAMAGED = [
    *((name, content) for name in (*NOTES, *RECORDS) for content in GARBAGE),
    *((name, b"{}") for name in RECORDS),  # a note of nothing is nothing wrong
]


@pytest.mark.parametrize(("name", "content"), DAMAGED)
def test_a_damaged_note_is_named_and_not_taken_for_a_defect(
    name, content, base, small_crawl, tmp_path
):
    root = base.copy(tmp_path / "run")
    (root / name).write_bytes(content)
    with pytest.raises(UsageError) as status:
        _look(root)
    with pytest.raises(UsageError) as going_on:
        do_run(edited(RECIPE, "recipe: small", "recipe: renamed"), small_crawl, root)
    for caught in (status, going_on):
        assert len(str(caught.value).splitlines()) <= 3
        assert str(root) in str(caught.value)


def _look(root: Path) -> None:
    """What `status` and `funnel` read."""
    read_status(root)
    load_manifest(root)


@pytest.mark.parametrize("look", [read_status, load_manifest])
def test_a_run_of_another_format_is_refused(look, base, tmp_path):
    root: Path = base.copy(tmp_path / "run")
    (root / "commits/format.json").write_text(json.dumps({"format": 99, "version": "9.9"}))
    with pytest.raises(UsageError, match=r"made by cuvee 9\.9 in another format"):
        look(root)


def test_an_output_without_permission_is_named():
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        me = os.geteuid()
        if me == 0:  # the superuser may write everywhere, so he gives that up for a moment
            os.seteuid(_NOBODY)
        try:
            with (
                pytest.raises(WorkError, match="permission denied") as told,
                plain_errors(folder / "run"),
            ):
                open_run_directory(folder / "run")
        finally:
            os.seteuid(me)
    assert len(str(told.value).splitlines()) <= 3
