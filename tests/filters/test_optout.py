"""What a page says of its use by machines, by hand-counted rows; and lists of others."""

import json
from pathlib import Path

import pytest

from filters.optout import NOTHING, OptOutList, read_opt_outs, tally

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "golden/optout.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_what_headers_and_tags_say(row):
    expected = {name: row.get(name.removeprefix("optout."), 0) for name in NOTHING}
    html = row["html"].encode()
    assert read_opt_outs(row.get("headers", []), html) == expected
    assert read_opt_outs(row.get("headers", []), row["html"].encode("utf-16")) == expected


def test_each_signal_is_met_on_either_side():
    for name in NOTHING:
        counts = {row.get(name.removeprefix("optout."), 0) for row in ROWS}
        assert {0, 1} <= counts, name


def test_a_hostile_page_costs_no_more_than_its_length():
    for piece in (b"<meta ", b'<meta "', b"<!--", b"<script", b"<meta name='robots' content='"):
        assert read_opt_outs([], b"robots" + piece * 200_000) == NOTHING


@pytest.mark.parametrize(
    ("url", "host", "listed"),
    [
        ("http://example.com/a", "example.com", 1),
        ("http://www.example.com/a", "www.example.com", 1),
        ("http://notexample.com/a", "notexample.com", 0),
        ("http://other.org/page/?utm_source=x", "other.org", 1),
        ("http://other.org/pages", "other.org", 0),
        ("", "", 0),
    ],
)
def test_lists_of_domains_and_addresses(url: str, host: str, listed: int):
    asked = OptOutList(["example.com"], ["other.org/page"])
    assert asked.listed(url, host) == listed


def test_what_is_counted_of_a_row():
    assert dict(tally({})) == {}
    row = {**NOTHING, "optout.noai": 2, "optout.listed": 1}
    assert dict(tally(row)) == {
        "examined": 1, "optout.noai": 1, "optout.noimageai": 0, "optout.noindex": 0,
        "optout.tdm_reservation": 0, "optout.listed": 1,
    }  # fmt: skip
    assert dict(tally({"optout.listed": 0})) == {"optout.listed": 0}
