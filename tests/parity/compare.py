"""Comparing two verdicts."""

from tests.parity.oracle import Oracle, Verdict
from tests.parity.ours import Ours

UNEDITED = frozenset({"lorem_ipsum", "curly_bracket", "too_few_sentences"})
"""Reasons for which datatrove drops a page inside its line filter, before the text is edited."""


def difference(oracle: Oracle, ours: Ours, text: str, *, gate: bool) -> tuple[str, Verdict]:
    """Return what differs, empty if nothing does, and the oracle's verdict."""
    expected = oracle.judge(text, gate=gate)
    found = ours.judge(text, gate=gate)
    if found.reason != expected.reason:
        return f"{expected.reason} became {found.reason}: {text[:80]!r}", expected
    if expected.reason not in UNEDITED and found.text != expected.text:
        return f"another text, {expected.reason}: {text[:80]!r}", expected
    return "", expected
