"""Token shards on S3 and on the Hub give the samples that a copy on this machine gives."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from filters.errors import UnitError, UsageError
from pipelines.bucket.path import run_folder
from pipelines.export.binary import Options, export_tokens
from pipelines.loading import Settings, TokenStream
from tests.hub.people import environment, run_program
from tests.hub.server import Hub, serve
from tests.pipelines.hosts import Host, Plan, Request
from tests.pipelines.small_run import Finished
from tests.pipelines.token_shards import numbered, write_shards

DOCUMENTS = numbered(60)
SETTINGS = Settings(16, 5, 4, 1, None)
EXPORTED = ("commits", "manifest.json", "tokens", "tokenizer.json")
PROGRAM = """
import json, sys
from pipelines.export.binary import Options, export_tokens
from pipelines.loading import Settings, TokenStream

stream = TokenStream([sys.argv[1]], Settings(16, 5, 4, 1, None))
rows = [sample.input_ids.tolist() for (sample,) in stream.batches(int(sys.argv[2]), 1)]
print(json.dumps([rows, stream.state(3)]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("run") / "tokens", DOCUMENTS, files=3).parent


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[list[int]]:
    stream = TokenStream([folder], SETTINGS)
    return [sample.input_ids.tolist() for (sample,) in stream.batches(0, 1)]


@pytest.fixture
def on_s3(s3_host: Host, folder: Path) -> str:
    del s3_host
    for path in (folder / "tokens").iterdir():
        (run_folder("s3://runs/one/tokens") / path.name).write_bytes(path.read_bytes())
    (run_folder("s3://runs/one/ledger") / "a.parquet").write_bytes(b"is not looked at")
    return "s3://runs/one"


def every_fifth() -> Plan:
    number = count(1)

    def plan(request: Request, before: int) -> str | None:
        del request, before
        asked = next(number)
        return ("503", "reset", "drop")[asked % 3] if asked % 5 == 0 else None

    return plan


def test_a_bucket_that_fails_now_and_then_gives_the_same_samples(
    s3_host: Host, on_s3: str, folder: Path, expected: list[list[int]]
):
    s3_host.plan = every_fifth()
    stream = TokenStream([on_s3], SETTINGS)
    found = [sample.input_ids.tolist() for (sample,) in stream.batches(0, 1)]
    assert found == expected
    assert s3_host.failed
    local = TokenStream([folder], SETTINGS)
    assert stream.position(local.state(9)) == 9


def test_a_shard_that_is_replaced_while_it_is_read_is_told(s3_host: Host, on_s3: str):
    del s3_host
    stream = TokenStream([on_s3], SETTINGS)
    batches = stream.batches(0, 1)
    next(batches)
    for number in range(3):
        name = f"local-000_{number:05d}.parquet"
        (run_folder("s3://runs/one/tokens") / name).write_bytes(b"something else")
    with pytest.raises(UnitError, match="it changed while it was read"):
        list(batches)


def test_what_is_not_there_is_told(s3_host: Host):
    del s3_host
    with pytest.raises(UsageError, match=r"s3://runs/nothing"):
        TokenStream(["s3://runs/nothing/tokens"], SETTINGS)


@pytest.fixture
def hub(folder: Path) -> Iterator[Hub]:
    shards = {f"tokens/d/{p.name}": p.read_bytes() for p in (folder / "tokens").iterdir()}
    with serve(
        {"org/name": {**shards, "data/d/000_00000.parquet": b"no", "README.md": b"#"}}
    ) as on:
        yield on


@pytest.mark.parametrize("place", ["org/name", "org/name/tokens", "org/name@main/tokens/d/*"])
def test_a_dataset_of_the_hub_gives_the_same_samples(
    hub: Hub, tmp_path: Path, expected: list[list[int]], folder: Path, place: str
):
    env = environment(hub, tmp_path / "hf")
    rows, state = run_program(PROGRAM, f"hf://datasets/{place}", "2", env=env)
    assert rows == expected[2:]
    assert json.dumps(TokenStream([folder], SETTINGS).state(3)) == json.dumps(state)


def test_a_run_in_a_bucket_is_exported_as_a_local_one(
    s3_host: Host, base: Finished, tmp_path: Path
):
    for path in base.root.rglob("*"):
        if path.is_file() and path.relative_to(base.root).parts[0] in EXPORTED:
            place = run_folder("s3://runs/whole") / path.relative_to(base.root)
            place.write_bytes(path.read_bytes())
    s3_host.plan = every_fifth()
    there = export_tokens(run_folder("s3://runs/whole"), tmp_path / "a", "megatron", Options())
    here = export_tokens(base.root, tmp_path / "b", "megatron", Options())
    assert there.files == here.files
    for name in here.files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
