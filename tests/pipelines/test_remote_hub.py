"""Files in repositories of the Hub, from a Hub on this machine."""

import json
import subprocess
import sys
from os import environ
from pathlib import Path

import pytest

from pipelines.crawl.remote.address import is_whole_dataset, path_of
from tests.hub.server import Hub, serve
from tests.pipelines.warc_bytes import gzip_each, page_record

TOKEN = "hf_anotherSecretToken"  # noqa: S105  nobody's
FILES = {f"warc/{name}.warc.gz": gzip_each([page_record(1)] * 9) for name in "ab"}

# The Hub's client reads where the Hub is when it is imported: so in another process.
PROGRAM = """
import json, sys
from filters.errors import CuveeError
from pipelines.crawl import find_inputs, open_file

def tell(uri):
    try:
        files = find_inputs([uri])
        return [[file.file_path, file.size, file.version, open_file(file).read().hex()]
                for file in files]
    except CuveeError as error:
        return str(error)

print(json.dumps({uri: tell(uri) for uri in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def hub():
    with serve({"org/crawl": {**FILES, "README.md": b"# x"}}, gated=("org/gated",)) as hub:
        yield hub


def tell(hub: Hub, home: Path, *given: str) -> dict:
    env = {
        **environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(home), "HF_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1", "CUVEE_RETRY_SECONDS": "0.01",
    }  # fmt: skip
    env.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", PROGRAM, *given],
        env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return json.loads(done.stdout)


def test_files_of_the_hub_are_found_and_read(hub, tmp_path):
    whole = "hf://datasets/org/crawl"
    given = {
        f"{whole}/warc/*.warc.gz": ["a", "b"],
        f"{whole}@main/**/*.gz": ["a", "b"],
        f"{whole}/warc": ["a", "b"],
        f"{whole}/warc/b.warc.gz": ["b"],
    }
    told = tell(hub, tmp_path, *given)
    for uri, names in given.items():
        wanted = {f"warc/{name}.warc.gz": FILES[f"warc/{name}.warc.gz"] for name in names}
        assert [row[0] for row in told[uri]] == list(wanted), uri
        assert [row[1] for row in told[uri]] == [len(body) for body in wanted.values()]
        assert all(len(row[2]) == 64 for row in told[uri])  # the sha256 of a large file
        assert [bytes.fromhex(row[3]) for row in told[uri]] == list(wanted.values())
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_what_is_not_on_the_hub_is_said(hub, tmp_path):
    missing, gated = "hf://datasets/org/none/x.warc.gz", "hf://datasets/org/gated/x.warc.gz"
    absent, nothing = "hf://datasets/org/crawl/x.warc.gz", "hf://datasets/org/crawl/*.parquet"
    told = tell(hub, tmp_path, missing, gated, absent, nothing)
    assert "does not exist" in told[missing]
    assert "does not exist" in told[absent]
    assert "matches nothing" in told[nothing]
    assert any(word in told[gated] for word in ("access", "401", "403", "does not exist"))
    assert all(len(message.splitlines()) <= 3 for message in told.values())


@pytest.mark.parametrize(
    ("address", "whole", "path"),
    [
        ("hf://datasets/org/name", True, ""),
        ("hf://datasets/org/name/", True, ""),
        ("hf://datasets/org/name@main", True, ""),
        ("hf://datasets/org/name@refs/convert/parquet", True, ""),
        ("hf://datasets/org/name?split=train", True, ""),
        ("hf://datasets/name", True, None),
        ("hf://datasets/org/name@refs/convert/parquet/a/b.parquet", False, "a/b.parquet"),
        ("hf://datasets/org/name/a.jsonl", False, "a.jsonl"),
        ("hf://datasets/org/name@v1.0/data/*.jsonl", False, "data/*.jsonl"),
        ("hf://org/model/a.jsonl", False, "a.jsonl"),
        ("s3://bucket/datasets/a", False, "datasets/a"),
        ("https://me:x@host/a/b?c=d", False, "a/b"),
    ],
)
def test_a_whole_dataset_is_told_from_files_in_it(address, whole, path):
    assert is_whole_dataset(address) == whole
    if path is not None:
        assert path_of(address.partition("?")[0] if whole else address) == path
