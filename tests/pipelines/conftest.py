"""Fixtures for the tests of the pipelines."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.card import make_card
from pipelines.stages import publishing
from tests.hub.people import completed
from tests.hub.runs import FIRST, SECOND, THIRD, made_run
from tests.pipelines.hosts import Host, Request, forwarded, lay_out, moto_s3, serving
from tests.pipelines.languages import run_by_language
from tests.pipelines.small_run import (
    CARD_FILE,
    LATE,
    RECIPE,
    REPOSITORY,
    Finished,
    do_run,
    edited,
    made_pages,
)
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
def late(base: Finished, small_crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The small run gone on with rules after deduplication; its tokenizer is given."""
    root = base.copy(tmp_path_factory.mktemp("late") / "run")
    tokenizer = f"tokenizer: {base.root / 'tokenizer.json'}"
    do_run(edited(LATE, "tokenizer: {train: {vocab_size: 400}}", tokenizer), small_crawl, root)
    return Finished(root)


@pytest.fixture(scope="session")
def two_dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two dumps of four shards each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 1000)
        dumps = {FIRST: range(1000, 1012), SECOND: range(2000, 2012)}
        return completed(made_run(tmp_path_factory.mktemp("two"), RECIPE, dumps))


@pytest.fixture(scope="session")
def third_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one more dump."""
    dumps = {THIRD: range(3000, 3008)}
    return completed(made_run(tmp_path_factory.mktemp("later"), RECIPE, dumps))


@pytest.fixture(scope="session")
def changed_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that makes something else of the second dump."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 6000)
        recipe = edited(RECIPE, "very_short: lexical_words < 80", "very_short: lexical_words < 82")
        dumps = {SECOND: range(2000, 2009)}
        return completed(made_run(tmp_path_factory.mktemp("other"), recipe, dumps))


@pytest.fixture(scope="session")
def by_language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two dumps in six languages, of which English has several shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SHARD_BYTES", 8000)
        dumps = {
            FIRST: {"en": 12, "de": 4, "fr": 1, "zh": 3, "sr": 1, "th": 1},
            SECOND: {"en": 3, "de": 3, "th": 2},
        }
        return completed(run_by_language(tmp_path_factory.mktemp("by"), dumps))


@pytest.fixture(scope="session")
def carded(base: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The small run with its card and everything beside it; a person has said what they can."""
    root = base.copy(tmp_path_factory.mktemp("carded") / "run")
    (root / "card.yaml").write_text(CARD_FILE)
    make_card(root, REPOSITORY)
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


@pytest.fixture
def s3_host(bucket: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A host before the local S3 server, where runs may be written to the bucket `runs`."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "sessiontoken")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("CUVEE_RETRY_SECONDS", "0.01")
    monkeypatch.setenv("CUVEE_STALL_SECONDS", "1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is known by now where that was
    forwarded(bucket)(Request("PUT", "runs", "/runs", {}))
    with serving(forwarded(bucket)) as host:
        monkeypatch.setenv("AWS_ENDPOINT_URL", host.url)
        yield host
