"""Each way in which a recipe can be wrong, with the whole message that a person reads."""

from pathlib import Path

import pytest

from filters.errors import RecipeError
from pipelines.recipe import load_recipe
from pipelines.recipe.source import MAX_BYTES

HEAD = "recipe: r\n"
OK = "stages:\n- drop: {short: words < 50}\n"

GOLDEN = Path(__file__).parent.parent / "golden" / "recipe_errors.txt"


def golden_rows():
    """Yield the recipe and the message of each row of the golden file."""
    for row in GOLDEN.read_text("utf-8").split("\n=== ")[1:]:
        name, _, rest = row.partition("\n")
        recipe, _, says = rest.partition("---\n")
        yield pytest.param(recipe, says.strip("\n"), id=name)


def message_of(folder, recipe):
    (folder / "r.yaml").write_text(recipe, "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe("r.yaml")
    assert str(caught.value).count("\n") <= 2
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(("recipe", "says"), list(golden_rows()))
def test_message(tmp_path, monkeypatch, recipe, says):
    monkeypatch.chdir(tmp_path)
    assert message_of(tmp_path, recipe) == says


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"dump: {'[' * 40}{']' * 40}", "is nested more than 16 deep."),
        ("dump: a\x1b[31m", "holds the character U+001B, which YAML does not allow."),
        (f"max_failed_units: {'9' * 5000}", "the number 999999999999… has too many digits."),
    ],
)
def test_what_is_hard_to_print(tmp_path, monkeypatch, line, says):
    monkeypatch.chdir(tmp_path)
    assert message_of(tmp_path, f"{HEAD}{line}\n") == f"r.yaml:2: {says}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "r.yaml:1: a recipe is a map of keys.\n  Start from a shipped one: cuvee recipes"),
        (
            b"- a\n",
            "r.yaml:1: a recipe is a map of keys.\n  Start from a shipped one: cuvee recipes",
        ),
        (b"recipe: r\ndump: \xff\n", "r.yaml:2: is not UTF-8 text.\n  Save it as UTF-8."),
        (
            b"#" * (MAX_BYTES + 1),
            "r.yaml: is larger than 262,144 bytes, so it is no recipe.",
        ),
    ],
)
def test_files_that_are_no_recipes(tmp_path, monkeypatch, content, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe("r.yaml")
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (
            "finweb",
            (
                "'finweb': there is no such recipe.\n"
                "  Did you mean 'fineweb'?  List all: cuvee recipes"
            ),
        ),
        ("", ".: is a folder, not a recipe.\n  List the shipped ones: cuvee recipes"),
        ("zzz.yaml", "'zzz.yaml': there is no such recipe.\n  List all: cuvee recipes"),
        ("x" * 300, f"{'x' * 300}: cannot be read: File name too long."),
    ],
)
def test_recipes_that_are_not_there(tmp_path, monkeypatch, wanted, expected):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError) as caught:
        load_recipe(wanted)
    assert str(caught.value) == expected


def test_messages_stay_on_their_lines_whatever_a_recipe_holds(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(HEAD + OK + '"a\\nb\\e[31m' + "x" * 900 + '": 1\n')
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(path))
    assert "a\\nb\\x1b[31m" in str(caught.value)
    assert str(caught.value).count("\n") == 1
    assert len(str(caught.value)) < 500
