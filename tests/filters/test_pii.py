"""Personal data against a new datatrove formatter per text."""

from datatrove.pipeline.formatters import PIIFormatter
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.catalog import EDITS
from filters.pii import redact
from filters.segment import segmenter
from filters.text import Text

PIECES = st.sampled_from([
    *"abZ059.@-_[]: \n+%'/é", "8.8.8.8", "192.168.0.1", "256", "25", "joe@x.org", "@[", "10.0.0.1]",
    "a.b", "..", "::1",
])  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text())
def test_equals_a_new_formatter(raw):
    edited = redact(Text(raw, segmenter("en")), {"kinds": ["email", "ip"]})
    assert edited.text == PIIFormatter().format(raw)


def test_only_the_kinds_that_are_asked_for():
    text = Text("a@b.org 8.8.8.8", segmenter("en"))
    assert redact(text, {"kinds": ["ip"]}).text == "a@b.org 22.214.171.124"
    assert redact(text, {"kinds": ["email"]}).text == "email@example.com 8.8.8.8"
    assert redact(text, {"kinds": []}).counts == {"emails": 0, "ips": 0}


def test_stand_ins_start_again_on_every_page():
    options = EDITS["pii"].options
    page = Text("a@b.org", segmenter("en"))
    assert redact(page, options).text == redact(page, options).text == "email@example.com"


def test_a_long_run_of_letters_is_no_trap():
    raw = "a-" * 20_000 + " 8.8.8.8"
    assert redact(Text(raw, segmenter("en")), {"kinds": ["email", "ip"]}).counts["ips"] == 1
    for run in ("a-", "a.", "a@", "@"):  # any but linear time would be hours
        assert redact(Text(f"{run * 200_000}@ a@b.org", segmenter("en")), {"kinds": ["email"]})
