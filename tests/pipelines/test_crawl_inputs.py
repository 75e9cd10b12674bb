"""Inputs: files, folders, globs, and what a person is told when there is nothing to read."""

import os
from collections import Counter
from pathlib import Path

import pytest

from filters.errors import UsageError, WorkError
from pipelines.crawl import find_inputs, open_file, read_pages
from tests.pipelines.warc_bytes import page_record

NAMES = (
    "b.warc.gz", "a.warc", "deep/er/c.WET.GZ", "deep/d.warc.zst", "deep/notes.dat",
    "._a.warc", ".tmp/half.warc.gz",
)  # fmt: skip


@pytest.fixture
def crawl(tmp_path) -> Path:
    folder = tmp_path / "crawl"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(page_record(1))
    return folder


def paths(files) -> list[str]:
    return [file.file_path for file in files]


def test_a_folder_is_searched_recursively_and_sorted(crawl):
    files = find_inputs([str(crawl)])
    assert paths(files) == ["a.warc", "b.warc.gz", "deep/d.warc.zst", "deep/er/c.WET.GZ"]
    assert [file.ordinal for file in files] == [0, 1, 2, 3]
    assert len({file.unit for file in files}) == 4
    assert files[0].size == len(page_record(1))
    assert Path(files[2].uri) == crawl / "deep/d.warc.zst"


def test_the_order_given_comes_first_and_a_file_comes_once(crawl):
    files = find_inputs([str(crawl / "b.warc.gz"), str(crawl), str(crawl / "a.warc")])
    assert paths(files) == ["b.warc.gz", "a.warc", "deep/d.warc.zst", "deep/er/c.WET.GZ"]


def test_a_named_file_may_be_called_anything(crawl):
    assert paths(find_inputs([str(crawl / "deep/notes.dat")])) == ["notes.dat"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.warc*", ["a.warc", "b.warc.gz"]),
        ("**/*.warc*", ["a.warc", "b.warc.gz", "deep/d.warc.zst"]),
        ("dee[p]/*.zst", ["deep/d.warc.zst"]),
    ],
)
def test_a_glob_is_relative_to_where_it_starts(crawl, pattern, found):
    assert paths(find_inputs([str(crawl / pattern)])) == found


def test_a_relative_input_is_found_from_anywhere_later(crawl, monkeypatch):
    monkeypatch.chdir(crawl.parent)
    (file, *_) = find_inputs(["crawl"])
    monkeypatch.chdir("/")
    with open_file(file) as opened:
        assert opened.read() == page_record(1)
    monkeypatch.chdir(crawl)
    assert paths(find_inputs(["*.warc"])) == ["a.warc"]
    assert paths(find_inputs([f"file://{crawl}/a.warc"])) == ["a.warc"]


def test_base_makes_paths_relative_to_it(crawl):
    files = find_inputs([str(crawl / "deep"), str(crawl / "a.warc")], base=str(crawl))
    assert paths(files) == ["deep/d.warc.zst", "deep/er/c.WET.GZ", "a.warc"]


@pytest.mark.parametrize(
    ("name", "given", "dump"),
    [
        ("CC-MAIN-2023-50/segments/1/warc/x.warc.gz", None, "CC-MAIN-2023-50"),
        ("CC-MAIN-2023-50/x.warc.gz", "mine", "mine"),
        ("CC-MAIN-20231128083443-20231128113443-00000.warc.gz", None, "local"),
        ("CC-MAIN-2012/x.warc.gz", None, "CC-MAIN-2012"),
        ("x.warc.gz", None, "local"),
    ],
)
def test_the_dump_is_the_recipes_or_in_the_path(tmp_path, name, given, dump):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"")
    assert [file.dump for file in find_inputs([str(tmp_path)], dump=given)] == [dump]


def test_linked_folders_are_followed_but_not_forever(crawl, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/z.warc").write_bytes(b"")
    (crawl / "link").symlink_to(tmp_path / "elsewhere")
    (crawl / "deep/up").symlink_to(crawl)
    assert paths(find_inputs([str(crawl)]))[-1] == "link/z.warc"
    assert len(find_inputs([str(crawl)])) == 5


@pytest.mark.parametrize(
    ("uris", "base", "says"),
    [
        ([], None, ["no input", "--input"]),
        (["{}/crwal"], None, ["crwal' does not exist", "Did you mean", "/crawl'"]),
        (["{}/crawl/a.wrac"], None, ["does not exist", "a.warc'"]),
        (["{}/nothing/like/it"], None, ["does not exist", "has no 'nothing'"]),
        (["{}/crawl/a.warc/x"], None, ["does not exist"]),
        (["{}/empty"], None, ["folder without files that can be read", ".warc.gz", "glob"]),
        (["{}/crawl/*.gzip"], None, ["matches nothing", "Quote"]),
        (["{}/crawl/de*"], None, ["matches folders only"]),
        (["{}/gone/*.warc"], None, ["matches nothing", "does not exist"]),
        (["{}/crawl"], "s3://bucket/", ["does not lie in", "--input-base"]),
        (["{}/crawl"], "{}/empty", ["does not lie in", "--input-base"]),
        (["{}/crawl", "{}/other"], None, ["would both be 'a.warc'", "--input-base"]),
        (["{}/table.csv"], None, ["table.csv' is of a kind", "as Parquet"]),
        (["\0"], None, ["does not exist"]),
    ],
)
def test_what_cannot_be_read_is_said_in_three_lines(crawl, uris, base, says):
    tmp_path = crawl.parent
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.warc").write_bytes(b"")
    (tmp_path / "table.csv").write_bytes(b"id,text\n")
    place = base and base.format(tmp_path)
    with pytest.raises(UsageError) as caught:
        find_inputs([uri.format(tmp_path) for uri in uris], base=place)
    message = str(caught.value)
    assert len(message.splitlines()) <= 3
    for words in says:
        assert words in message


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
@pytest.mark.parametrize("name", ["a.warc", "deep", "."])
def test_a_missing_permission_is_said(crawl, name):
    (crawl / name).chmod(0)
    try:
        with pytest.raises(UsageError, match="cannot be read"):
            find_inputs([str(crawl)])
    finally:
        (crawl / name).chmod(0o755)


def test_a_file_that_vanished_is_work_that_failed(crawl):
    (file,) = find_inputs([str(crawl / "a.warc")])
    others: Counter[str] = Counter()
    assert len(list(read_pages(file, others))) == 1
    Path(file.uri).unlink()
    with pytest.raises(WorkError, match="cannot be opened"):
        list(read_pages(file, others))
