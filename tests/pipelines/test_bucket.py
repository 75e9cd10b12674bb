"""A folder of S3 as a place for runs: its paths, what is written there, who holds it."""

import hashlib
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from filters.errors import UsageError, WorkError
from pipelines.bucket import lease, objects
from pipelines.bucket.path import S3Path, run_folder
from pipelines.doctor.machine import check_output
from pipelines.driver import Driver
from pipelines.execute import InlineEngine, Task
from pipelines.files import empty_work
from pipelines.hold import held
from pipelines.manifest import open_run_directory
from pipelines.storage import Attempt, Commit, CommitLog
from tests.pipelines.disk import fill_up
from tests.pipelines.hosts import Host, Plan, Request
from tests.pipelines.units import Listener

FIVE_MIB = 5 << 20  # S3 takes no smaller parts, but for the last one


@pytest.fixture
def root(s3_host: Host, request: pytest.FixtureRequest) -> S3Path:
    """A folder that no other test has."""
    del s3_host
    return S3Path(f"s3://runs/{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}/run")


def write(attempt: Attempt, content: str) -> dict[str, int]:
    for final in ("out/a.txt", "out/b.txt"):
        attempt.path(final).write_text(content)
        attempt.add(final, rows=1)
    return {}


def perform(root: Path, content: str = "letters") -> Commit:
    task = Task("stage", "unit", "f", write, content)
    return Driver(root, InlineEngine(), Listener()).run("stage", [task])["unit"]


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.rglob("*")]


def at(method: str, part: str, *kinds: str) -> Plan:
    """Fail the first requests of this method for names with this part, in these ways."""
    left = list(kinds)

    def plan(request: Request, before: int) -> str | None:
        del before
        fits = request.method == method and part in request.target
        return left.pop(0) if fits and left else None

    return plan


def test_addresses_are_paths_and_never_files_of_this_machine():
    path = run_folder("s3a://bucket//some/run/") / "ledger" / "a.parquet"
    assert str(path) == "s3://bucket/some/run/ledger/a.parquet"
    assert path == pickle.loads(pickle.dumps(path)) == S3Path(str(path))  # noqa: S301  our own
    assert isinstance(path.parent, S3Path)
    assert str(path.relative_to(path.parent.parent)) == "ledger/a.parquet"
    assert run_folder("runs/demo") == Path("runs/demo")
    for act in (lambda: os.stat(path), lambda: path.open("w"), path.touch, lambda: open(path)):  # noqa: PTH116, PTH123, SIM115
        with pytest.raises(TypeError, match="s3://bucket/some/run/ledger"):
            act()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("gs://bucket/run", "only be in a folder of this machine or on S3"),
        ("s3://bucket", "names no place in a bucket"),
        ("s3://bucket/a/../b", "names no place in a bucket"),
        ("s3://AKID:verysecret@bucket/run", "takes no credentials"),
    ],
)
def test_addresses_of_no_run_are_refused(given, why):
    with pytest.raises(UsageError, match=why) as told:
        run_folder(given)
    assert "verysecret" not in str(told.value)


def test_a_unit_is_committed_once_and_its_attempt_leaves_nothing(root, s3_host):
    first = perform(root)
    assert names(root) == ["commits/plan.json", "commits/stage/unit.json", "out/a.txt", "out/b.txt"]
    assert (root / "out/a.txt").read_bytes() == b"letters"
    assert list(Path(os.environ["TMPDIR"]).rglob("work/*")) == []
    asked = len(s3_host.asked)
    assert perform(root) == first == CommitLog(root).get("stage", "unit")
    assert not [item for item in s3_host.asked[asked:] if "out/" in item.path and item.body]
    (root / "out/b.txt").unlink()
    assert not CommitLog(root).is_whole(first)
    assert perform(root).files == first.files
    assert CommitLog(root).whole([first]) == {"unit"}
    CommitLog(root).forget("stage")
    assert names(root) == ["commits/plan.json"]


def test_the_first_record_wins_and_only_the_losers_own_files_go(root):
    log = CommitLog(root)
    winner = perform(root)
    attempt = Attempt(root, "stage", "unit")
    for final in ("out/a.txt", "out/loser.txt"):
        attempt.path(final).write_text("letters")
        attempt.add(final, rows=1)
    loser = Commit("stage", "unit", "f", attempt.seal())
    attempt.place()
    attempt.close()
    assert "out/loser.txt" in names(root)
    assert log.publish(loser) == winner
    assert [name for name in names(root) if name.startswith("out")] == ["out/a.txt", "out/b.txt"]


@pytest.mark.parametrize("kind", ["lost", "503", "reset", "stall"])
def test_a_fault_while_a_record_is_published_changes_nothing(root, s3_host, kind, monkeypatch):
    monkeypatch.setenv("CUVEE_STALL_SECONDS", "0.5")
    s3_host.plan = at("PUT", "stage/unit.json", kind, kind)
    commit = perform(root)
    assert s3_host.failed[kind] == 2
    assert CommitLog(root).get("stage", "unit") == commit
    assert len(names(root)) == 4


@pytest.mark.parametrize(
    ("kind", "method", "part"),
    [("503", "PUT", "out/b.txt"), ("lost", "PUT", "out/b.txt"), ("reset", "GET", "list-type")],
)
def test_a_fault_that_does_not_pass_ends_in_words(root, s3_host, kind, method, part):
    perform(root, "before")
    (root / "out/a.txt").unlink()
    s3_host.plan = at(method, part, *[kind] * 99)
    with pytest.raises(WorkError, match=r"cannot be (written|listed)") as told:
        perform(root)
    assert s3_host.failed[kind] == 8
    message = str(told.value)
    assert message.startswith(str(root))
    assert "8 requests, 7 of them retries" in message
    assert len(message.splitlines()) == 2
    assert not [secret for secret in ("AKIDEXAMPLE", "verysecret") if secret in message]
    s3_host.plan = at(method, part)
    commit = perform(root)
    assert CommitLog(root).is_whole(commit)


def test_a_refusal_that_stops_half_way_is_asked_for_again(root, s3_host, monkeypatch):
    monkeypatch.setenv("CUVEE_STALL_SECONDS", "0.5")
    s3_host.plan = at("GET", root.key, "stall", "stall")
    with pytest.raises(FileNotFoundError):
        root.read_bytes()
    assert s3_host.failed["stall"] == 2


def test_a_truncated_answer_is_gone_on_with(root, s3_host):
    content = os.urandom(300_000)
    root.write_bytes(content)
    s3_host.plan = at("GET", root.key, "drop", "drop")
    assert root.read_bytes() == content
    assert s3_host.failed["drop"] == 2


def test_a_full_disk_for_attempts_is_named(root, mounted, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(mounted))
    fill_up(mounted / "filler")
    with pytest.raises(WorkError, match="the disk is full") as told:
        perform(root)
    assert str(told.value).startswith(str(mounted))
    assert names(root) == ["commits/plan.json"]
    (mounted / "filler").unlink()
    assert CommitLog(root).is_whole(perform(root))


def test_large_files_go_in_parts_and_a_lost_last_reply_is_known(root, s3_host, monkeypatch):
    monkeypatch.setattr(objects, "_PART_BYTES", FIVE_MIB)
    local = Path(os.environ["TMPDIR"]) / "large"
    local.write_bytes(os.urandom(FIVE_MIB + 1000))
    sha256 = hashlib.sha256(local.read_bytes()).hexdigest()
    s3_host.plan = at("POST", "uploadId", "lost")
    objects.upload(local, root, sha256)
    assert s3_host.failed["lost"] == 1
    assert root.read_bytes() == local.read_bytes()

    # One that cannot be ended leaves neither the object nor parts that would be paid for.
    other = root.with_name("other")
    s3_host.plan = at("POST", "uploadId", *["503"] * 99)
    with pytest.raises(WorkError, match="cannot be written"):
        objects.upload(local, other, sha256)
    s3_host.plan = at("POST", "")
    assert not other.exists()
    assert uploads(root.parent) == 0

    objects.client().create_multipart_upload(Bucket=other.bucket, Key=f"{other.key}/out/a")
    assert uploads(other) == 1
    empty_work(other)  # as the next run does after a worker was killed
    assert uploads(other) == 0


def uploads(folder: S3Path) -> int:
    found = objects.client().list_multipart_uploads(Bucket=folder.bucket, Prefix=folder.key)
    return len(found.get("Uploads", ()))


def test_many_files_are_listed_and_read_page_by_page(root):
    paths = [root / f"{number:05d}.json" for number in range(1_010)]
    for path in paths[::100]:
        path.write_bytes(path.name.encode())
    assert objects.read_all(paths[::100]) == [path.name.encode() for path in paths[::100]]
    assert list(root.glob("*.json")) == paths[::100]
    assert list(root.iterdir()) == paths[::100]


def test_a_run_directory_is_made_only_where_there_is_none(root):
    open_run_directory(root)
    open_run_directory(root)
    assert names(root) == ["commits/format.json"]
    other = root.with_name("other")
    (other / "notes.txt").write_bytes(b"mine")
    with pytest.raises(UsageError, match="not empty and not a run"):
        open_run_directory(other)
    missing = run_folder("s3://no-such-bucket/run")
    with pytest.raises(WorkError, match="NoSuchBucket") as told:
        open_run_directory(missing)
    assert "Check that there is such a bucket" in str(told.value)


def test_the_doctor_tries_what_a_run_does_and_leaves_nothing(root, s3_host):
    (check,) = check_output(root, 0)
    assert (check.status, check.fact) == ("ok", f"{root}: writable")
    assert names(root) == []
    open_run_directory(root)
    (check,) = check_output(root, 0)
    assert "an earlier run is there" in check.fact
    s3_host.plan = at("DELETE", "probe", *["403"] * 99)
    with pytest.raises(WorkError, match=r"cannot be removed: the server answers 403") as told:
        check_output(root, 0)
    assert "lists and removes" in str(told.value)


def test_an_s3_that_ignores_conditions_is_refused(root, s3_host):
    answers = s3_host.answers

    def heedless(request: Request):
        headers = {k: v for k, v in request.headers.items() if k.lower() != "if-none-match"}
        return answers(Request(request.method, request.path, request.target, headers, request.body))

    s3_host.answers = heedless
    with pytest.raises(UsageError, match="If-None-Match"):
        open_run_directory(root)
    assert names(root) == []


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Go to another machine: one with another folder for temporary files."""

    def go(name: str) -> None:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))

    return go


def test_one_driver_at_a_time_holds_a_run(root, elsewhere):
    with held(root):
        with pytest.raises(UsageError, match="another cuvee is working"), held(root):
            pass
        elsewhere("other")
        with pytest.raises(UsageError, match=r"a cuvee on .* is working there"), held(root):
            pass
        elsewhere("scratch")
    assert names(root) == []


def test_a_driver_that_died_keeps_nobody_off_for_good(root, tmp_path, monkeypatch):
    mine, others = tmp_path / "mine", tmp_path / "others"
    mine.mkdir()
    others.mkdir()
    with lease.leased(root, mine):
        card = (root / ".lock").read_bytes()
    (root / ".lock").write_bytes(card)  # as when it had been killed
    with pytest.raises(UsageError, match="is working there"), lease.leased(root, others):
        pass
    with lease.leased(root, mine):  # its machine knows that it is no more
        pass
    (root / ".lock").write_bytes(card)
    monkeypatch.setattr(lease, "_OVER_SECONDS", -1.0)
    with lease.leased(root, others):
        assert (root / ".lock").read_bytes() != card
    assert names(root) == []


def go_on_while(check: Callable[[], None]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        check()
        time.sleep(0.05)


def test_a_driver_whose_run_was_taken_over_gets_to_know(root, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "_RENEWED_SECONDS", 0.05)
    with lease.leased(root, tmp_path) as check:
        check()
        (root / ".lock").write_bytes(b'{"host": "another", "holder": "x"}')
        with pytest.raises(WorkError, match="a cuvee on another has taken over"):
            go_on_while(check)
    assert names(root) == [".lock"]
