"""The URL lists: exact, ready at once, and built by one process for all."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.blocklist import SortedLines, list_digests, load_blocker

ENTRY = st.text(st.sampled_from("ab.-é\0 "), max_size=6)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("lines") / "entries"


@given(st.sets(ENTRY, min_size=1), st.lists(ENTRY))
def test_exactly_the_entries_are_members(scratch, entries, others):
    lines = sorted(entry.encode() for entry in entries)
    scratch.unlink(missing_ok=True)
    scratch.write_bytes(b"".join(line + b"\n" for line in lines))
    found = SortedLines(scratch)
    for entry in [*entries, *others]:
        assert (entry in found) == (entry in entries)
    for line in entries:
        assert f"{line}\n" not in found
        assert f"{line}\n{line}" not in found
    assert "\ud800" not in found
    assert None not in found


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
