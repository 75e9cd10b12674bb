"""A fixed number of fuzzed inputs each; `make fuzz` tries more."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import targets

RUNS = {"reader": 3000, "extractor": 250}


@pytest.mark.parametrize("target", RUNS)
def test_no_input_breaks_what_is_promised(target: str, tmp_path: Path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it has no package for this platform")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, "--runs", str(RUNS[target]), "--output",
         str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # libFuzzer tries the empty input besides, and may finish what it has begun.
    tried = re.search(r"([0-9,]+) inputs tried", done.stdout)
    assert tried is not None
    assert int(tried[1].replace(",", "")) >= RUNS[target]


def test_a_failing_input_is_made_as_small_as_it_can_be(monkeypatch: pytest.MonkeyPatch):
    def fails(data: bytes) -> None:
        if b"<b>" in data:
            raise ValueError(data)

    monkeypatch.setattr(command, "TARGETS", {**targets.TARGETS, "planted": fails})
    assert command._smallest("planted", b"some <blink> and more <b>" * 30) == b"<b>"


def test_targets_notice_what_does_not_hold(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(targets, "_FASTER", lambda html: html.upper())
    with pytest.raises(AssertionError):
        targets.extractor(b"\0<html><body><p>Some text of some length is here.</p></body></html>")
