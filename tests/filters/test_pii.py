"""Personal data against a new datatrove formatter per text, and against Dolma's pattern."""

import re

from datatrove.pipeline.formatters import PIIFormatter
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.catalog import EDITS
from filters.dolma_pii import DOLMA_PII, dolma_personal_data, found_places
from filters.pii import redact
from filters.segment import segmenter
from filters.text import Text

MARKS = r"[.\s@,?!;:)(]"
ADDRESS = re.compile(rf"{MARKS}*([^\s@]+@[^\s@,?!;:)(]+?){MARKS}?\s")
"""What Dolma's tagger calls an address, before it looks at local part and domain."""
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


def dolma_addresses(raw: str) -> list[tuple[int, int]]:
    """Return where the pattern as one finds addresses, in parts that end with a line break."""
    found, at = [], 0
    for part in re.findall(r"[^\n]*\n|[^\n]+", raw):
        for match in ADDRESS.finditer(part):
            local, domain = match[1].split("@", 1)
            if local != "(" and "." in domain:
                found.append((at + match.start(), at + match.end()))
        at += len(part)
    return found


@settings(max_examples=1500, deadline=None)
@given(st.text("@@@.. ,(a\n?", max_size=12) | st.lists(PIECES, max_size=14).map("".join))
def test_addresses_are_those_of_dolmas_pattern(raw):
    text = Text(raw, segmenter("en"))
    assert [*text.share(found_places)["email"]] == dolma_addresses(raw)


def test_dolmas_places_are_found_in_time_linear_in_the_text():
    for part in (" ", "@", ".@", "..@. ", "a", " 123-", "1.", ", a@b.c "):
        text = Text(part * (400_000 // len(part)), segmenter("en"))
        counted = DOLMA_PII.apply(text, {}).counts
        assert sum(counted.values()) == dolma_personal_data(text)


def test_dolma_leaves_pages_of_questions_alone():
    raw = "Write joe@example.org now."
    for marks, found in ((10_000, 1), (10_001, 0)):
        text = Text(raw + "?" * marks, segmenter("en"))
        assert dolma_personal_data(text) == found
