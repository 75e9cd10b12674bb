"""Which licence a page's markup names, by rows made by hand; and hostile markup."""

import json
from pathlib import Path

import pytest

from filters.licence import KINDS, NOTHING, PLACES, read_licence
from filters.optout import NOTHING as NO_OPT_OUT
from filters.optout import read_opt_outs
from filters.tags import open_tags

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "golden/licence.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_what_the_markup_names(row):
    expected = {name: row[name.removeprefix("licence.")] for name in NOTHING}
    assert read_licence(row["html"].encode()) == expected
    assert read_licence(row["html"].encode("utf-16")) == expected


def test_every_kind_and_place_is_met():
    assert {row["kind"] for row in ROWS} == set(KINDS)
    assert {row["place"] for row in ROWS} == {*PLACES, "none"}


@pytest.mark.parametrize(
    "piece",
    [
        b"<a ", b'<a href="', b"<a href=https://creativecommons.org/", b"<!--", b"<script", b"a",
        b"<script type=application/ld+json>", b"<a rel=license ", b"<meta name=license content='",
        b"<a" + b" " * 50, b"<a x:x-x", b"<a " + b"=" * 50,
    ],
)  # fmt: skip
def test_a_hostile_page_costs_no_more_than_its_length(piece: bytes):
    """Were any of it looked at from each of its bytes, this would take hours."""
    for html in (
        piece * 100_000,
        b"<a " + piece * 100_000,
        b"<meta name=robots " + piece * 100_000,
    ):
        assert read_licence(html + b" license")["licence.name"] in ("none", "other")
        assert read_opt_outs([], html + b" robots") == NO_OPT_OUT


def test_deep_json_and_long_addresses_are_no_licence():
    deep = b'<script type="application/ld+json">' + b'{"license":' * 100_000 + b"</script>"
    assert read_licence(deep) == NOTHING
    long = b'<a rel="license" href="https://' + b"a-" * 500_000 + b'.creativecommons.org/">x</a>'
    assert read_licence(long)["licence.name"] == "other"


def test_a_tags_attributes():
    html = b"<x><a href=\"1\" title='>' data-x = 2 empty><a/ HREF=3>"
    (first, second) = open_tags(html.lower(), (b"a",), len(html))
    assert first.attributes == {"href": "1", "title": ">", "data-x": "2"}
    assert second.attributes == {"href": "3"}
