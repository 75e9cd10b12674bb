"""Remote inputs and lists: what they stand for, what that costs, and what is said when it fails."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from filters.errors import UnitError, UsageError
from pipelines.crawl import CrawlFile, Traffic, find_inputs, open_file
from tests.pipelines.hosts import (
    DUMP,
    NAMES,
    OTHER_SEGMENT,
    PATHS,
    SEGMENT,
    Host,
    Reply,
    Request,
    first_ones,
    folder_answers,
    forwarded,
    serving,
)

ALL = [f"{SEGMENT}/{name}" for name in NAMES] + [f"{OTHER_SEGMENT}/{name}" for name in NAMES[:2]]
ONE = f"{SEGMENT}/{NAMES[1]}"


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """Somebody without credentials who does not wait long."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("CUVEE_RETRY_SECONDS", "0.01")


@pytest.fixture
def s3(bucket, monkeypatch):
    with serving(forwarded(bucket)) as host:
        monkeypatch.setenv("AWS_ENDPOINT_URL", host.url)
        yield host


@pytest.fixture
def web(hosted):
    with serving(folder_answers(hosted)) as host:
        yield host


def paths(files: list[CrawlFile]) -> list[str]:
    return [file.file_path for file in files]


def read(file: CrawlFile) -> bytes:
    with open_file(file) as opened:
        return opened.read()


def told(*inputs: str, **options) -> str:
    with pytest.raises(UsageError) as caught:
        find_inputs(inputs, **options)
    message = str(caught.value)
    assert len(message.splitlines()) <= 3
    return message


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (f"s3://commoncrawl/{SEGMENT}/*.warc.gz", ALL[:3]),
        (f"s3://commoncrawl/{DUMP}/segments/*/warc/*-0000[01].warc.gz", [*ALL[:2], *ALL[3:]]),
        (f"s3://commoncrawl/{DUMP}/**/*.warc.gz", ALL),
        (f"s3://commoncrawl/{DUMP}", ALL),
        (f"s3://commoncrawl/{SEGMENT}/", ALL[:3]),
        ("s3://commoncrawl", ALL),
        (f"s3a://commoncrawl/{ONE}", [ONE]),
    ],
)
def test_s3_lists_and_reads(s3: Host, hosted, given, found):
    files = find_inputs([given])
    asked = len(s3.asked)
    assert sorted(paths(files)) == sorted(found)
    assert paths(files) == sorted(paths(files))
    assert all(file.size == (hosted / file.file_path).stat().st_size for file in files)
    assert all(file.version.startswith('"') for file in files)
    assert {file.dump for file in files} == {"CC-MAIN-2023-50"}
    # Listings, by folder: no file was asked after.
    assert asked <= 12
    assert not [
        request for request in s3.asked if request.method == "GET" and ".gz" in request.path
    ]
    assert all("Authorization" not in request.headers for request in s3.asked)
    assert read(files[-1]) == (hosted / files[-1].file_path).read_bytes()


def test_ledger_paths_can_be_relative_to_a_base(s3: Host):
    base = f"s3://commoncrawl/{DUMP}/segments/"
    files = find_inputs([f"s3://commoncrawl/{SEGMENT}"], base=base)
    assert paths(files)[0] == f"1700679099281.67/warc/{NAMES[0]}"
    message = told(f"s3://commoncrawl/{SEGMENT}", base="s3://commoncrawl/elsewhere")
    assert "does not lie in 's3://commoncrawl/elsewhere'" in message
    assert s3.asked


def test_credentials_are_used_where_there_are_some_and_never_shown(s3: Host, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecret")
    (file,) = find_inputs([f"s3://commoncrawl/{ONE}"])
    read(file)
    assert all("AKIDEXAMPLE" in request.headers["Authorization"] for request in s3.asked)
    s3.plan = first_ones(*["403"] * 99)
    message = told(f"s3://commoncrawl/{SEGMENT}/gone/*.gz")
    assert "verysecret" not in message
    assert "AKIDEXAMPLE" not in message


@pytest.mark.parametrize("kind", ["403", "503", "drop", "stall", "reset"])
def test_s3_goes_on_after_a_fault(s3: Host, hosted, monkeypatch, kind):
    monkeypatch.setenv("CUVEE_STALL_SECONDS", "0.4")
    (file,) = find_inputs([f"s3://commoncrawl/{ONE}"])
    s3.plan = first_ones(kind, kind)
    traffic = Traffic()
    with open_file(file, traffic) as opened:
        assert opened.read() == (hosted / ONE).read_bytes()
    assert traffic.retries >= 2  # more on a machine that is slower than the stall
    assert traffic.requests == 1 + traffic.retries
    assert traffic.version == file.version


def test_s3_says_when_an_object_changed(s3: Host, hosted):
    (file,) = find_inputs([f"s3://commoncrawl/{ONE}"])
    put = Request("PUT", "", f"/commoncrawl/{ONE}", {"x-amz-acl": "public-read"}, b"another")
    s3.answers(put)
    try:
        with pytest.raises(UnitError, match="changed while it was read"):
            read(file)
    finally:
        s3.answers(replace(put, body=(hosted / ONE).read_bytes()))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("s3://nosuchbucket/*.warc.gz", ["does not exist", "bucket"]),
        ("s3://nosuchbucket", ["does not exist", "bucket"]),
        (f"s3://commoncrawl/{SEGMENT}/gone.warc.gz", ["gone.warc.gz' does not exist"]),
        (f"s3://commoncrawl/{SEGMENT}/*.parquet", ["matches nothing", "Quote"]),
        (f"s3://commoncrawl/{PATHS}x", ["does not exist"]),
    ],
)
def test_what_is_not_on_s3_is_said(s3: Host, given, says):
    message = told(given)
    assert all(words in message for words in says), message
    assert len(s3.asked) < 8


def test_a_bucket_without_rights_is_said_before_work_starts(s3: Host):
    s3.plan = lambda _request, _before: "403"
    for given in (f"s3://commoncrawl/{SEGMENT}/*.gz", f"s3://commoncrawl/{ONE}"):
        message = told(given)
        assert "access is refused" in message
        assert "without credentials" in message
    assert len(s3.asked) <= 10


def test_an_endpoint_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "cannot be reached" in told("s3://commoncrawl/*.warc.gz")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("https://nowhere.invalid/a.warc.gz", ["cannot be reached", "no connection", "proxy"]),
        ("http://127.0.0.1:9/a.warc.gz", ["cannot be reached", "no connection"]),
        ("https://nowhere.invalid/*.warc.gz", ["cannot be reached"]),
        ("https://nowhere.invalid/warc.paths.gz", ["list 'https", "no connection"]),
        ("https://u:pass@nowhere.invalid/a.warc.gz?sig=pass", ["cannot be reached"]),
        ("gs://bucket/*.warc.gz", ["gs:// cannot be read here", "gcsfs"]),
        ("mystery://x/y", ["mystery:// cannot be read here"]),
    ],
)
def test_an_address_that_leads_nowhere_is_said(given, says):
    message = told(given)
    assert all(words in message for words in says), message
    assert "pass" not in message


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (f"{SEGMENT}/*.warc.gz", ALL[:3]),
        (f"{SEGMENT}/", ALL[:3]),
        (f"{DUMP}/", ALL),
        (ONE, [ONE]),
        (f"{ONE}?signature=hidden", [ONE]),
    ],
)
def test_http_lists_and_reads(web: Host, hosted, given, found):
    files = find_inputs([f"{web.url}/{given}"])
    assert sorted(paths(files)) == sorted(found)
    assert not [
        request for request in web.asked if request.method == "GET" and ".gz" in request.path
    ]
    assert read(files[0]) == (hosted / files[0].file_path).read_bytes()


def test_one_object_behind_http_tells_size_and_version(web: Host, hosted):
    (file,) = find_inputs([f"{web.url}/{ONE}"])
    assert (file.size, file.version[0]) == ((hosted / ONE).stat().st_size, '"')
    assert [request.method for request in web.asked] == ["HEAD"]


def test_a_server_without_head_is_asked_otherwise(hosted):
    with serving(folder_answers(hosted), lambda r, _: "405" if r.method == "HEAD" else None) as web:
        (file,) = find_inputs([f"{web.url}/{ONE}"])
        assert read(file) == (hosted / ONE).read_bytes()


def test_what_is_not_behind_http_is_said(web: Host):
    assert "does not exist" in told(f"{web.url}/{SEGMENT}/gone.warc.gz")
    assert "does not exist" in told(f"{web.url}/gone/*.warc.gz")
    assert "matches nothing" in told(f"{web.url}/{SEGMENT}/*.parquet")


def test_an_index_cannot_lead_elsewhere():
    links = "".join(
        f'<a href="{name}">x</a>'
        for name in ("http://127.0.0.1:9/a.warc", "../b.warc", "/c.warc", "%2e%2e/d.warc", "e.warc")
    )
    page = Reply(200, links.encode(), {"Content-Type": "text/html"})
    with serving(lambda _request: page) as web:
        assert paths(find_inputs([f"{web.url}/x/*.warc"])) == ["x/e.warc"]


def written(tmp_path: Path, name: str, *lines: str) -> str:
    path = tmp_path / name
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


@pytest.mark.parametrize(
    "name", ["warc.paths.gz", "warc.paths", "some.txt", "some.txt.gz", "a.TXT"]
)
def test_a_list_is_read_in_its_order(tmp_path, hosted, name):
    given = written(tmp_path, name, "# two of them", "", ALL[4], f"./{ALL[0]}", ALL[4])
    files = find_inputs([given], base=str(hosted))
    assert paths(files) == [ALL[4], ALL[0]]
    assert read(files[0]) == (hosted / ALL[4]).read_bytes()
    assert files[0].size == (hosted / ALL[4]).stat().st_size


@pytest.mark.parametrize("base", ["{web}", "{web}/", "s3://commoncrawl/", "{hosted}"])
@pytest.mark.parametrize("place", ["{web}/", "s3://commoncrawl/", "{hosted}/"])
def test_lists_and_files_may_lie_apart(web: Host, s3: Host, hosted, base, place):
    given = place.format(web=web.url, hosted=hosted) + PATHS
    files = find_inputs([given], base=base.format(web=web.url, hosted=hosted))
    assert paths(files) == ALL
    assert {read(file) for file in files} == {(hosted / path).read_bytes() for path in ALL}
    assert s3.asked or web.asked or "web" not in place


def test_a_list_may_hold_addresses(web: Host, s3: Host, tmp_path, hosted):
    lines = f"s3://commoncrawl/{ALL[0]}", f"{web.url}/{ALL[1]}?sig=hidden", f"{hosted}/{ALL[3]}"
    files = find_inputs([written(tmp_path, "a.paths", *lines)])
    assert paths(files)[:2] == ALL[:2]
    assert paths(files)[2] == f"{hosted}/{ALL[3]}".lstrip("/")
    assert [read(file) for file in files] == [
        (hosted / ALL[number]).read_bytes() for number in (0, 1, 3)
    ]
    assert s3.asked


def test_the_entries_of_a_list_are_not_asked_after(web: Host, tmp_path):
    lines = [ALL[0], *(f"{SEGMENT}/{number}.warc.gz" for number in range(90_000))]
    files = find_inputs([written(tmp_path, "warc.paths.gz", *lines)], base=web.url)
    assert len(files) == 90_001
    assert len(web.asked) == 1
    assert {(file.size, file.version) for file in files} == {(None, "")}


def test_match_takes_some_of_them(web: Host, s3: Host, hosted):
    lists = f"{web.url}/{PATHS}"
    assert paths(find_inputs([lists], web.url, match="*/1700679099281.67/*")) == ALL[:3]
    assert paths(find_inputs([str(hosted)], match="*00001.warc.gz")) == [ALL[1], ALL[4]]
    assert paths(find_inputs([f"s3://commoncrawl/{DUMP}"], match=f"s3://*/{ONE}")) == [ONE]
    assert "fits --match '*/none/*'" in told(lists, base=web.url, match="*/none/*")
    assert s3.asked


@pytest.mark.parametrize(
    ("lines", "base", "says"),
    [
        (["../x.warc"], "{hosted}", ["line 1", "leads out", "'..'"]),
        (["a/../../x.warc"], "{hosted}", ["leads out"]),
        (["%2e%2e/x.warc"], "http://127.0.0.1:9/", ["leads out"]),
        (["https://h/a/../../x.warc"], None, ["leads out"]),
        (["# only", ""], "{hosted}", ["names no file"]),
        (["", "a.warc"], None, ["line 2", "relative", "--input-base"]),
        (["a\0.warc"], "{hosted}", ["line 1", "is no path"]),
        (["a" * 20_000], "{hosted}", ["is no path"]),
        (["none.warc", "nor.warc"], "{hosted}", ["none of the 2 files", "none.warc"]),
        (["/etc/hostname"], "{hosted}", ["does not lie in"]),
        (["/nothing/here"], "{hosted}", ["does not lie in"]),
        (["/etc/hostname"], "http://127.0.0.1:9/", ["is a path of this machine"]),
        (["a.warc"], "http://127.0.0.1:9/", ["cannot be reached"]),
        (["s3://other/a.warc"], "s3://commoncrawl/", ["does not lie in"]),
    ],
)
def test_a_list_that_cannot_be_used_is_said(tmp_path, hosted, lines, base, says):
    given = written(tmp_path, "warc.paths.gz", *lines)
    message = told(given, base=base and base.format(hosted=hosted))
    assert all(words in message for words in says), message


def test_a_remote_list_cannot_name_files_of_this_machine(hosted):
    with serving(lambda _request: Reply(200, b"/etc/hostname\n")) as web:
        assert "is a path of this machine" in told(f"{web.url}/warc.paths")
        assert "is a path of this machine" in told(f"{web.url}/warc.paths", base=str(hosted))


def test_a_remote_list_that_names_nothing_real_is_said(web: Host, tmp_path):
    given = written(tmp_path, "warc.paths", *(f"gone/{number}.warc" for number in range(9)))
    message = told(given, base=f"{web.url}/elsewhere/")
    assert "none of the 3 files looked for is there" in message
    assert "elsewhere/gone/0.warc" in message
    assert len(web.asked) == 3


def test_a_list_without_a_base_is_told_one(web: Host):
    message = told(f"{web.url}/{PATHS}")
    assert f"such as {web.url}/" in message


def test_a_damaged_list_is_said(tmp_path):
    (tmp_path / "warc.paths.gz").write_bytes(gzip.compress(b"a.warc\n" * 999)[:-12])
    assert "is damaged" in told(str(tmp_path / "warc.paths.gz"), base="/")
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\x00")
    assert "is no path" in told(str(tmp_path / "x.txt"), base="/")
    assert "cannot be read" in told(str(tmp_path / "gone.paths"), base="/")


def test_any_other_file_system_of_fsspec_can_be_read():
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/crawl/a.warc.gz", b"0123456789" * 100_000)
    files = find_inputs(["memory://crawl/*.warc.gz"])
    assert files[0].size == 1_000_000
    assert read(files[0]) == b"0123456789" * 100_000
    assert "does not exist" in told("memory://crawl/b.warc.gz")
    memory.rm("/crawl", recursive=True)


@pytest.mark.parametrize("kind", ["403", "503", "drop", "reset"])
def test_a_listing_that_fails_is_asked_again_and_leaves_nothing_out(hosted, kind):
    with serving(folder_answers(hosted), first_ones(kind)) as web:
        for given in (f"{DUMP}/segments/*/warc/*.warc.gz", f"{DUMP}/"):
            assert sorted(paths(find_inputs([f"{web.url}/{given}"]))) == sorted(ALL)
    assert web.failed[kind] >= 4


def test_a_listing_of_s3_that_fails_is_asked_again(s3: Host):
    turns = iter([None, "503", None, None, "403"])
    s3.plan = lambda _request, _before: next(turns, None)
    found = find_inputs([f"s3://commoncrawl/{DUMP}/segments/*/warc/*.warc.gz"])
    assert sorted(paths(found)) == sorted(ALL)
    assert sum(s3.failed.values()) == 2


def test_a_folder_that_cannot_be_listed_is_no_empty_one(hosted):
    refused = "segments/1700679099514.72/warc"
    with serving(folder_answers(hosted), lambda r, _: "403" if refused in r.path else None) as web:
        assert "cannot be read" in told(f"{web.url}/{DUMP}/segments/*/warc/*.warc.gz")


def test_an_empty_object_is_an_empty_file(s3: Host, tmp_path):
    s3.answers(Request("PUT", "", "/commoncrawl/empty.warc", {"x-amz-acl": "public-read"}, b""))
    try:
        (listed,) = find_inputs(["s3://commoncrawl/empty.warc"])
        (named,) = find_inputs([written(tmp_path, "a.paths", "empty.warc")], "s3://commoncrawl/")
        assert (listed.size, named.size) == (0, None)
        assert read(listed) == read(named) == b""
    finally:
        s3.answers(Request("DELETE", "", "/commoncrawl/empty.warc", {}))


@pytest.mark.parametrize("entry", ["local://{}", "zip://{}", "file://{}", "{}", "reference://{}"])
def test_a_list_from_elsewhere_names_no_file_of_this_machine(tmp_path, entry):
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"text": "x"}')
    entries = Reply(200, f"{entry.format(secret)}\n".encode())
    with serving(lambda _request: entries) as host:
        assert "is a path of this machine" in told(f"{host.url}/a.txt")


@pytest.mark.parametrize("scheme", ["zip", "reference", "github", "nosuchthing"])
def test_a_scheme_that_cannot_be_read_is_told_in_words(scheme):
    assert f"{scheme}:// cannot be read here" in told(f"{scheme}://x.warc.gz")


@pytest.mark.parametrize(
    "given",
    [
        "s3://key:hidden@bucket/a.warc.gz",
        "hf://me:hidden@datasets/a/b",
        "hf://datasets/a/b?token=hidden",
        "http://me:hid/hidden@127.0.0.1:9/crawl/",
        "http://127.0.0.1:9/crawl/?token=hidden",
        "http://127.0.0.1:9/*.warc.gz?token=hidden",
    ],
)
def test_credentials_where_they_do_not_belong_are_refused_and_not_shown(given):
    assert "hidden" not in told(given)


def test_a_base_with_a_query_is_refused(tmp_path):
    listed = written(tmp_path, "a.paths", "a.warc.gz")
    message = told(listed, base="http://127.0.0.1:9/?token=hidden")
    assert "has a query" in message
    assert "hidden" not in message


def test_two_inputs_of_one_path_are_told_apart_by_the_base_that_is_named(s3: Host):
    for bucket in ("one", "two"):
        for target, body in ((f"/{bucket}", b""), (f"/{bucket}/a.warc", b"x")):
            s3.answers(Request("PUT", "", target, {"x-amz-acl": "public-read"}, body))
    both = ["s3://one/a.warc", "s3://two/a.warc"]
    assert "--input-base what holds both: s3://" in told(*both)
    assert paths(find_inputs(both, base="s3://")) == ["one/a.warc", "two/a.warc"]
