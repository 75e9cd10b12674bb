"""The URL lists: exact, ready at once, and built by one process for all."""

import time
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.blocklist import list_digests, load_blocker
from pipelines.lookup import HashedLines, write_lines

ENTRY = st.text(st.sampled_from("ab.-é\0 "), max_size=6)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("lines") / "entries"


@given(st.lists(ENTRY), st.lists(ENTRY))
def test_exactly_the_entries_are_members(scratch, entries, others):
    scratch.unlink(missing_ok=True)
    write_lines(scratch, map(str.encode, entries))
    found = HashedLines(scratch)
    for entry in [*entries, *others, ""]:
        assert (entry in found) == (entry in entries)
    for line in entries:
        assert f"{line}\n" not in found
        assert f"{line}\n{line}" not in found
    assert "\ud800" not in found
    assert None not in found


def test_an_entry_with_the_checksum_of_a_line_is_no_member(scratch):
    line, other = "8755d764.example", "4170cb18.example"
    assert crc32(line.encode()) == crc32(other.encode())
    scratch.unlink(missing_ok=True)
    write_lines(scratch, [line.encode()])
    found = HashedLines(scratch)
    assert (line in found, other in found) == (True, False)


def test_many_lines(scratch):
    lines = [f"{number}.example.org" for number in range(0, 60_000, 3)]
    scratch.unlink(missing_ok=True)
    write_lines(scratch, map(str.encode, lines))
    found = HashedLines(scratch)
    there = [number for number in range(60_000) if f"{number}.example.org" in found]
    assert there == list(range(0, 60_000, 3))


def test_the_lists_are_ready_at_once_after_the_first_use():
    load_blocker()
    began = time.perf_counter()
    blocker = load_blocker()
    assert time.perf_counter() - began < 0.3
    assert blocker.block_reason("http://www.0-1avsex.com/x") == "domain"
    assert blocker.block_reason("http://example.com/") == "none"


def test_every_list_has_a_digest():
    assert sorted(list_digests()) == [
        "banned_subwords.txt",
        "banned_words.txt",
        "soft_banned_words.txt",
        "url_filterblacklistsv0_3_0.tar.gz",
    ]
    assert all(len(digest) == 64 for digest in list_digests().values())
