"""Reading a remote object: whole in spite of every fault, or an error that says why."""

import os
import pickle
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.errors import UnitError, UsageError
from pipelines.crawl import Traffic
from pipelines.crawl.remote.address import without_secrets
from pipelines.crawl.remote.ask import open_remote
from pipelines.crawl.remote.patience import Fault, Patience, patience, patience_of_planning
from tests.pipelines.hosts import Host, Reply, Request, first_ones, folder_answers, serving

BODY = random.Random(1).randbytes(3_000_000)
QUICK = Patience(first_wait=0.01, longest_wait=0.05, stall=0.4)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "object").write_bytes(BODY)
    return tmp_path


@contextmanager
def opened(host: Host, name="object", patience=QUICK, version=""):
    traffic = Traffic()
    with open_remote(f"{host.url}/{name}", version, None, traffic, patience) as file:
        yield file, traffic


def refusal(host: Host, name="object", patience=QUICK, version="") -> str:
    with (
        pytest.raises(UnitError) as caught,
        opened(host, name, patience, version) as (file, _),
    ):
        file.read()
    message = str(caught.value)
    assert len(message.splitlines()) <= 3
    assert host.url in message
    return message


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    "kind", ["403", "429", "500", "502", "503", "504", "drop", "stall", "reset"]
)
def test_a_fault_that_passes_is_waited_out(folder, kind, ranges):
    host_of = folder_answers(folder, ranges=ranges)
    with serving(host_of, first_ones(kind, kind)) as host, opened(host) as (file, traffic):
        assert file.read() == BODY
    assert host.failed[kind] == traffic.retries == 2
    assert sum(traffic.faults.values()) == 2
    assert traffic.requests == 3
    # What came before a connection broke is not asked for again, where there are ranges.
    assert ("If-Match" in host.asked[2].headers) == (kind in ("drop", "stall"))
    if ranges:
        assert traffic.bytes == len(BODY)


def test_reading_goes_on_at_the_byte_reached(folder):
    with serving(folder_answers(folder), first_ones("drop")) as host, opened(host) as (file, _):
        assert file.read() == BODY
    first, second = (asked.headers["Range"] for asked in host.asked)
    assert first.startswith("bytes=0-")
    assert second.startswith(f"bytes={len(BODY) // 2}-")


def test_patience_ends_and_names_the_last_fact(folder):
    few = replace(QUICK, tries=3)
    with serving(folder_answers(folder), first_ones(*["503"] * 9)) as host:
        message = refusal(host, patience=few)
    assert "503" in message
    assert "3 requests, 2 of them retries" in message
    assert len(host.asked) == 3


def test_a_403_that_stays_tells_of_rights_and_throttling(folder):
    with serving(folder_answers(folder), first_ones(*["403"] * 9)) as host:
        message = refusal(host)
    assert "rights" in message
    assert "throttles" in message
    assert len(host.asked) == QUICK.tries


@pytest.mark.parametrize("status", ["400", "401", "404", "410"])
def test_what_will_not_pass_is_not_tried_again(folder, status):
    with serving(folder_answers(folder), first_ones(status)) as host:
        assert status in refusal(host)
    assert len(host.asked) == 1


def test_an_object_that_changes_while_it_is_read_is_refused(folder):
    def plan(request: Request, before: int) -> str | None:
        del request
        if before == 1:
            (folder / "object").write_bytes(BODY[::-1])
        return "drop" if not before else None

    with serving(folder_answers(folder), plan) as host:
        assert "changed while it was read" in refusal(host)
    assert len(host.asked) == 2


@pytest.mark.parametrize("ranges", [True, False])
def test_an_object_that_changed_since_it_was_listed_is_refused(folder, ranges):
    with serving(folder_answers(folder, ranges=ranges)) as host:
        assert "changed" in refusal(host, version='"of before"')


def test_a_change_shows_without_conditions_too(folder):
    """A weak ETag cannot be a condition, and not every server looks at one."""
    versions = iter(["W/a", "W/b"])
    answer = folder_answers(folder)

    def weakly(request: Request) -> Reply:
        reply = answer(request)
        return replace(reply, headers={**reply.headers, "ETag": next(versions)})

    with serving(weakly, first_ones("drop")) as host:
        assert "changed while it was read" in refusal(host)
    assert "If-Match" not in host.asked[1].headers


@pytest.mark.parametrize("size", [0, 1, (1 << 22) - 1, 1 << 22, (1 << 22) + 1])
@pytest.mark.parametrize("ranges", [True, False])
def test_sizes_around_a_block(tmp_path, size, ranges):
    body = random.Random(2).randbytes(size)
    (tmp_path / "object").write_bytes(body)
    with (
        serving(folder_answers(tmp_path, ranges=ranges)) as host,
        opened(host) as (file, traffic),
    ):
        assert file.read(10) == body[:10]
        assert file.read() == body[10:]
        assert file.read(1) == b""
        assert file.seek(0, os.SEEK_END) == size
    assert traffic.requests == (2 if ranges and size > 1 << 22 else 1)


def test_it_reads_as_a_local_file_does(folder):
    chance = random.Random(3)
    with (
        serving(folder_answers(folder), first_ones("drop", "503")) as host,
        opened(host) as (file, _),
        (folder / "object").open("rb") as local,
    ):
        for _ in range(200):
            move, whence = chance.randrange(len(BODY)), chance.choice([0, 0, 2, None])
            if whence is not None:
                move = -move if whence == os.SEEK_END else move
                assert file.seek(move, whence) == local.seek(move, whence)
            length = chance.choice([1, 100, 70_000, 300_000])
            assert file.read(length) == local.read(length)
            assert file.tell() == local.tell()
        with pytest.raises(ValueError, match="before"):
            file.seek(-1)


def test_parquet_is_read_by_small_ranges(tmp_path):
    chance = random.Random(4)
    columns = {name: [chance.randbytes(800).hex() for _ in range(3000)] for name in "abc"}
    pq.write_table(pa.table(columns), tmp_path / "object", row_group_size=500, compression="none")
    with (
        serving(folder_answers(tmp_path), first_ones("503")) as host,
        opened(host) as (file, traffic),
    ):
        read = pq.ParquetFile(file).read_row_group(3, columns=["b"], use_threads=False)
    assert read["b"].to_pylist() == columns["b"][1500:2000]
    assert traffic.bytes < (tmp_path / "object").stat().st_size / 8


def test_a_plain_server_of_python_is_enough(tmp_path):
    """It knows no ranges and no ETag."""
    (tmp_path / "object").write_bytes(BODY)
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    server = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split(" ")[0]
        traffic = Traffic()
        address = f"http://127.0.0.1:{port}/object"
        with open_remote(address, "", None, traffic, QUICK) as file:
            file.seek(2_000_000)
            assert file.read(1000) == BODY[2_000_000:2_001_000]
            file.seek(0)
            assert file.read() == BODY
        assert traffic.requests == 1
    finally:
        server.kill()
        server.communicate()


def test_a_server_that_does_not_say_how_long_it_is_cannot_be_trusted():
    def vaguely(request: Request) -> Reply:
        del request
        return Reply(200, BODY, {"Content-Length": ""})

    with serving(vaguely) as host:
        assert "does not say how long" in refusal(host)


def test_retry_after_is_honoured_and_capped():
    asked = Patience(first_wait=1, longest_wait=60)
    assert asked.wait(1, after=20) == 20
    assert asked.wait(1, after=10_000) == 60
    assert 0.5 <= asked.wait(1, 0) <= 1
    assert 30 <= asked.wait(20, 0) <= 60


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_may_ask_for_time(folder, form):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    hint = {"seconds": "30", "date": later}[form]
    answer = folder_answers(folder)
    replies = iter([Reply(503, b"", {"Retry-After": hint}), None])
    patient = replace(QUICK, longest_wait=0.3)
    with serving(lambda request: next(replies) or answer(request)) as host:
        began = time.monotonic()
        with opened(host, patience=patient) as (file, _):
            assert file.read(10) == BODY[:10]
    assert time.monotonic() - began >= 0.3


def test_the_environment_sets_waits(monkeypatch):
    monkeypatch.setenv("CUVEE_RETRY_SECONDS", "0.25")
    monkeypatch.setenv("CUVEE_STALL_SECONDS", "7")
    assert patience() == Patience(first_wait=0.25, stall=7)
    assert patience_of_planning().tries < patience().tries
    for wrong in ("soon", "-1", "nan", "inf", "0"):
        monkeypatch.setenv("CUVEE_RETRY_SECONDS", wrong)
        with pytest.raises(UsageError, match="CUVEE_RETRY_SECONDS"):
            patience()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://me:pass@host/a.warc?token=x#y", "https://host/a.warc"),
        ("s3://key:secret@bucket/a?b", "s3://bucket/a?b"),
        ("no connection to http://u:p@h:1/x?sig=1, twice", "no connection to http://h:1/x twice"),
        ("hf://datasets/org/name@main/x", "hf://datasets/org/name@main/x"),
        ("http://me:pass/word@host:80/a@b", "http://host:80/a@b"),
        ("http://me:pa?ss@host/a", "http://host/a"),
        ("http://host:8080/a@b http://[::1]:80/a@b", "http://host:8080/a@b http://[::1]:80/a@b"),
        ("crawl/a?.warc", "crawl/a?.warc"),
    ],
)
def test_secrets_are_not_shown(given, shown):
    assert without_secrets(given).replace(",", "") == shown.replace(",", "")


def test_no_secret_is_in_an_error(folder):
    with serving(folder_answers(folder), first_ones("404")) as host:
        address = f"{host.url}/object?token=hidden".replace("//", "//me:hidden@")
        with pytest.raises(UnitError) as caught, open_remote(address, "", None, Traffic()) as file:
            file.read()
    assert "hidden" not in str(caught.value)
    assert "Authorization" in host.asked[0].headers
    assert "token=hidden" in host.asked[0].target


@pytest.mark.parametrize(
    ("span", "says"),
    [("bytes 0-99/*", "does not say how long"), ("bytes 7-106/3000000", "other bytes")],
)
def test_a_server_that_answers_something_else_is_refused(span, says):
    reply = Reply(206, BODY[:100], {"Content-Range": span})
    with serving(lambda _request: reply) as host:
        assert says in refusal(host)


def test_a_server_that_never_stops_is_stopped():
    reply = Reply(206, BODY * 3, {"Content-Range": f"bytes 0-99/{len(BODY)}"})
    with (
        serving(lambda _request: reply) as host,
        opened(host) as (file, traffic),
        pytest.raises(UnitError, match="more than asked for"),
    ):
        file.read()
    assert traffic.bytes < 2 * (1 << 22)


def test_a_fault_can_leave_its_process():
    copy = pickle.loads(pickle.dumps(Fault("503", "the server answers 503")))  # noqa: S301  made here
    assert (copy.kind, str(copy)) == ("503", "the server answers 503")
