"""Keys that name models or lists say what is wrong in the same words."""

from pathlib import Path

import pytest

from filters.errors import RecipeError
from pipelines.recipe import load_recipe

NAMED = {
    "classifiers": ("classifier", "model", "model: m.bin"),
    "perplexity": ("perplexity", "model", "model: m.arpa"),
    "benchmarks": ("benchmark", "items", "items: items.jsonl, fields: question"),
    "word_lists": ("list", "file", "file: words.txt"),
}
"""Each key with what an entry is called, the option that it needs, and options of a right one."""


def told(key: str, written: str) -> str:
    Path("r.yaml").write_text(f"recipe: r\n{key}: {written}\nstages:\n- drop: {{few: words < 5}}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("r.yaml")
    said = str(caught.value)
    assert len(said.splitlines()) <= 3
    assert said.startswith("r.yaml:2: ")
    return said.removeprefix("r.yaml:2: ")


@pytest.mark.parametrize("key", NAMED)
def test_the_same_slip_is_told_alike(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("items.jsonl").write_text('{"question": "a"}\n')
    Path("words.txt").write_text("walrus\n")
    noun, needed, right = NAMED[key]
    assert told(key, "5").startswith(f"{key} must be a map of names, not 5.\n  For example: {key}")
    assert told(key, f"{{a-b: {{{right}}}}}").startswith(f"{key}: 'a-b' is no name for a {noun}.")
    assert told(key, "{a: 5}").startswith(f"{key}.a must be a map of options, not 5.\n  Options:")
    assert told(key, "{a: {}}").startswith(f"{key}.a names no {needed}.\n  For example: {key}")
    slip = f"{key}.a has no option '{needed}s'.\n  Did you mean '{needed}'?"
    assert told(key, f"{{a: {{{needed}s: x}}}}").startswith(slip)
    if key != "benchmarks":  # whose signals have longer names
        taken = f"{key}.words: 'words' is a signal already (filters/gopher.py)."
        assert told(key, f"{{words: {{{right}}}}}").startswith(taken)
    if key != "perplexity":  # whose files a run pins
        said = told(key, f"{{a: {{{right}, sha256: abc}}}}")
        assert said.startswith(f"{key}.a.sha256 must be 64 hexadecimal digits, not 'abc'.")


@pytest.mark.parametrize(
    "other", ["perplexity: {quiz_13grams: m.arpa}", "word_lists: {quiz_13grams: words.txt}"]
)
def test_two_keys_cannot_name_one_signal(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("items.jsonl").write_text('{"question": "a"}\n')
    Path("words.txt").write_text("walrus\n")
    benchmarks = "benchmarks: {quiz: {items: items.jsonl, fields: question}}"
    rules = "stages:\n- drop: {few: quiz_13grams > 5}\n"
    Path("r.yaml").write_text(f"recipe: r\n{benchmarks}\n{other}\n{rules}")
    with pytest.raises(RecipeError, match="'quiz_13grams' is a signal already"):
        load_recipe("r.yaml")
